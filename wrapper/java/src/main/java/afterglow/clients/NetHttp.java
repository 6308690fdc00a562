package afterglow.clients;

import afterglow.boot.Probe;
import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Fields;
import afterglow.hook.Known;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.BiConsumer;

/**
 * java.net.http.HttpClient, synchronous and asynchronous, HTTP/1.1 and HTTP/2.
 *
 * <p>Each of its exchanges is a call: one for every redirect and every attempt. An exchange starts before there is a connection. Everything is
 * looked at in the client's own classes; of the function's publishers, subscribers and futures none is touched.
 */
public final class NetHttp extends Probe {
    private static final int MULTI = 1;
    private static final int EXCHANGE = 2;
    private static final int SEND = 3;
    private static final int READ_BODY = 4;
    private static final int NO_BODY = 5;
    private static final int CANCEL = 6;
    private static final int IGNORE_BODY = 7;
    private static final int RESPONSE = 10;
    private static final int SUBSCRIBER = 20;
    private static final int ARRIVED = 21;
    private static final int COMPLETE = 22;
    private static final int ABANDON = 23;
    private static final int FRAME = 30;
    private static final int BODY_HTTP1 = 40;
    private static final int BODY_HTTP2 = 41;
    private static final int SENT = 42;
    private static final int END_STREAM = 1; // RFC 9113, 6.1

    /** An exchange of the client's. */
    private static final class Exchange {
        final HttpRequest request;
        final String invocation;
        Call call;
        volatile boolean subscribed; // its body is seen where it is handed over

        Exchange(HttpRequest request, String invocation) {
            this.request = request;
            this.invocation = invocation;
        }
    }

    private final Calls calls;
    private final Known<String> multis = new Known<>(); // a request with its redirects: who started it
    private final Known<Exchange> exchanges = new Known<>();
    private final Known<Exchange> bodies = new Known<>(); // by what a body goes to
    private final ThreadLocal<Exchange> reading = new ThreadLocal<>();
    private final Fields fields = new Fields();

    public NetHttp(Calls calls) {
        this.calls = calls;
    }

