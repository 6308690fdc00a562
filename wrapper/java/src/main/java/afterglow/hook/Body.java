package afterglow.hook;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Keeps the first bytes of what passes, and counts the rest.
 *
 * <p>What is larger than most is kept outside the heap, where the kernel can take it from: it is copied once, and the garbage collector has nothing
 * to do with it. One such place is kept for the next body.
 */
public final class Body {
    private static final int FIRST = 1024;
    private static final int LARGE = 65536; // more than the preset budget, so that nothing of it happens unless somebody asks for more
    private static final byte[] NONE = {};

    private final int budget;
    private final AtomicReference<ByteBuffer> spare;
    private byte[] kept = NONE;
    private ByteBuffer large;
    private int length;
    private long size;
    private long expected;

    Body(int budget, AtomicReference<ByteBuffer> spare) {
        this.budget = budget;
        this.spare = spare;
    }

    synchronized long size() {
        return size;
    }

    /** Tells how much will come. */
    synchronized void expect(long bytes) {
        expected = bytes;
    }

    synchronized void add(byte[] bytes, int from, int count) {
        if (count <= 0) {
            return;
        }
        size += count;
        int n = Math.min(count, budget - length);
        if (n > 0) {
            room(n);
            if (large != null) {
                large.put(bytes, from, n);
            } else {
                System.arraycopy(bytes, from, kept, length, n);
            }
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
            if (large != null) {
                ByteBuffer some = bytes.duplicate();
                large.put(some.limit(some.position() + n));
            } else {
                bytes.duplicate().get(kept, length, n);
            }
            length += n;
        }
    }

    /** Makes room for n bytes more, which are within the budget. */
    private void room(int n) {
        if (large != null || kept.length - length >= n) {
            return;
        }
        int want = (int) Math.min(budget, Math.max(length + n, Math.max(expected, Math.max(FIRST, 2 * kept.length))));
        if (want <= LARGE) {
            kept = java.util.Arrays.copyOf(kept, want);
            return;
        }
        large = spare.getAndSet(null);
        if (large == null || large.capacity() < budget) {
            large = SpoolFile.outside(budget);
        }
        large.clear();
        large.put(kept, 0, length);
        kept = NONE;
    }

    /** Gives the part; known tells whether all has passed. It holds until the body is let go. */
    synchronized Part part(String of, boolean known) {
        return new Part(of, kept, large, length, known ? size : -1, !known || length < size, false);
    }

    /** Nobody needs what was kept any more, nor will anything be added. */
    synchronized void letGo() {
        if (large != null) {
            spare.set(large);
            large = null;
        }
        kept = NONE;
        length = budget;
    }
}
