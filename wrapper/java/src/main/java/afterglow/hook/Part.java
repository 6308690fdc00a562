package afterglow.hook;

import java.nio.ByteBuffer;

/** A piece of a record's body. */
public final class Part {
    final String of;
    final byte[] data;
    /** Where a large piece is instead, from the beginning of the buffer; null for others. */
    final ByteBuffer large;
    final int length;
    /** The whole's, -1 if it is not known. */
    final long size;
    final boolean truncated;
    final boolean shortened;

    public Part(String of, byte[] data, int length, long size, boolean truncated, boolean shortened) {
        this(of, data, null, length, size, truncated, shortened);
    }

    Part(String of, byte[] data, ByteBuffer large, int length, long size, boolean truncated, boolean shortened) {
        this.of = of;
        this.data = data;
        this.large = large;
        this.length = length;
        this.size = size;
        this.truncated = truncated;
        this.shortened = shortened;
    }

    /** The beginning of data, as much as the budget allows. */
    static Part cut(String of, byte[] data, int budget) {
        return new Part(of, data, Math.min(data.length, budget), data.length, data.length > budget, false);
    }

    /** Nothing of it but how large the whole is. */
    Part empty() {
        return new Part(of, data, 0, size, size != 0, shortened);
    }

    void describe(Text text) {
        text.raw("{\"of\":\"").raw(of).raw("\",\"len\":").number(length);
        if (size >= 0) {
            text.field("size", size);
        }
        if (truncated) {
            text.raw(",\"truncated\":true");
        }
        if (shortened) {
            text.raw(",\"shortened\":true");
        }
        text.raw('}');
    }
}
