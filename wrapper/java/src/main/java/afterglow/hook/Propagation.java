package afterglow.hook;

import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Requests that name their call's span as parent: spool/FORMAT.md, a traceparent of the hook's. There is none unless the setting asks for it. */
public final class Propagation {
    public static final String HEADER = "traceparent";

    private static final int PLAIN = Pattern.CASE_INSENSITIVE;
    private static final int SPAN = "00-00000000000000000000000000000000-".length();

    private final Pattern meant;
    private final Pattern origin = Pattern.compile("[^:/?#]+://(?:[^/?#@]*@)?((\\[[^\\]]*\\]|[^/?#:]*)[^/?#]*).*");
    private final Pattern root = Pattern.compile("(?:^|;)\\s*root=1-([0-9a-f]{8})-([0-9a-f]{24})\\s*(?:;|$)", PLAIN);

    private Propagation(String pattern) {
        meant = Pattern.compile(pattern, PLAIN);
    }

    /** Gives null if no host is named. */
    static Propagation to(String domains) {
        StringBuilder pattern = new StringBuilder();
        for (String entry : domains.split(",")) {
            String host = entry.trim();
            if (!host.isEmpty()) {
                pattern.append(pattern.length() == 0 ? "" : "|").append(host.charAt(0) == '.' ? ".+" : "")
                    .append(Pattern.quote(host).replace("*", "\\E.*\\Q"));
            }
        }
        return pattern.length() == 0 ? null : new Propagation(pattern.toString());
    }

    /** Gives the value of the header for a request with these headers, names and values in turn; null if it is to stay as it is. */
    String parent(String url, String[] headers, String trace) {
        if (trace == null || taken(headers) || signs(url)) {
            return null;
        }
        Matcher place = origin.matcher(url);
        Matcher found = root.matcher(trace);
        if (!found.find() || !place.matches() || !meant.matcher(place.group(2)).matches() && !meant.matcher(place.group(1)).matches()) {
            return null;
        }
        long span = ThreadLocalRandom.current().nextLong();
        return span == 0 ? null : ("00-" + found.group(1) + found.group(2) + "-" + String.format("%016x", span) + "-01").toLowerCase(Locale.ROOT);
    }

    /** Gives the span of a value that parent has given. */
    static String span(String parent) {
        return parent.substring(SPAN, SPAN + 16);
    }

    /** Tells whether a request has a parent, or a signature that may be about its headers. */
    private static boolean taken(String[] headers) {
        for (int i = 0; i + 1 < headers.length; i += 2) {
            switch (headers[i].toLowerCase(Locale.ROOT)) {
                case HEADER:
                case "signature":
                case "signature-input":
                case "x-amz-content-sha256":
                    return true;
                case "authorization":
                    if (headers[i + 1].trim().toLowerCase(Locale.ROOT).startsWith("aws") || signs(headers[i + 1])) {
                        return true;
                    }
                    break;
                default:
            }
        }
        return false;
    }

    private static boolean signs(String text) {
        return text.toLowerCase(Locale.ROOT).contains("signature=");
    }
}
