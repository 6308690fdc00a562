package afterglow.hook;

/**
 * Makes a large event small and keeps it whole JSON: long strings are cut, and what lies beyond a bound is left out.
 *
 * <p>What carries meaning in an event is short (ids, names, times), what is long is content. It walks over the bytes of the event
 * as they arrived; how far is bounded, so that the cost does not grow with the event.
 */
final class Shorten {
    private static final int MOST_NODES = 2048; // a batch of a hundred messages
    private static final int MOST_DEPTH = 32;
    private static final int LONG = 1024; // bytes that are kept of a string at first
    private static final int SHORT = 96; // and if that leaves no room for the rest: a message's or a trace's id still fits

    /** Bytes that are looked at: a batch of SQS's for most of its life; some 100 µs of work where only the first compiler of the virtual machine is there. */
    private static final int MOST_SEEN = 1 << 18;

    private static final int FAR = 4; // an event of so many budgets hardly fits with long strings: it is not tried first

    private static final long ONES = 0x0101010101010101L;
    private static final long TOPS = 0x8080808080808080L;

    private final byte[] in;
    private final int end;
    private final int cut;
    private final int budget;
    private final Text out;
    private int at;
    private int nodes = MOST_NODES;
    private boolean full;

    private Shorten(byte[] event, int cut, int budget) {
        in = event;
        end = Math.min(event.length, MOST_SEEN);
        this.cut = cut;
        this.budget = budget;
        out = new Text(budget + 2 * MOST_DEPTH);
    }

    /** Gives JSON text of at most budget bytes. */
    static Text event(byte[] event, int budget) {
        boolean far = event.length / FAR > budget;
        Shorten walk = new Shorten(event, far ? SHORT : LONG, budget);
        walk.whole();
        boolean again = far ? (long) walk.out.length * LONG / SHORT <= budget : walk.full && walk.nodes > 0;
        if (again) { // there is room for more of each string, or not for so much
            walk = new Shorten(event, far ? LONG : SHORT, budget);
            walk.whole();
        }
        return walk.out;
    }

    private void whole() {
        if (!value(0, 0)) {
            out.length = 0;
            out.raw(budget > 0 ? "0" : "");
        }
    }

    private int peek() {
        while (at < end && in[at] <= ' ' && in[at] >= 0) {
            at++;
        }
        return at < end ? in[at] : -1;
    }

    /** Tells whether n bytes more fit, with the brackets that are still to be closed. */
    private boolean fits(int n, int open) {
        if (out.length + n + open <= budget) {
            return true;
        }
        full = true;
        return false;
    }

    /** Copies a value; false if there was no room for it, no more to see, or no value. */
    private boolean value(int depth, int open) {
        if (--nodes < 0) {
            full = true;
            return false;
        }
        int c = peek();
        if (c == '"') {
            return string(open);
        }
        if (c == '{' || c == '[') {
            return nested(c, depth, open);
        }
        int from = at;
        while (at < end && in[at] != ',' && in[at] != '}' && in[at] != ']' && (in[at] > ' ' || in[at] < 0)) {
            at++;
        }
        if (at == from || at == end && depth > 0 || at - from > SHORT || !fits(at - from, open)) {
            return false;
        }
        out.raw(in, from, at - from);
        return true;
    }

    private boolean string(int open) {
        int from = at++;
        int limit = from + cut;
        int kept = limit; // the end of what is kept: never within an escape or a character
        boolean whole = false;
        while (true) {
            plain();
            whole = at < end && in[at] == '"';
            if (whole || at >= end) {
                break;
            }
            int next = at + (at + 1 < end && in[at + 1] == 'u' ? 6 : 2);
            if (at < limit && next > limit || next > end) {
                kept = Math.min(kept, at);
            }
            at = Math.min(next, end);
        }
        kept = Math.min(kept, at);
        while (kept > from + 1 && kept < in.length && (in[kept] & 0xc0) == 0x80) {
            kept--;
        }
        int n = (whole && at - from <= cut ? at : kept) - from;
        at++;
        if (!fits(n + 1, open)) {
            return false;
        }
        out.raw(in, from, n).raw('"');
        return true;
    }

    /** Steps to the next quote or backslash: over eight bytes at a time as long as none of them is one. */
    private void plain() {
        for (; at + 8 <= end; at += 8) {
            long eight = Inside.eight(in, at);
            long quote = eight ^ '"' * ONES; // a byte that is looked for becomes 0, and 0 less 1 borrows from its top
            long slash = eight ^ '\\' * ONES;
            if (((quote - ONES & ~quote | slash - ONES & ~slash) & TOPS) != 0) {
                break;
            }
        }
        while (at < end && in[at] != '"' && in[at] != '\\') {
            at++;
        }
    }

    private boolean nested(int opening, int depth, int open) {
        if (depth >= MOST_DEPTH || !fits(2, open)) {
            return false;
        }
        char closing = opening == '{' ? '}' : ']';
        out.raw((char) opening);
        at++;
        boolean first = true;
        while (peek() != closing) {
            int mark = out.length;
            if (!first) {
                if (peek() != ',' || !fits(1, open + 1)) {
                    break;
                }
                at++;
                out.raw(',');
            }
            if (opening == '{' && !name(open + 1) || !value(depth + 1, open + 1)) {
                out.length = mark; // half a member is none
                break;
            }
            first = false;
        }
        boolean ended = peek() == closing;
        at++;
        out.raw(closing);
        if (!ended) {
            at = end; // nothing behind it can be told apart any more
        }
        return true;
    }

    private boolean name(int open) {
        if (peek() != '"' || !string(open) || peek() != ':' || !fits(1, open)) {
            return false;
        }
        at++;
        out.raw(':');
        return true;
    }
}
