package afterglow.hook;

import java.nio.charset.StandardCharsets;

/**
 * As much of a reader of JSON as the hook needs: it walks over bytes and looks at a few members. What is not JSON gives nothing; it is
 * never an error.
 */
final class Json {
    private static final int MOST_DEPTH = 512;

    private final byte[] in;
    private final int end;
    int at;

    Json(byte[] in, int end) {
        this.in = in;
        this.end = end;
    }

    /** Gives the statusCode of a proxy response; 0 if it is none. */
    static int status(byte[] response, int most) {
        if (response.length > most || response.length == 0 || response[0] != '{') {
            return 0;
        }
        Json json = new Json(response, response.length);
        json.at = 1;
        while (json.member()) {
            int from = json.at;
            String name = json.text(16);
            json.colon();
            int value = json.at;
            if (!json.skip(0)) {
                return 0;
            }
            if ("statusCode".equals(name) && from >= 0) {
                return number(new String(response, value, json.at - value, StandardCharsets.ISO_8859_1));
            }
        }
        return 0;
    }

    private static int number(String text) {
        String digits = text.replace("\"", "");
        if (digits.length() != 3) {
            return 0;
        }
        try {
            int n = Integer.parseInt(digits);
            return n >= 100 ? n : 0;
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** Gives type, message and stack of an error as the older client reports it. */
    static String[] error(byte[] told, int most) {
        String[] error = {"", "", null};
        Json json = new Json(told, Math.min(told.length, most));
        json.at = 1;
        while (json.member()) {
            String name = json.text(16);
            json.colon();
            if ("errorType".equals(name) || "errorMessage".equals(name)) {
                error["errorType".equals(name) ? 0 : 1] = json.text(Text.MOST);
            } else if ("stackTrace".equals(name)) {
                error[2] = json.lines();
            } else if (!json.skip(0)) {
                break;
            }
        }
        return error;
    }

    private String lines() {
        StringBuilder text = new StringBuilder();
        if (peek() != '[') {
            skip(0);
            return null;
        }
        at++;
        while (peek() != ']' && at < end) {
            String line = text(Text.MOST);
            if (line == null) {
                break;
            }
            text.append(line).append('\n');
            if (peek() == ',') {
                at++;
            }
        }
        at++;
        return text.toString();
    }

    /** Steps to the name of an object's next member; false if there is none. */
    private boolean member() {
        int c = peek();
        if (c == ',') {
            at++;
            c = peek();
        }
        return c == '"';
    }

    private void colon() {
        if (peek() == ':') {
            at++;
        }
        peek();
    }

    /** Gives the next character that is no space, without stepping over it; -1 at the end. */
    int peek() {
        while (at < end && (in[at] == ' ' || in[at] == '\n' || in[at] == '\r' || in[at] == '\t')) {
            at++;
        }
        return at < end ? in[at] : -1;
    }

    /** Reads a string of at most so many characters, and steps over it; null if there is none. */
    private String text(int most) {
        if (peek() != '"') {
            skip(0);
            return null;
        }
        int from = ++at;
        boolean plain = true;
        while (at < end && in[at] != '"') {
            plain &= in[at] != '\\';
            at += in[at] == '\\' ? 2 : 1;
        }
        int to = Math.min(at, end);
        at++;
        String text = new String(in, from, to - from, StandardCharsets.UTF_8);
        return plain ? text.substring(0, Math.min(text.length(), most)) : unescape(text, most);
    }

    private static String unescape(String text, int most) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length() && out.length() < most; i++) {
            char c = text.charAt(i);
            if (c != '\\' || i + 1 == text.length()) {
                out.append(c);
                continue;
            }
            c = text.charAt(++i);
            int plain = "nrtbf".indexOf(c);
            if (c == 'u' && i + 4 < text.length()) {
                out.append((char) hex(text, i + 1));
                i += 4;
            } else {
                out.append(plain < 0 ? c : "\n\r\t\b\f".charAt(plain));
            }
        }
        return out.toString();
    }

    private static int hex(String text, int at) {
        int n = 0;
        for (int i = at; i < at + 4; i++) {
            n = n << 4 | Math.max(0, Character.digit(text.charAt(i), 16));
        }
        return n;
    }

    /** Steps over a value; false if that is not possible. */
    private boolean skip(int depth) {
        int c = peek();
        if (c == '"') {
            for (at++; at < end && in[at] != '"'; at++) {
                if (in[at] == '\\') {
                    at++;
                }
            }
            at++;
            return at <= end;
        }
        if (c == '{' || c == '[') {
            return depth < MOST_DEPTH && nested(c == '{' ? '}' : ']', depth);
        }
        int from = at;
        while (at < end && in[at] != ',' && in[at] != '}' && in[at] != ']' && in[at] > ' ') {
            at++;
        }
        return at > from;
    }

    private boolean nested(int close, int depth) {
        at++;
        while (peek() != close) {
            if (at >= end || !skip(depth + 1)) {
                return false;
            }
            int c = peek();
            if (c == ',' || c == ':') {
                at++;
            }
        }
        at++;
        return true;
    }
}
