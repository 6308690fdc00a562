package afterglow.hook;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON, for tests only: maps, lists, strings, and everything else as the text that it is. */
final class Plain {
    private final String in;
    private int at;

    private Plain(String in) {
        this.in = in;
    }

    static Object read(String json) {
        return new Plain(json).value();
    }

    private char next() {
        while (Character.isWhitespace(in.charAt(at))) {
            at++;
        }
        return in.charAt(at);
    }

    private Object value() {
        switch (next()) {
            case '{':
                return object();
            case '[':
                return list();
            case '"':
                return string();
            default:
                int from = at;
                while (at < in.length() && ",}] \n\t\r".indexOf(in.charAt(at)) < 0) {
                    at++;
                }
                return new StringBuilder(in.substring(from, at)); // not a String: it has no quotes
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> map = new LinkedHashMap<>();
        at++;
        while (next() != '}') {
            String name = string();
            next();
            at++;
            map.put(name, value());
            if (next() == ',') {
                at++;
            }
        }
        at++;
        return map;
    }

    private List<Object> list() {
        List<Object> list = new ArrayList<>();
        at++;
        while (next() != ']') {
            list.add(value());
            if (next() == ',') {
                at++;
            }
        }
        at++;
        return list;
    }

    private String string() {
        StringBuilder text = new StringBuilder();
        next();
        for (at++; in.charAt(at) != '"'; at++) {
            char c = in.charAt(at);
            if (c != '\\') {
                text.append(c);
                continue;
            }
            c = in.charAt(++at);
            if (c == 'u') {
                text.append((char) Integer.parseInt(in.substring(at + 1, at + 5), 16));
                at += 4;
            } else {
                int plain = "nrtbf".indexOf(c);
                text.append(plain < 0 ? c : "\n\r\t\b\f".charAt(plain));
            }
        }
        at++;
        return text.toString();
    }

    /** Writes a value as the hook's own writer would. */
    static Text write(Text text, Object value) {
        if (value instanceof Map) {
            text.raw('{');
            boolean first = true;
            for (Map.Entry<?, ?> e : ((Map<?, ?>) value).entrySet()) {
                write(text.raw(first ? "" : ",").quoted((String) e.getKey()).raw(':'), e.getValue());
                first = false;
            }
            return text.raw('}');
        }
        if (value instanceof List) {
            text.raw('[');
            boolean first = true;
            for (Object e : (List<?>) value) {
                write(text.raw(first ? "" : ","), e);
                first = false;
            }
            return text.raw(']');
        }
        return value instanceof String ? text.quoted((String) value, Integer.MAX_VALUE) : text.raw(value.toString());
    }
}
