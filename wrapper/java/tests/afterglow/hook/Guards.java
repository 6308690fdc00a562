package afterglow.hook;

import afterglow.boot.Bridge;
import afterglow.boot.Probe;
import java.util.concurrent.atomic.AtomicInteger;

/** Whatever fails behind the bridge stays there; after eight failures the hook is off; what the editor does not know stays as it is. */
final class Guards {
    private static int wrong;

    private Guards() {}

    public static void main(String[] args) throws Exception {
        everyBranch();
        off();
        trap();
        unknown();
        System.exit(wrong == 0 ? 0 : 1);
    }

    private static void check(boolean right, String what) {
        if (!right) {
            wrong++;
            System.out.println(what);
        }
    }

    /** A probe that fails whatever it is told. */
    private static class Failing extends Probe {
        private final AtomicInteger told = new AtomicInteger();

        private void fail() {
            told.incrementAndGet();
            throw new StackOverflowError();
        }

        @Override
        public void enter(int point, Object self, Object a, Object b, Object c) {
            fail();
        }

        @Override
        public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
            fail();
        }

        @Override
        public void fail(int point, Throwable error, Object self) {
            fail();
        }

        @Override
        public void write(int point, Object self, byte[] bytes, int from, int count) {
            fail();
        }

        @Override
        public void read(int point, Object self, byte[] bytes, int from, int count) {
            fail();
        }
    }

    private static void everything(int point) {
        Bridge.enter(null, null, null, null, point);
        Bridge.leave(null, null, null, null, null, point);
        Bridge.fail(new Exception(), null, point);
        Bridge.write(null, new byte[1], 0, 1, point);
        Bridge.write(null, 1, point);
        Bridge.read(1, null, new byte[1], 0, point);
        Bridge.read(1, null, point);
    }

    private static void everyBranch() {
        Failing failing = new Failing();
        Bridge.probes = new Probe[] {new Guard(), failing};
        everything(1 << Bridge.SHIFT);
        check(failing.told.get() == 7, "the bridge told " + failing.told + " times");
        check(Bridge.probes.length == 2, "off too early");
        everything(9 << Bridge.SHIFT); // there is no such probe
        check(Bridge.probes.length == 0, "not off after so many failures");
    }

    private static void off() {
        everything(1 << Bridge.SHIFT); // nothing to call, nothing to fail
    }

    /** A guard that fails itself. */
    private static void trap() {
        Bridge.probes = new Probe[] {
            new Probe() {
                @Override
                public void failed(Throwable error) {
                    throw new OutOfMemoryError();
                }
            },
            new Failing(),
        };
        everything(1 << Bridge.SHIFT);
        Bridge.probes = new Probe[0];
    }

    private static void unknown() throws Exception {
        byte[] own;
        try (java.io.InputStream in = Guards.class.getResourceAsStream("Guards.class")) {
            own = in.readAllBytes();
        }
        String[][] cases = {
            {"1 E nowhere()\n", "there is no nowhere()"}, {"1 R main(\n", "read([Ljava/lang/String;)V"}, {"1 W main(\n", "write([Ljava/lang/String;)V"},
            {"1 F <init>(\n", "a constructor that throws"},
        };
        for (String[] c : cases) {
            String told = "nothing";
            try {
                ClassFile.edit(own, new Points(c[0]), 64);
            } catch (ClassFile.Unknown e) {
                told = e.getMessage();
            }
            check(told.equals(c[1]), c[0] + " gives " + told + ", not " + c[1]);
        }
        check(ClassFile.edit(own, new Points("1 ?E nowhere()\n"), 64).length == own.length, "an optional method that is not there changes the class");
    }
}
