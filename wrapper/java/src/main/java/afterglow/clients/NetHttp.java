package afterglow.clients;

import afterglow.boot.Probe;
import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Field;
import afterglow.hook.Known;
import afterglow.hook.Propagation;
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
        Known.Entry entry;
        Call call;
        volatile boolean subscribed; // its body is seen where it is handed over

        Exchange(HttpRequest request, String invocation) {
            this.request = request;
            this.invocation = invocation;
        }
    }

    private final Calls calls;
    private final Known<Exchange> exchanges = new Known<>();
    private final Known<Exchange> bodies = new Known<>(); // by what a body goes to
    private final ThreadLocal<Exchange> reading = new ThreadLocal<>();
    private final Field current = new Field("exchange");
    private final Field systemHeaders = new Field("systemHeadersBuilder");
    private final Field headersMap = new Field("headersMap");
    private final Field statusCode = new Field("statusCode");
    private final Field version = new Field("version");
    private final Field exchangeOfHttp1 = new Field("http1Exchange");
    private final Field exchangeOfImplementation = new Field("exchange");
    private final Field exchangeOfStream = new Field("exchange");
    private final Field data = new Field("data");
    private final Field flags = new Field("flags");

    public NetHttp(Calls calls) {
        this.calls = calls;
    }

    // One method for each point: the virtual machine compiles a method again when it comes upon a branch that it has not seen taken before.

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) {
        switch (point) {
            case SEND:
                start(exchanges.get(self));
                break;
            case READ_BODY:
            case IGNORE_BODY:
                reading.set(exchanges.get(self));
                break;
            case NO_BODY:
                completed(call(exchanges.get(self)), null);
                break;
            case CANCEL:
                cancelled(call(exchanges.get(self)), a);
                break;
            case ARRIVED:
                arrived(call(bodies.get(self)), a);
                break;
            case COMPLETE:
                completed(call(bodies.remove(self)), a);
                break;
            case ABANDON:
                abandoned(call(bodies.remove(self)));
                break;
            case FRAME:
                frame(exchanges.get(exchangeOfStream.of(self)), a);
                break;
            case SENT:
                sent(call(bodies.get(self)), a);
                break;
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
        switch (point) {
            case EXCHANGE:
                exchange(self, (HttpRequest) a, b);
                break;
            case SEND:
                watch(call(exchanges.get(self)), result);
                break;
            case READ_BODY:
                reading.remove();
                break;
            case IGNORE_BODY:
                ignored(call(exchanges.get(self)), result);
                break;
            case RESPONSE:
                answered(exchanges.get(b), self, (HttpHeaders) c);
                break;
            case SUBSCRIBER:
                subscribed(reading.get(), self);
                break;
            case BODY_HTTP1:
                body(self, exchangeOfHttp1.of(a));
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

    private void exchange(Object self, HttpRequest request, Object multi) {
        if (exchanges.get(self) == null) { // one constructor calls the other
            Object before = current.of(multi); // the one that was redirected or failed
            Exchange known = before == null ? null : exchanges.get(before);
            Exchange exchange = new Exchange(request, known == null ? calls.invocation() : known.invocation);
            exchange.entry = exchanges.put(self, exchange);
        }
    }

    private static void watch(Call call, Object future) {
        if (call != null && future instanceof CompletableFuture) {
            ((CompletableFuture<?>) future).whenComplete(new Failed(call));
        }
    }

    private void ignored(Call call, Object future) {
        reading.remove();
        if (call != null && future instanceof CompletableFuture) {
            ((CompletableFuture<?>) future).whenComplete(new Ignored(call));
        }
    }

    private void subscribed(Exchange exchange, Object subscriber) {
        if (exchange != null && exchange.call != null) {
            exchange.subscribed = true;
            exchange.call.keep(bodies.put(subscriber, exchange));
        }
    }

    private static void cancelled(Call call, Object error) {
        if (call != null && error instanceof Throwable) {
            call.fail((Throwable) error);
        }
    }

    private static void abandoned(Call call) {
        if (call != null) {
            call.abandon();
        }
    }

    private static void sent(Call call, Object bytes) {
        if (call != null) {
            call.sent((ByteBuffer) bytes);
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
        if (end >= 0) {
            url = url.substring(0, end);
        }
        String parent = calls.propagates() ? propagate(exchange, url) : null;
        List<String> headers = new ArrayList<>();
        StringBuilder cookies = new StringBuilder();
        pairs((Map<?, ?>) headersMap.of(systemHeaders.of(request)), headers, cookies);
        pairs(request.headers().map(), headers, cookies);
        if (cookies.length() > 0) { // which the client sends last, and in one
            headers.add("Cookie");
            headers.add(cookies.toString());
        }
        exchange.call = calls.start("java.net.http", exchange.invocation, request.method(), url, parent, headers.toArray(new String[headers.size()]), null, 0);
    }

    /** Adds a traceparent to those headers that the client adds to the function's, and gives it; null if the request is to stay as it is. */
    @SuppressWarnings("unchecked")
    private String propagate(Exchange exchange, String url) {
        Map<String, List<String>> added = (Map<String, List<String>>) headersMap.of(systemHeaders.of(exchange.request));
        added.remove(Propagation.HEADER); // of an attempt before
        List<String> given = new ArrayList<>();
        pairs(exchange.request.headers().map(), given, null);
        String parent = calls.parent(url, exchange.invocation, given.toArray(new String[0]));
        if (parent != null) {
            added.put(Propagation.HEADER, List.of(parent));
        }
        return parent;
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
        int status = statusCode.ofInt(response);
        if (status < 200 && status != 101) { // the answer is yet to come
            return;
        }
        List<String> pairs = new ArrayList<>();
        pairs(headers.map(), pairs, null);
        String proto = String.valueOf(version.of(response));
        call.answered(status, pairs.toArray(new String[pairs.size()]), proto.equals("HTTP_2") ? "HTTP/2" : proto.equals("HTTP_1_1") ? "HTTP/1.1" : proto, null);
        if (status < 300 || status >= 400 && status != 401 && status != 407) { // the client leaves it at that, and asks no more whose it was
            call.keep(exchange.entry);
        }
        String length = null; // HttpHeaders.firstValue makes a stream for it, which costs several µs where only the first compiler is there
        for (int i = 0; i < pairs.size() && length == null; i += 2) {
            length = pairs.get(i).equalsIgnoreCase("content-length") ? pairs.get(i + 1) : null;
        }
        if (status == 101 || status == 204 || status == 304 || exchange.request.method().equals("HEAD")) {
            call.end();
        } else if (length != null) {
            call.expect(Calls.length(length));
        }
    }

    @SuppressWarnings("unchecked")
    private static void arrived(Call call, Object bytes) {
        if (call != null) {
            List<ByteBuffer> buffers = (List<ByteBuffer>) bytes;
            for (int i = 0; i < buffers.size(); i++) {
                call.received(buffers.get(i));
            }
        }
    }

    private static void completed(Call call, Object error) {
        if (call == null) {
            return;
        }
        if (error == null) {
            call.end();
        } else {
            call.fail((Throwable) error);
        }
    }

    /** A frame of HTTP/2, where bodies are not seen further up: before Java 19. */
    private void frame(Exchange exchange, Object frame) {
        if (call(exchange) == null || exchange.subscribed) {
            return;
        }
        arrived(exchange.call, data.of(frame));
        if ((flags.ofInt(frame) & END_STREAM) != 0) {
            exchange.call.end();
        }
    }

    private void body(Object subscriber, Object implementation) {
        Exchange exchange = exchanges.get(exchangeOfImplementation.of(implementation));
        if (exchange != null && exchange.call != null) {
            exchange.call.keep(bodies.put(subscriber, exchange));
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
