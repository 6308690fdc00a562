package afterglow.hook;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** What becomes of large events, and what is found in responses and errors. */
final class Shorter {
    private static int wrong;

    private Shorter() {}

    public static void main(String[] args) {
        batch();
        strings();
        cuts();
        statuses();
        errors();
        System.exit(wrong == 0 ? 0 : 1);
    }

    private static void check(boolean right, String what) {
        if (!right) {
            wrong++;
            System.out.println(what);
        }
    }

    private static String shorten(String json, int budget) {
        Text text = Shorten.event(json.getBytes(StandardCharsets.UTF_8), budget);
        check(text.length <= budget, text.length + " bytes of at most " + budget + " for " + json.substring(0, Math.min(80, json.length())));
        return new String(text.bytes, 0, text.length, StandardCharsets.UTF_8);
    }

    /** The ids of a batch's later messages survive. */
    private static void batch() {
        StringBuilder json = new StringBuilder("{\"Records\":[");
        for (int i = 0; i < 10; i++) {
            json.append(i == 0 ? "" : ",").append("{\"messageId\":\"id-").append(i).append("\",\"body\":\"").append("ü\\n".repeat(4000)).append("\",\"attributes\":{\"n\":")
                .append(i).append("}}");
        }
        String small = shorten(json.append("]}").toString(), 8192);
        List<?> records = (List<?>) ((Map<?, ?>) Plain.read(small)).get("Records");
        check(records.size() == 10, "only " + records.size() + " messages are left: " + small);
        Map<?, ?> last = (Map<?, ?>) records.get(records.size() - 1);
        check("id-9".equals(last.get("messageId")) && "9".equals(((Map<?, ?>) last.get("attributes")).get("n").toString()), "the last one is " + last);
    }

    /** Strings are cut where they are too long, between characters and escapes, wherever those lie. */
    private static void strings() {
        for (String unit : new String[] {"a", "ü", "€", "😀", "\\n", "\\u20ac", "\\\"", "ab\\\\cdefghij"}) {
            for (int shift = 0; shift < 16; shift++) {
                String text = "x".repeat(shift) + unit.repeat(3000);
                String small = shorten("[\"" + text + "\",\"end\"]", 4000);
                int end = small.indexOf("\",\"end\"]");
                check(end > 2 && text.startsWith(small.substring(2, end)), shift + " and " + unit + " become " + small);
                int kept = end < 0 ? 0 : small.substring(2, end).getBytes(StandardCharsets.UTF_8).length;
                check(kept > 1024 - 13 && kept <= 1024, kept + " bytes are kept of " + shift + " and " + unit);
            }
        }
    }

    /** Whatever is cut off, what is left is whole JSON. */
    private static void cuts() {
        String[] events = {
            "{\"a\": [1, -2.5e3, true, null, \"x\"], \"long\": \"" + "€\\u20ac\\\"\\\\".repeat(500) + "\", \"deep\": {\"er\": {\"est\": []}}}",
            "[" + "[\"a\",{}],".repeat(300) + "0]", "\"" + "text".repeat(1000) + "\"", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
            "12345", "{}", "", "nonsense", "{\"half\": \"", "{\"half\": [1, ", "{\"a\":1 \"b\":2}", "{\"" + "k".repeat(3000) + "\":1}",
        };
        for (String event : events) {
            for (int budget = 0; budget < 3000; budget += budget < 100 ? 1 : 37) {
                String small = shorten(event, budget);
                try {
                    if (!small.isEmpty()) {
                        Plain.read(small);
                        check(small.indexOf('\ufffd') < 0, budget + " bytes end within a character: " + small);
                    }
                } catch (RuntimeException e) {
                    check(false, budget + " bytes of " + event.substring(0, Math.min(40, event.length())) + " are " + small + ": " + e);
                }
            }
        }
    }

    private static void statuses() {
        Object[][] cases = {
            {"{\"statusCode\":201,\"body\":\"x\"}", 201}, {" {\"statusCode\":201}", 0}, {"{\"headers\":{\"statusCode\":500},\"statusCode\": \"404\"}", 404},
            {"{\"statusCode\":2010}", 0}, {"{\"statusCode\":null}", 0}, {"[]", 0}, {"", 0}, {"{", 0}, {"{\"statusCode\"", 0}, {"{\"a\\\"b\":[{\"x\":\"}\"}],\"statusCode\":200}", 200},
            {"{\"statusCode\":99}", 0}, {"\"statusCode\"", 0},
        };
        for (Object[] c : cases) {
            int got = Json.status(((String) c[0]).getBytes(StandardCharsets.UTF_8), 65536);
            check(got == (Integer) c[1], "status of " + c[0] + " is " + got + ", not " + c[1]);
        }
    }

    private static void errors() {
        String told = "{\"errorMessage\":\"gr\\u00fc\\u00dfe\\n\\\"x\\\"\",\"errorType\":\"a.B\",\"cause\":{\"errorType\":\"c\"},\"stackTrace\":[\"one\",\"two\"]}";
        String[] got = Json.error(told.getBytes(StandardCharsets.UTF_8), 1 << 20);
        check(List.of("a.B", "grüße\n\"x\"", "one\ntwo\n").equals(List.of(got)), "the error is " + List.of(got));
        Json.error("{\"errorType\":".getBytes(StandardCharsets.UTF_8), 1 << 20);
        Json.error(new byte[0], 1 << 20);
    }
}
