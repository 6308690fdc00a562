package afterglow.hook;

import java.nio.ByteBuffer;

/** Keeps the first bytes of what passes, and counts the rest. */
public final class Body {
    private static final int FIRST = 1024;
    private static final byte[] NONE = {};

    private final int budget;
    private byte[] kept = NONE;
    private int length;
    private long size;

    Body(int budget) {
        this.budget = budget;
    }

    long size() {
        return size;
    }

    synchronized void add(byte[] bytes, int from, int count) {
        if (count <= 0) {
            return;
        }
        size += count;
        int n = Math.min(count, budget - length);
        if (n > 0) {
            room(n);
            System.arraycopy(bytes, from, kept, length, n);
            length += n;
        }
    }

    /** Gives the part of a body that is all there and written before its owner can change it: no copy is made, and none is kept. */
    Part whole(String of, byte[] bytes, int count) {
        int n = Math.min(count, budget);
        return new Part(of, bytes, n, count, n < count, false);
    }

    /** Adds a piece of which only the beginning is at hand. */
    synchronized void addBeginning(byte[] head, int length, long count) {
        add(head, 0, length);
        size += count - length;
    }

    synchronized int room() {
        return budget - this.length;
    }

    /** Adds what is left in a buffer, which stays as it is. */
    synchronized void add(ByteBuffer bytes) {
        int count = bytes.remaining();
        size += count;
        int n = Math.min(count, budget - length);
        if (n > 0) {
            room(n);
            bytes.duplicate().get(kept, length, n);
            length += n;
        }
    }

    private void room(int n) {
        if (kept.length - length < n) {
            kept = java.util.Arrays.copyOf(kept, Math.min(budget, Math.max(length + n, Math.max(FIRST, 2 * kept.length))));
        }
    }

    /** Gives the part; known tells whether all has passed. */
    synchronized Part part(String of, boolean known) {
        return new Part(of, kept, length, known ? size : -1, !known || length < size, false);
    }
}
