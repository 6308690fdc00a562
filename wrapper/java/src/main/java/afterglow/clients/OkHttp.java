package afterglow.clients;

import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Field;
import afterglow.hook.Known;
import afterglow.hook.Propagation;
import afterglow.hook.Streams;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import okhttp3.Headers;
import okhttp3.Interceptor;
import okhttp3.Request;
import okhttp3.Response;
import okio.Buffer;

/**
 * OkHttp from 3.14 on, HTTP/1.1 and HTTP/2.
 *
 * <p>A call starts when a request is complete and a connection for it is looked for; what the function's own network interceptors do to it comes
 * later. Each redirect and each attempt is a call of its own.
 */
public final class OkHttp extends Streams {
    private static final int TAKE_UP = 1;
    private static final int ANSWER = 2;
    private static final int SOURCE = 3;
    private static final int RECEIVE = 4;
    private static final int COMPLETE = 5;
    private static final int CLOSE_SOURCE = 6;
    private static final int SINK = 7;
    private static final int SEND = 8;

    /** A body that passes through the library's buffers. */
    private static final class Passing {
        final Call call;
        long before; // what the buffer had
        byte[] head; // what a request's buffer began with
        boolean complete;

        Passing(Call call) {
            this.call = call;
        }
    }

    private final Known<Passing> bodies = new Known<>();
    private final Field headers = new Field("headers");

    public OkHttp(Calls calls) {
        super(calls);
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case TAKE_UP: {
                Request request = ((Interceptor.Chain) a).request();
                push().call = start(request);
                break;
            }
            case RECEIVE:
            case SEND: {
                Passing body = bodies.get(self);
                if (body != null) {
                    body.before = ((Buffer) a).size();
                    body.head = point == SEND ? copy((Buffer) a, 0, Math.min(body.before, body.call.requestRoom())) : null;
                }
                break;
            }
            case COMPLETE: {
                Passing body = bodies.get(self);
                if (body != null && a == null) {
                    body.complete = true; // what was read last is told when read returns
                }
                break;
            }
            case CLOSE_SOURCE: {
                Passing body = bodies.remove(self);
                if (body != null) {
                    body.call.abandon();
                }
                break;
            }
            default:
                super.enter(point, self, a, b, c);
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case TAKE_UP:
                pop();
                break;
            case ANSWER:
                answered(current(), (Response) result);
                break;
            case SOURCE:
            case SINK: {
                Sending sending = current();
                if (sending != null && sending.call != null && !sending.call.isEnded()) {
                    sending.call.keep(bodies.put(self, new Passing(sending.call)));
                }
                break;
            }
            case RECEIVE:
                received(self, bodies.get(self), (Buffer) a);
                break;
            case SEND: {
                Passing body = bodies.get(self);
                if (body != null) {
                    long count = body.before - ((Buffer) a).size();
                    body.call.sentBeginning(body.head, (int) Math.min(count, body.head.length), count);
                    body.head = null;
                }
                break;
            }
            default:
                super.leave(point, result, self, a, b, c);
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) throws Throwable {
        if (point == TAKE_UP) {
            unanswered(error);
            pop();
        } else if (point == RECEIVE) {
            Passing body = bodies.remove(self);
            if (body != null) {
                body.call.fail(error);
            }
        }
    }

    private Call start(Request request) {
        String url = request.url().toString();
        String parent = calls.propagates() ? calls.parent(url, null, pairs(request.headers())) : null;
        if (parent != null) { // the library's own copy of what the function gave it, which it has completed
            headers.set(request, request.headers().newBuilder().set(Propagation.HEADER, parent).build());
        }
        return calls.start("OkHttp", null, request.method(), url, parent, pairs(request.headers()), null, 0);
    }

    private static void answered(Sending sending, Response response) {
        if (sending == null || sending.call == null || sending.call.isAnswered()) {
            return;
        }
        Call call = sending.call;
        String proto = response.protocol().toString();
        call.answered(response.code(), pairs(response.headers()), proto.equals("h2") ? "HTTP/2" : proto.toUpperCase(java.util.Locale.ROOT), null);
        measured(call, response.code(), response.request().method().equals("HEAD"), response.header("Content-Length"), response.header("Transfer-Encoding") != null);
    }

    private void received(Object source, Passing body, Buffer buffer) throws IOException {
        if (body == null) {
            return;
        }
        long count = buffer.size() - body.before;
        if (count > 0) {
            byte[] some = copy(buffer, body.before, Math.min(count, body.call.responseRoom()));
            body.call.receivedBeginning(some, some.length, count);
        }
        if (body.complete) {
            bodies.remove(source);
            body.call.end();
        }
    }

    private static byte[] copy(Buffer from, long at, long count) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream((int) count);
        from.copyTo(out, at, count);
        return out.toByteArray();
    }

    private static String[] pairs(Headers headers) {
        String[] pairs = new String[2 * headers.size()];
        for (int i = 0; i < headers.size(); i++) {
            pairs[2 * i] = headers.name(i);
            pairs[2 * i + 1] = headers.value(i);
        }
        return pairs;
    }
}
