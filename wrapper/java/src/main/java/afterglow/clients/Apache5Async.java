package afterglow.clients;

import afterglow.boot.Probe;
import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Field;
import afterglow.hook.Known;
import java.nio.ByteBuffer;
import org.apache.hc.client5.http.async.AsyncExecChain;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.HttpRequest;
import org.apache.hc.core5.http.HttpResponse;

/**
 * Apache HttpClient 5, the asynchronous one, HTTP/1.1 and HTTP/2.
 *
 * <p>A call starts before there is a connection, on the thread of who sends it, with the headers that the function has set. Everything that
 * belongs to it is found by its request, which the client's own handlers keep.
 */
public final class Apache5Async extends Probe {
    private static final int TAKE_UP = 1;
    private static final int FAILED = 2;
    private static final int CANCELLED = 3;
    private static final int ANSWER = 4;
    private static final int RECEIVED = 5;
    private static final int END = 6;
    private static final int PRODUCE = 7;
    private static final int SEND = 8;
    private static final int WRITE = 9;

    private final Calls calls;
    private final Field request = new Field("val$request");
    private final Known<Call> known = new Known<>(); // by request
    private final ThreadLocal<Call> producing = new ThreadLocal<>();
    private final ThreadLocal<ByteBuffer> written = new ThreadLocal<>();

    public Apache5Async(Calls calls) {
        this.calls = calls;
    }

    private Call of(Object handler) {
        return known.get(request.of(handler));
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case TAKE_UP:
                start((HttpRequest) a, ((AsyncExecChain.Scope) c).route.getTargetHost());
                break;
            case SEND: { // a client for HTTP/2 alone takes up nothing before
                HttpRequest sent = (HttpRequest) request.of(self);
                if (known.get(sent) == null) {
                    start(sent, null);
                }
                break;
            }
            case PRODUCE:
                producing.set(of(self));
                break;
            case WRITE:
                written.set(producing.get() == null ? null : ((ByteBuffer) a).duplicate());
                break;
            default: {
                Call call = of(self);
                if (call != null) {
                    tell(point, call, self, a, b);
                }
            }
        }
    }

    private void tell(int point, Call call, Object handler, Object a, Object b) {
        switch (point) {
            case FAILED:
                call.fail((Throwable) a);
                break;
            case CANCELLED:
                call.abandon();
                break;
            case ANSWER:
                answered(call, (HttpRequest) request.of(handler), (HttpResponse) a, b != null);
                break;
            case RECEIVED:
                call.received((ByteBuffer) a);
                break;
            case END:
                call.end();
                break;
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
        if (point == PRODUCE) {
            producing.remove();
        } else if (point == WRITE) {
            ByteBuffer before = written.get();
            written.remove();
            Call call = producing.get();
            if (call != null && before != null) {
                before.limit(((ByteBuffer) a).position());
                call.sent(before);
            }
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        producing.remove();
    }

    private void start(HttpRequest request, HttpHost target) {
        Call call = Apache5.start(calls, request, target);
        if (call != null) {
            known.put(request, call);
        }
    }

    private static void answered(Call call, HttpRequest request, HttpResponse response, boolean hasBody) {
        if (call.isAnswered()) {
            return;
        }
        call.answered(response.getCode(), Apache5.pairs(response.getHeaders()), response.getVersion() == null ? "HTTP/1.1" : response.getVersion().toString(), null);
        Header length = response.getFirstHeader("Content-Length");
        if (!hasBody || request.getMethod().equals("HEAD")) {
            call.end();
        } else if (length != null) {
            call.expect(Calls.length(length.getValue()));
        }
    }
}
