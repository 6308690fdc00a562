package afterglow.hook;

import afterglow.Loader;
import java.lang.instrument.Instrumentation;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Opens what the hook needs of the JDK, defines the bridge, and then lets {@link Hook} put the rest together: its classes cannot be
 * loaded before.
 */
public final class Start implements Consumer<Instrumentation> {
    /** Packages of java.base that the hook's own classes use; nobody else gets to see them. */
    private static final String[] INSIDE = {
        "jdk.internal.misc", "sun.nio.ch", "sun.net", "sun.net.www", "sun.net.www.http", "sun.net.www.protocol.http",
    };

    @Override
    public void accept(Instrumentation instrumentation) {
        try {
            Set<Module> us = Set.of(Start.class.getModule());
            Map<String, Set<Module>> exports = new HashMap<>();
            for (String name : INSIDE) {
                exports.put(name, us);
            }
            instrumentation.redefineModule(Object.class.getModule(), Set.of(), exports, Map.of(), Set.of(), Map.of());
            Loader loader = (Loader) Start.class.getClassLoader();
            Inside.boot("afterglow.boot.Probe", loader.take("afterglow.boot.Probe"));
            Inside.boot("afterglow.boot.Bridge", loader.take("afterglow.boot.Bridge"));
            Hook.install(instrumentation, loader);
        } catch (Throwable e) {
            System.err.println("afterglow: java: the hook cannot be put in place (" + e.getClass().getName() + "); this function is not recorded");
        }
    }
}
