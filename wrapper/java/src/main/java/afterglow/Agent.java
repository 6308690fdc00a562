package afterglow;

import java.lang.instrument.Instrumentation;
import java.util.function.Consumer;

/**
 * The hook's way in: the Java Virtual Machine calls premain before the main class, because exec-wrapper has put the hook's jar on the
 * command line.
 *
 * <p>It takes nothing but the environment. This class and {@link Loader} are the only ones that the function's class loaders can see
 * by name; all others are in a file of the jar that is no class path. It promises that whatever fails here, the runtime starts as if
 * the hook were not there.
 */
public final class Agent {
    private Agent() {}

    public static void premain(String options, Instrumentation instrumentation) {
        try {
            if (disabled(System.getenv("AFTERGLOW_DISABLED"))) {
                return;
            }
            hide();
            Loader loader = new Loader(Agent.class.getResourceAsStream("classes"));
            @SuppressWarnings("unchecked")
            Consumer<Instrumentation> start = (Consumer<Instrumentation>) loader.loadClass("afterglow.hook.Start").getDeclaredConstructor().newInstance();
            start.accept(instrumentation);
        } catch (Throwable e) {
            // There is nobody to tell yet, and nothing was changed.
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

    /** The virtual machine has put the jar at the end of the class path. The function sees the property as it was. */
    private static void hide() {
        String path = System.getProperty("java.class.path");
        int last = path == null ? -1 : path.lastIndexOf(':');
        if (last >= 0 && path.endsWith("/afterglow-agent.jar")) {
            System.setProperty("java.class.path", path.substring(0, last));
        }
    }
}
