package app;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the handler returns. */
final class Return {
    private Return() {}

    /** Fails when it is written down. */
    public static final class Unserializable {
        public String getValue() {
            throw new IllegalStateException("no value");
        }
    }

    static Object value(Map<String, Object> args, Map<String, Object> event) {
        String kind = (String) args.getOrDefault("kind", "value");
        switch (kind) {
            case "value":
                return args.get("value");
            case "size":
                return "r".repeat(Actor.number(args, "size", 0));
            case "binary":
                byte[] data = new byte[256];
                for (int i = 0; i < data.length; i++) {
                    data[i] = (byte) i;
                }
                return data;
            case "unicode":
                return "grüße, мир, 世界 \u2028 \ud83e\udd80 " + "€".repeat(1000);
            case "event":
                return event;
            case "nothing":
                return null;
            case "many":
                List<Object> many = new ArrayList<>();
                for (int i = 0; i < Actor.number(args, "size", 0); i++) {
                    many.add(Map.of("n", i));
                }
                return many;
            case "proxy":
                Map<String, Object> response = new LinkedHashMap<>();
                response.put("statusCode", args.getOrDefault("status", 200));
                response.put("headers", Map.of("X-A", "1"));
                response.put("body", args.getOrDefault("body", "text"));
                return response;
            case "unserializable":
                return new Unserializable();
            default:
                throw new Unsupported("to return " + kind);
        }
    }
}
