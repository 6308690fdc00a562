package afterglow.hook;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** Outbound requests: makes calls, and knows which are open. */
public final class Calls {
    final Spool spool;
    private final Settings settings;
    private final Handler handler;
    private final AtomicInteger count = new AtomicInteger();
    private final Object lock = new Object(); // of the list
    private Call open; // the one that began last; the others follow
    private final String api;
    private final String field; // of a call's id, up to its number
    final AtomicReference<ByteBuffer> spare = new AtomicReference<>(); // for a large body

    Calls(Settings settings, Spool spool, Handler handler) {
        this.settings = settings;
        this.spool = spool;
        this.handler = handler;
        String host = System.getenv("AWS_LAMBDA_RUNTIME_API");
        api = host == null || host.isEmpty() ? null : host;
        field = ",\"call\":\"" + spool.pid() + "-";
    }

    /**
     * Records that a request is about to be sent, and gives its call; null if it is one that nobody is to see. headers are names and
     * values in turn; body is null where it is not at hand. invocation is who started it, null for who runs now. parent is the traceparent that
     * it has got, null for none.
     */
    public Call start(String lib, String invocation, String method, String url, String parent, String[] headers, byte[] body, int length) {
        if (isApi(url)) {
            return null;
        }
        String inv = invocation == null ? handler.invocation() : invocation;
        Call call = new Call(this, lib, count.incrementAndGet(), inv, settings.bodyBytes);
        begun(call);
        call.start(method, url, parent, headers, body, length);
        return call;
    }

    /**
     * Gives the traceparent that a request is to get before it is sent, and its call at its start; null if it is to stay as it is. headers are those
     * that it has.
     */
    public String parent(String url, String invocation, String[] headers) {
        return settings.propagation.parent(url, headers, handler.trace(invocation == null ? handler.invocation() : invocation));
    }

    /** Tells whether there are requests that are to get a traceparent. */
    public boolean propagates() {
        return settings.propagation != null;
    }

    /** Gives the invocation that what happens now belongs to. */
    public String invocation() {
        return handler.invocation();
    }

    private boolean isApi(String url) {
        return api != null && url.startsWith("http://") && url.startsWith(api, 7)
            && (url.length() == 7 + api.length() || url.charAt(7 + api.length()) == '/');
    }

    /** Gives a text for a record of a call's. */
    Text text(int number) {
        return spool.text().raw(field).number(number).raw('"');
    }

    private void begun(Call call) {
        synchronized (lock) {
            call.older = open;
            if (open != null) {
                open.newer = call;
            }
            open = call;
        }
    }

    void over(Call call) {
        synchronized (lock) {
            if (call.newer != null) {
                call.newer.older = call.older;
            } else if (open == call) {
                open = call.older;
            }
            if (call.older != null) {
                call.older.newer = call.newer;
            }
            call.older = null;
            call.newer = null;
        }
    }

    /** An invocation is over, and with it what it has got of answers that nobody has read to the end. */
    void abandon(String invocation) {
        List<Call> left = new ArrayList<>();
        synchronized (lock) {
            for (Call call = open; call != null; call = call.older) {
                if (call.invocation.equals(invocation) && call.isAnswered()) {
                    left.add(call);
                }
            }
        }
        for (int i = 0; i < left.size(); i++) {
            left.get(i).abandon();
        }
    }

    /** Gives about how many bytes headers take. */
    static int size(String[] headers) {
        int n = 0;
        for (int i = 0; headers != null && i < headers.length; i++) {
            n += headers[i].length() + 4; // quotes, comma, bracket
        }
        return n;
    }

    /** Writes the field of headers, as many as the budget holds. */
    void headers(Text text, String[] headers) {
        if (headers == null || headers.length == 0) {
            return;
        }
        int left = settings.headerBytes;
        text.raw(",\"headers\":[");
        for (int i = 0; i + 1 < headers.length; i += 2) {
            left -= headers[i].length() + headers[i + 1].length() + 4; // ": " and the line end
            if (left < 0) {
                long bytes = 0;
                for (int j = i; j < headers.length; j++) {
                    bytes += headers[j].length();
                }
                spool.lose("headers", (headers.length - i) / 2, bytes);
                break;
            }
            text.raw(i == 0 ? "[" : ",[").quoted(headers[i], settings.headerBytes).raw(',').quoted(headers[i + 1], settings.headerBytes).raw(']');
        }
        text.raw(']');
    }

    /** An error's message. An error of the function's own class may run code of its own to give it: that is not asked for. */
    static String message(Throwable error) {
        return error.getClass().getClassLoader() == null ? error.getMessage() : Inside.message(error);
    }

    /** Gives the number that a Content-Length is, -1 if it is none. */
    public static long length(String value) {
        try {
            return Math.max(-1, Long.parseLong(value.trim()));
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    public static String peer(String host, int port) {
        return host.indexOf(':') >= 0 ? "[" + host + "]:" + port : host + ":" + port;
    }
}
