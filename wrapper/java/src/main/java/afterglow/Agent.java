package afterglow;

import java.lang.instrument.Instrumentation;
import java.util.function.Consumer;

/**
 * The hook's way in: the Java Virtual Machine calls premain before the main class, because exec-wrapper has put the hook's jar on the
 * command line.
 *
 * <p>It takes nothing but the environment. This class and {@link Loader} are the only ones that the function's class loaders can see
 * by name; all others are in a file beside the jar that is no class path. It promises that whatever fails here, the runtime starts as if
 * the hook were not there.
 */
public final class Agent {
    private Agent() {}

    public static void premain(String options, Instrumentation instrumentation) {
        try {
            if (disabled(System.getenv("AFTERGLOW_DISABLED"))) {
                return;
            }
            String jar = Agent.class.getProtectionDomain().getCodeSource().getLocation().getPath(); // exec-wrapper allows nothing in it that is written otherwise in a URL
            hide(jar);
            Loader loader = new Loader(jar.substring(0, jar.length() - "jar".length()) + "classes");
            @SuppressWarnings("unchecked")
            Consumer<Instrumentation> start = (Consumer<Instrumentation>) loader.loadClass("afterglow.hook.Start").getDeclaredConstructor().newInstance();
            start.accept(instrumentation);
        } catch (Throwable e) {
            tell(e);
        }
    }

    /** The kill switch goes before everything, so it is read without help of any other class. */
    private static boolean disabled(String value) {
        if (value == null) {
            return false;
        }
        String v = value.trim();
        return v.equals("1") || v.equalsIgnoreCase("true");
    }

    /** The virtual machine has put the jar behind the class path, as it does with all agents. The function sees the property as if it were not there. */
    private static void hide(String jar) {
        String path = System.getProperty("java.class.path");
        int at = path == null ? -1 : path.lastIndexOf(":" + jar);
        int end = at + 1 + jar.length();
        if (at >= 0 && (end == path.length() || path.charAt(end) == ':')) {
            System.setProperty("java.class.path", path.substring(0, at) + path.substring(end));
        }
    }

    /** The hook's own files cannot be read, or are broken; nothing was changed. */
    private static void tell(Throwable e) {
        try {
            String level = String.valueOf(System.getenv("AFTERGLOW_LOG_LEVEL")).trim();
            if (!level.equalsIgnoreCase("error") && !level.equalsIgnoreCase("off")) {
                System.err.println("afterglow: java: the hook cannot be put in place (" + e.getClass().getName() + "); this function is not recorded");
            }
        } catch (Throwable again) {
            // Nobody is there to be told.
        }
    }
}
