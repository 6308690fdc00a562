package afterglow.hook;

/** JSON being written, as bytes in UTF-8. */
public final class Text {
    /** FORMAT.md's limit for messages, stacks and URLs. */
    public static final int MOST = 16384;

    private static final byte[] HEX = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};

    private static final boolean[] PLAIN = new boolean[256]; // what is written as it is

    static {
        for (int c = ' '; c < 0x7f; c++) {
            PLAIN[c] = c != '"' && c != '\\';
        }
    }

    private static final int BILLION = 1000000000;
    private static final int DIGITS = 9; // of what is below it
    private static final long TENTH = 0xcccccccdL; // over two to the power of TENTH_SHIFT: the first compiler divides by calling somebody
    private static final int TENTH_SHIFT = 35;

    byte[] bytes;
    int length;

    public Text(int room) {
        bytes = new byte[room];
    }

    private void need(int more) {
        if (bytes.length - length < more) {
            bytes = java.util.Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + more));
        }
    }

    /** Appends ASCII as it is. */
    @SuppressWarnings("deprecation") // getBytes(int, …) takes the low bytes, which is all that ASCII has
    public Text raw(String ascii) {
        int n = ascii.length();
        need(n);
        ascii.getBytes(0, n, bytes, length);
        length += n;
        return this;
    }

    public Text raw(char c) {
        need(1);
        bytes[length++] = (byte) c;
        return this;
    }

    public Text number(long n) {
        if (n < 0) {
            return raw(Long.toString(n));
        }
        if (n < BILLION) {
            int count = 1;
            for (int power = 10; count < DIGITS && n >= power; power *= 10) {
                count++;
            }
            return digits((int) n, count);
        }
        long high = n / BILLION;
        return number(high).digits((int) (n - high * BILLION), DIGITS);
    }

    /** Appends a number below a billion with so many digits. */
    private Text digits(int n, int count) {
        need(count);
        length += count;
        for (int at = length - 1; count > 0; count--, at--) {
            int tenth = (int) (n * TENTH >>> TENTH_SHIFT);
            bytes[at] = (byte) ('0' + n - 10 * tenth);
            n = tenth;
        }
        return this;
    }

    Text raw(byte[] from, int at, int count) {
        need(count);
        System.arraycopy(from, at, bytes, length, count);
        length += count;
        return this;
    }

    /** Appends a string of JSON, cut to what FORMAT.md allows. */
    public Text quoted(String s) {
        return quoted(s, MOST);
    }

    /** Appends a string of JSON of at most so many characters. */
    public Text quoted(String s, int most) {
        int n = Math.min(s.length(), most);
        need(n + 2);
        bytes[length++] = '"';
        int i = 0;
        byte[] plain = Inside.latin1(s);
        if (plain != null) { // nearly all are: they are copied at once, up to what is no plain ASCII
            while (i < n && PLAIN[plain[i] & 0xff]) {
                i++;
            }
            System.arraycopy(plain, 0, bytes, length, i);
            length += i;
        }
        while (i < n) {
            i += odd(s, i, n);
        }
        return raw('"');
    }

    /** Appends the character at i, which may be any, and gives how many chars it takes. */
    private int odd(String s, int i, int n) {
        char c = s.charAt(i);
        need(6);
        if (c == '"' || c == '\\') {
            bytes[length++] = '\\';
            bytes[length++] = (byte) c;
        } else if (c < ' ' || c == 0x7f) {
            escape(c);
        } else if (c < 0x80) {
            bytes[length++] = (byte) c;
        } else if (c < 0x800) {
            bytes[length++] = (byte) (0xc0 | c >> 6);
            bytes[length++] = (byte) (0x80 | c & 0x3f);
        } else if (!Character.isSurrogate(c)) {
            bytes[length++] = (byte) (0xe0 | c >> 12);
            bytes[length++] = (byte) (0x80 | c >> 6 & 0x3f);
            bytes[length++] = (byte) (0x80 | c & 0x3f);
        } else if (Character.isHighSurrogate(c) && i + 1 < n && Character.isLowSurrogate(s.charAt(i + 1))) {
            int point = Character.toCodePoint(c, s.charAt(i + 1));
            bytes[length++] = (byte) (0xf0 | point >> 18);
            bytes[length++] = (byte) (0x80 | point >> 12 & 0x3f);
            bytes[length++] = (byte) (0x80 | point >> 6 & 0x3f);
            bytes[length++] = (byte) (0x80 | point & 0x3f);
            return 2;
        } else {
            escape(c);
        }
        return 1;
    }

    private void escape(char c) {
        bytes[length++] = '\\';
        bytes[length++] = 'u';
        for (int shift = 12; shift >= 0; shift -= 4) {
            bytes[length++] = HEX[c >> shift & 15];
        }
    }

    /** Appends ,"name":"value", or nothing for null. */
    public Text field(String name, String value) {
        if (value == null) {
            return this;
        }
        return name(name).quoted(value);
    }

    /** Appends ,"name":value. */
    public Text field(String name, long value) {
        return name(name).number(value);
    }

    /** Appends ,"name": */
    @SuppressWarnings("deprecation") // as above
    private Text name(String name) {
        int n = name.length();
        need(n + 4);
        bytes[length++] = ',';
        bytes[length++] = '"';
        name.getBytes(0, n, bytes, length);
        length += n;
        bytes[length++] = '"';
        bytes[length++] = ':';
        return this;
    }

    /** Appends the field of an error; stack may be null. */
    public Text error(String type, String message, String stack) {
        raw(",\"error\":{\"type\":").quoted(type == null ? "" : type).raw(",\"message\":").quoted(message == null ? "" : message);
        return field("stack", stack == null || stack.isEmpty() ? null : stack).raw('}');
    }
}
