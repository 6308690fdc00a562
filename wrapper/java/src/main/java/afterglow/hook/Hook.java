package afterglow.hook;

import afterglow.Loader;
import afterglow.boot.Bridge;
import afterglow.boot.Probe;
import java.lang.instrument.Instrumentation;
import java.util.ArrayList;
import java.util.List;

/** Puts the hook together, and waits for the classes that it looks into. */
final class Hook {
    private Hook() {}

    static void install(Instrumentation instrumentation, Loader loader) throws Exception {
        Guard guard = new Guard();
        Settings settings = new Settings(guard);
        Spool spool = new Spool(settings, guard);
        Work work = new Work();
        Handler handler = new Handler(settings, spool, work);
        Calls calls = new Calls(settings, spool, handler);
        handler.use(calls);
        Bridge.probes = new Probe[] {guard, handler, work};
        instrumentation.addTransformer(new Transformer(loader, guard, handler, calls), true);
        List<Class<?>> early = new ArrayList<>();
        for (Class<?> c : instrumentation.getAllLoadedClasses()) {
            if (!c.isArray() && Targets.of(c.getName().replace('.', '/')) != null) {
                early.add(c);
            }
        }
        if (!early.isEmpty()) { // another agent came first
            instrumentation.retransformClasses(early.toArray(new Class<?>[0]));
        }
    }
}
