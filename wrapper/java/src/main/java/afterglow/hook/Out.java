package afterglow.hook;

/** Bytes being written in the order of class files. */
final class Out {
    byte[] bytes;
    int length;

    Out(int room) {
        bytes = new byte[room];
    }

    private void need(int n) {
        if (bytes.length - length < n) {
            bytes = java.util.Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + n));
        }
    }

    Out u1(int v) {
        need(1);
        bytes[length++] = (byte) v;
        return this;
    }

    Out u2(int v) {
        return u1(v >> 8).u1(v);
    }

    Out u4(int v) {
        return u2(v >> 16).u2(v);
    }

    Out copy(byte[] from, int at, int count) {
        need(count);
        System.arraycopy(from, at, bytes, length, count);
        length += count;
        return this;
    }

    Out append(Out other) {
        return copy(other.bytes, 0, other.length);
    }

    /** Writes a length of four bytes into the place that was left for it. */
    void patchLength(int at) {
        int n = length - at - 4;
        bytes[at] = (byte) (n >> 24);
        bytes[at + 1] = (byte) (n >> 16);
        bytes[at + 2] = (byte) (n >> 8);
        bytes[at + 3] = (byte) n;
    }

    byte[] trimmed() {
        return java.util.Arrays.copyOf(bytes, length);
    }
}
