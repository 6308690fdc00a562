package afterglow.boot;

/**
 * What changed methods call. It is defined by the boot loader, so that the JDK's classes and every class loader of the function's can
 * see it, and it is the guard: nothing that fails behind it comes out of it.
 *
 * <p>A point is the number of a probe, shifted, and the probe's own number for the method.
 */
public final class Bridge {
    public static final int SHIFT = 6;
    private static final int MASK = (1 << SHIFT) - 1;

    /** All probes; the first one takes failures. Empty: the hook is off. */
    public static volatile Probe[] probes = new Probe[0];

    private Bridge() {}

    public static void enter(Object self, Object a, Object b, Object c, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].enter(point & MASK, self, a, b, c);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    public static void leave(Object result, Object self, Object a, Object b, Object c, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].leave(point & MASK, result, self, a, b, c);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    public static void fail(Throwable error, Object self, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].fail(point & MASK, error, self);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    public static void write(Object self, byte[] bytes, int from, int count, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].write(point & MASK, self, bytes, from, count);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    public static void write(Object self, int b, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].write(point & MASK, self, new byte[] {(byte) b}, 0, 1);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    public static void read(int count, Object self, byte[] bytes, int from, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].read(point & MASK, self, bytes, from, count);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    public static void read(int b, Object self, int point) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[point >> SHIFT].read(point & MASK, self, new byte[] {(byte) b}, 0, b < 0 ? -1 : 1);
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    private static void failed(Throwable error) {
        try {
            Probe[] all = probes;
            if (all.length != 0) {
                all[0].failed(error);
            }
        } catch (Throwable e) {
            // The stack or the memory is exhausted.
        }
    }
}
