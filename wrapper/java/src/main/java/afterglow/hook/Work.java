package afterglow.hook;

import afterglow.boot.Probe;

/**
 * Which invocation a thread works for.
 *
 * <p>A thread that an invocation started works for that invocation, even if it outlives it. What is given to a pool is worked on for the
 * invocation that gave it. Everything else is work for the invocation that runs, or ran last: of threads of a library's own class, which are pools
 * usually, and of what is given to a ForkJoinPool without a CompletableFuture.
 */
final class Work extends Probe {
    static final int EXECUTE = 1; // a task is given to a pool
    static final int SCHEDULE = 2; // one that may be done again and again
    static final int WORKER = 3; // a thread of a pool begins
    static final int NEXT = 4; // and goes on
    static final int FORK_JOIN = 5;
    static final int STAGE = 6; // a stage of a CompletableFuture is made
    static final int RUN = 7; // and done

    /** What a thread works for, and what it did before if it is to go back to that. */
    private static final class Slot {
        final String invocation; // null: whatever runs
        final boolean inherited;
        final Slot outer;

        Slot(String invocation, boolean inherited, Slot outer) {
            this.invocation = invocation;
            this.inherited = inherited;
            this.outer = outer;
        }
    }

    private static final class Slots extends InheritableThreadLocal<Slot> {
        @Override
        protected Slot childValue(Slot parent) {
            return parent == null ? null : new Slot(parent.invocation, true, null);
        }
    }

    /** The invocation that began last. */
    volatile String last = "none";

    private final Slots slots = new Slots();
    private final Known<String> tasks = new Known<>();
    private final Known<String> lasting = new Known<>();
    private long firstTask = -1;

    /** An invocation begins on this thread, which is the runtime client's. */
    void starts(String invocation) {
        last = invocation;
        slots.set(new Slot(invocation, false, null));
    }

    String current() {
        String invocation = own();
        return invocation == null ? last : invocation;
    }

    private String own() {
        Slot slot = slots.get();
        if (slot == null || slot.inherited && Thread.currentThread().getClass().getClassLoader() != null) {
            return null;
        }
        return slot.invocation;
    }

    /** Gives what a task that is made now will be work for; null if that is not an invocation. */
    private String giver() {
        String invocation = current();
        return invocation.equals("init") || invocation.equals("none") ? null : invocation;
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) {
        switch (point) {
            case EXECUTE:
                remember(tasks, a);
                break;
            case SCHEDULE:
                remember(lasting, a);
                break;
            case WORKER:
                if (firstTask < 0) {
                    firstTask = Inside.field(a.getClass(), "firstTask");
                }
                begin(Inside.read(a, firstTask));
                break;
            case FORK_JOIN:
                begin(null);
                break;
            case RUN: {
                String invocation = tasks.remove(self);
                slots.set(new Slot(invocation == null ? own() : invocation, false, slots.get()));
                break;
            }
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
        if (point == NEXT) {
            begin(result);
        } else if (point == STAGE) {
            if (a != null) { // its executor, or what is to be done
                remember(tasks, self);
            }
        } else if (point == RUN) {
            back();
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        if (point == RUN) {
            back();
        }
    }

    private void remember(Known<String> known, Object task) {
        if (task == null || isOfClient(task)) {
            return;
        }
        String invocation = giver();
        if (invocation != null) {
            known.put(task, invocation);
        }
    }

    /**
     * Tells whether a task is one of java.net.http's own, of which a request makes several, from threads that work for everybody. What the function wants
     * to be done with an answer comes as a stage of a CompletableFuture.
     */
    private static boolean isOfClient(Object task) {
        return "java.net.http".equals(task.getClass().getModule().getName());
    }

    /** A pool's thread is about to do a task, or to end. */
    private void begin(Object task) {
        String invocation = null;
        if (task != null && !isOfClient(task)) {
            invocation = tasks.remove(task);
            if (invocation == null) {
                invocation = lasting.get(task);
            }
        }
        Slot slot = slots.get();
        if (slot == null || slot.inherited || slot.outer != null || slot.invocation != invocation) {
            slots.set(new Slot(invocation, false, null));
        }
    }

    private void back() {
        Slot slot = slots.get();
        slots.set(slot == null ? null : slot.outer);
    }
}
