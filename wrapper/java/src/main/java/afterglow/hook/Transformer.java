package afterglow.hook;

import afterglow.Loader;
import afterglow.boot.Bridge;
import afterglow.boot.Probe;
import java.lang.instrument.ClassFileTransformer;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.List;

/**
 * Looks at classes while they are loaded, and changes those that {@link Targets} names.
 *
 * <p>A client's probe is made when the first of its points is reached, not when the class is loaded: by then the library's other classes
 * can be loaded as usual.
 */
final class Transformer implements ClassFileTransformer {
    private static final int MOST_PROBES = 256; // a point's number has to fit into an instruction's two bytes

    private final Loader loader;
    private final Guard guard;
    private final Handler handler;
    private final Calls calls;
    private final List<Late> late = new ArrayList<>();
    private volatile boolean isolated; // that was told

    /** What is needed while a class is being loaded: to load it then would go in a circle. */
    private static final Class<?>[] NEEDED = {
        Targets.class, Targets.Target.class, Points.class, Points.Point.class, ClassFile.class, ClassFile.Method.class, ClassFile.Unknown.class, Code.class,
        StackMap.class, Out.class, Late.class,
    };

    Transformer(Loader loader, Guard guard, Handler handler, Calls calls) throws ClassNotFoundException {
        for (Class<?> needed : NEEDED) {
            Class.forName(needed.getName(), true, loader); // linked, too
        }
        this.loader = loader;
        this.guard = guard;
        this.handler = handler;
        this.calls = calls;
    }

    @Override
    public byte[] transform(ClassLoader from, String name, Class<?> again, ProtectionDomain domain, byte[] bytes) {
        if (name == null) {
            return null;
        }
        try {
            Targets.Target target = Targets.of(name);
            return target == null ? null : change(from, name, target, bytes);
        } catch (ClassFile.Unknown e) {
            guard.warn(name.substring(name.lastIndexOf('/') + 1) + " is not as the hook knows it (" + e.getMessage() + "); what it does is not recorded");
        } catch (Throwable e) {
            guard.failed(e);
        }
        return null;
    }

    private byte[] change(ClassLoader from, String name, Targets.Target target, byte[] bytes) throws Exception {
        if (from != null && !sees(from)) {
            return null;
        }
        int probe = target.probe() != 0 ? target.probe() : probeOf(target.client, from);
        byte[] changed = ClassFile.edit(bytes, new Points(target.points), probe << Bridge.SHIFT);
        if (target.isHandler()) {
            handler.arm();
        }
        return changed;
    }

    /** Tells whether classes of a loader's can call the bridge; one that does not ask the loader above it gives, or throws, what it likes. */
    private boolean sees(ClassLoader from) {
        try {
            if (from.loadClass("afterglow.boot.Bridge") == Bridge.class) {
                return true;
            }
        } catch (Exception | LinkageError e) {
            // told below
        }
        if (!isolated) {
            guard.warn("a class loader of the function's does not ask the one above it; requests of libraries in it are not recorded");
        }
        isolated = true;
        return false;
    }

    /** Gives the number of a client's probe for the library of one class loader. */
    private synchronized int probeOf(String client, ClassLoader from) throws ClassFile.Unknown {
        for (int i = 0; i < late.size(); i++) {
            if (late.get(i).client.equals(client) && late.get(i).from == from) {
                return late.get(i).number;
            }
        }
        Probe[] all = Bridge.probes;
        if (all.length == 0 || all.length >= MOST_PROBES) {
            throw new ClassFile.Unknown("no room for one more");
        }
        Probe[] more = java.util.Arrays.copyOf(all, all.length + 1);
        Late probe = new Late(client, from, all.length);
        late.add(probe);
        more[all.length] = probe;
        Bridge.probes = more;
        return probe.number;
    }

    /** Stands in for a client's probe until the first point is reached. */
    private final class Late extends Probe {
        final String client;
        final ClassLoader from;
        final int number;
        private boolean failed;

        Late(String client, ClassLoader from, int number) {
            this.client = client;
            this.from = from;
            this.number = number;
        }

        private synchronized Probe real() throws Exception {
            Probe[] all = Bridge.probes;
            if (all.length == 0 || failed) {
                return null;
            }
            if (all[number] == this) {
                failed = true; // until it is there
                ClassLoader own = from == null ? loader : new Clients(from, loader);
                Probe probe = (Probe) own.loadClass("afterglow.clients." + client).getConstructor(Calls.class).newInstance(calls);
                failed = false;
                all[number] = probe; // whoever still has the old array, has the old probe, which comes here
                return probe;
            }
            return all[number];
        }

        @Override
        public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
            Probe p = real();
            if (p != null) {
                p.enter(point, self, a, b, c);
            }
        }

        @Override
        public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
            Probe p = real();
            if (p != null) {
                p.leave(point, result, self, a, b, c);
            }
        }

        @Override
        public void fail(int point, Throwable error, Object self) throws Throwable {
            Probe p = real();
            if (p != null) {
                p.fail(point, error, self);
            }
        }

        @Override
        public void write(int point, Object self, byte[] bytes, int start, int count) throws Throwable {
            Probe p = real();
            if (p != null) {
                p.write(point, self, bytes, start, count);
            }
        }

        @Override
        public void read(int point, Object self, byte[] bytes, int start, int count) throws Throwable {
            Probe p = real();
            if (p != null) {
                p.read(point, self, bytes, start, count);
            }
        }
    }
}
