package afterglow.hook;

/**
 * Which invocation a thread works for.
 *
 * <p>A thread that an invocation started works for that invocation, even if it outlives it. Work that is given to a pool works for the
 * invocation that gave it. Everything else works for the invocation that runs, or ran last.
 */
final class Work {
    /** What a thread works for; null: whatever runs. */
    private final InheritableThreadLocal<String> mine = new InheritableThreadLocal<>();

    /** The invocation that began last. */
    volatile String last = "none";

    /** An invocation begins on this thread, which is the runtime client's. */
    void starts(String invocation) {
        last = invocation;
        mine.set(invocation);
    }

    String current() {
        String invocation = mine.get();
        return invocation == null ? last : invocation;
    }
}