    @Override
    @SuppressWarnings("unchecked")
    public void enter(int point, Object self, Object a, Object b, Object c) {
        switch (point) {
            case SEND:
                start(exchanges.get(self));
                break;
            case READ_BODY:
            case IGNORE_BODY:
                reading.set(exchanges.get(self));
                break;
            case NO_BODY: {
                Call call = call(exchanges.get(self));
                if (call != null) {
                    call.end();
                }
                break;
            }
            case CANCEL: {
                Call call = call(exchanges.get(self));
                if (call != null && a instanceof Throwable) {
                    call.fail((Throwable) a);
                }
                break;
            }
            case ARRIVED:
                arrived(bodies.get(self), (List<ByteBuffer>) a);
                break;
            case COMPLETE:
                completed(call(bodies.remove(self)), (Throwable) a);
                break;
            case ABANDON: {
                Call call = call(bodies.remove(self));
                if (call != null) {
                    call.abandon();
                }
                break;
            }
            case FRAME:
                frame(exchanges.get(fields.read(self, "exchange")), a);
                break;
            case SENT: {
                Call call = call(bodies.get(self));
                if (call != null) {
                    call.sent((ByteBuffer) a);
                }
                break;
            }
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
        switch (point) {
            case MULTI:
                if (multis.get(self) == null) {
                    multis.put(self, calls.invocation());
                }
                break;
            case EXCHANGE:
                exchange(self, (HttpRequest) a, b);
                break;
            case SEND: {
                Call call = call(exchanges.get(self));
                if (call != null && result instanceof CompletableFuture) {
                    ((CompletableFuture<?>) result).whenComplete(new Failed(call));
                }
                break;
            }
            case READ_BODY:
                reading.remove();
                break;
            case IGNORE_BODY: {
                reading.remove();
                Call call = call(exchanges.get(self));
                if (call != null && result instanceof CompletableFuture) {
                    ((CompletableFuture<?>) result).whenComplete(new Ignored(call));
                }
                break;
            }
            case RESPONSE:
                answered(exchanges.get(b), self, (HttpHeaders) c);
                break;
            case SUBSCRIBER: {
                Exchange exchange = reading.get();
                if (exchange != null) {
                    exchange.subscribed = true;
                    bodies.put(self, exchange);
                }
                break;
            }
            case BODY_HTTP1:
                body(self, fields.read(a, "http1Exchange"));
                break;
            case BODY_HTTP2:
                body(self, a);
                break;
            default:
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        reading.remove();
    }

    private static Call call(Exchange exchange) {
        return exchange == null ? null : exchange.call;
    }

    private void exchange(Object exchange, HttpRequest request, Object multi) {
        String invocation = multis.get(multi);
        if (invocation == null) { // this is the multi's own thread, which is the caller's
            invocation = calls.invocation();
            multis.put(multi, invocation);
        }
        if (exchanges.get(exchange) == null) {
            exchanges.put(exchange, new Exchange(request, invocation));
        }
    }

    private void start(Exchange exchange) {
        if (exchange == null || exchange.call != null) {
            return;
        }
        HttpRequest request = exchange.request;
        URI uri = request.uri();
        String url = uri.toString();
        int end = url.indexOf('#');
        List<String> headers = new ArrayList<>();
        StringBuilder cookies = new StringBuilder();
        pairs((Map<?, ?>) fields.read(fields.read(request, "systemHeadersBuilder"), "headersMap"), headers, cookies);
        pairs(request.headers().map(), headers, cookies);
        if (cookies.length() > 0) { // which the client sends last, and in one
            headers.add("Cookie");
            headers.add(cookies.toString());
        }
        exchange.call = calls.start("java.net.http", exchange.invocation, request.method(), end < 0 ? url : url.substring(0, end),
            headers.toArray(new String[0]), null, 0);
    }

    private static void pairs(Map<?, ?> from, List<String> into, StringBuilder cookies) {
        for (Map.Entry<?, ?> e : from.entrySet()) {
            String name = (String) e.getKey();
            boolean cookie = cookies != null && name.equalsIgnoreCase("Cookie");
            for (Object value : (List<?>) e.getValue()) {
                if (cookie) {
                    cookies.append(cookies.length() == 0 ? "" : "; ").append((String) value);
                } else {
                    into.add(name);
                    into.add((String) value);
                }
            }
        }
    }

    private void answered(Exchange exchange, Object response, HttpHeaders headers) {
        Call call = call(exchange);
        if (call == null || call.isAnswered()) {
            return;
        }
        int status = fields.readInt(response, "statusCode");
        if (status < 200 && status != 101) { // the answer is yet to come
            return;
        }
        List<String> pairs = new ArrayList<>();
        pairs(headers.map(), pairs, null);
        String proto = String.valueOf(fields.read(response, "version"));
        call.answered(status, pairs.toArray(new String[0]), proto.equals("HTTP_2") ? "HTTP/2" : proto.equals("HTTP_1_1") ? "HTTP/1.1" : proto, null);
        String length = headers.firstValue("content-length").orElse(null);
        if (status == 101 || status == 204 || status == 304 || exchange.request.method().equals("HEAD")) {
            call.end();
        } else if (length != null) {
            call.expect(Calls.length(length));
        }
    }

    private static void arrived(Exchange exchange, List<ByteBuffer> buffers) {
        Call call = call(exchange);
        if (call != null) {
            for (int i = 0; i < buffers.size(); i++) {
                call.received(buffers.get(i));
            }
        }
    }

    private static void completed(Call call, Throwable error) {
        if (call == null) {
            return;
        }
        if (error == null) {
            call.end();
        } else {
            call.fail(error);
        }
    }

    /** A frame of HTTP/2, where bodies are not seen further up: before Java 19. */
    @SuppressWarnings("unchecked")
    private void frame(Exchange exchange, Object frame) {
        if (call(exchange) == null || exchange.subscribed) {
            return;
        }
        arrived(exchange, (List<ByteBuffer>) fields.read(frame, "data"));
        if ((fields.readInt(frame, "flags") & END_STREAM) != 0) {
            exchange.call.end();
        }
    }

    private void body(Object subscriber, Object implementation) {
        Exchange exchange = exchanges.get(fields.read(implementation, "exchange"));
        if (exchange != null) {
            bodies.put(subscriber, exchange);
        }
    }

    /** Tells of an answer that the client does not want: one that leads elsewhere. */
    private static final class Ignored implements BiConsumer<Object, Throwable> {
        private final Call call;

        Ignored(Call call) {
            this.call = call;
        }

        @Override
        public void accept(Object nothing, Throwable error) {
            call.abandon();
        }
    }

    /** Tells of an exchange that came to nothing. */
    private static final class Failed implements BiConsumer<Object, Throwable> {
        private final Call call;

        Failed(Call call) {
            this.call = call;
        }

        @Override
        public void accept(Object response, Throwable error) {
            if (error != null && !call.isAnswered()) {
                call.fail(error instanceof CompletionException && error.getCause() != null ? error.getCause() : error);
            }
        }
    }
}
