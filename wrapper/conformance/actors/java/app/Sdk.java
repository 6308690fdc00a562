package app;

import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.http.HttpExecuteRequest;
import software.amazon.awssdk.http.HttpExecuteResponse;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.SdkHttpFullRequest;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpResponse;
import software.amazon.awssdk.http.async.AsyncExecuteRequest;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.async.SdkAsyncHttpResponseHandler;
import software.amazon.awssdk.http.async.SdkHttpContentPublisher;
import software.amazon.awssdk.http.crt.AwsCrtAsyncHttpClient;
import software.amazon.awssdk.http.crt.AwsCrtHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.SdkEventLoopGroup;
import software.amazon.awssdk.utils.AttributeMap;

/** The clients of version 2 of the AWS SDK that are none of the others, without a service on top. */
final class Sdk implements Library {
    /** It complains of an answer that is no HTTP when its own thread gets to that, before or after the handler has answered. */
    private static final Logger PIPELINE = Logger.getLogger("io.netty.channel.DefaultChannelPipeline");

    private static SdkEventLoopGroup loops;

    static {
        PIPELINE.setLevel(Level.OFF);
    }

    private final String kind;

    Sdk(String kind) {
        this.kind = kind;
    }

    private static AttributeMap options(Call call) {
        AttributeMap.Builder options = AttributeMap.builder().put(SdkHttpConfigurationOption.READ_TIMEOUT, Duration.ofMillis(call.timeout));
        if (call.secure) {
            options.put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true);
        }
        if (call.second) {
            options.put(SdkHttpConfigurationOption.PROTOCOL, Protocol.HTTP2);
        }
        return options.build();
    }

    @Override
    public Map<String, Object> send(Call call) throws Exception {
        if (call.retries > 0 || call.expect) {
            throw new Unsupported("to try again by itself, or to wait for 100 Continue");
        }
        if (call.hasBody() && call.bodyAs().equals("file") && !kind.equals("crt")) {
            throw new Unsupported("a body as " + call.bodyAs());
        }
        if (kind.startsWith("crt") && (call.timed || call.raises)) {
            throw new Unsupported("a time limit, or an error whose frames depend on which thread was quicker");
        }
        if (kind.equals("netty") && (URI.create(call.url).getHost().endsWith(".invalid") || call.url.endsWith("/nobody"))) {
            throw new Unsupported("an unknown host, or one where nobody listens: its pool says so at once, or not before a connection has been waited for too long");
        }
        if (kind.equals("netty") || kind.equals("crt async")) {
            return later(call);
        }
        if (call.second) {
            throw new Unsupported("HTTP/2");
        }
        Map<String, Object> result = null;
        try (SdkHttpClient client = AwsCrtHttpClient.builder().buildWithDefaults(options(call))) {
            for (int i = 0; i < call.times; i++) {
                HttpExecuteRequest.Builder request = HttpExecuteRequest.builder().request(request(call));
                if (call.hasBody()) {
                    request.contentStreamProvider(() -> content(call));
                }
                HttpExecuteResponse response = client.prepareRequest(request.build()).call();
                result = call.take(response.httpResponse().statusCode(), response.responseBody().map(b -> (InputStream) b).orElse(null));
            }
        }
        return result;
    }

    private static InputStream content(Call call) {
        try {
            return call.bodyAs().equals("bytes") ? new ByteArrayInputStream(call.bytes()) : call.stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static SdkHttpFullRequest request(Call call) {
        SdkHttpFullRequest.Builder request = SdkHttpFullRequest.builder().method(SdkHttpMethod.fromValue(call.method)).uri(URI.create(call.url));
        for (String[] header : call.headers) {
            request.appendHeader(header[0], header[1]);
        }
        request.putHeader("Host", URI.create(call.url).getAuthority());
        if (call.hasBody()) {
            request.putHeader("Content-Length", String.valueOf(call.bytes().length));
        }
        return request.build();
    }

    /** One for all clients: to end takes two seconds. */
    private static synchronized SdkEventLoopGroup loops() {
        if (loops == null) {
            loops = SdkEventLoopGroup.create(new NioEventLoopGroup(2, new DefaultThreadFactory("loop", true)));
        }
        return loops;
    }

    private Map<String, Object> later(Call call) throws Exception {
        Map<String, Object> result = null;
        try (SdkAsyncHttpClient client = kind.equals("netty") ? NettyNioAsyncHttpClient.builder().eventLoopGroup(loops())
            .protocolNegotiation(call.second ? ProtocolNegotiation.ALPN : ProtocolNegotiation.ASSUME_PROTOCOL).buildWithDefaults(options(call))
            : AwsCrtAsyncHttpClient.builder().buildWithDefaults(options(call))) {
            for (int i = 0; i < call.times; i++) {
                if (i > 0) {
                    Thread.sleep(50); // the answer is there a little before its connection can be used again
                }
                Taker taker = new Taker(call);
                CompletableFuture<Void> done = client.execute(AsyncExecuteRequest.builder().request(request(call)).requestContentPublisher(new Content(call))
                    .responseHandler(taker).build());
                try {
                    done.get();
                } catch (ExecutionException e) {
                    if (!taker.cancelled) {
                        throw e.getCause() instanceof Exception ? (Exception) e.getCause() : e;
                    }
                }
                result = Call.told(taker.status, taker.data.toByteArray());
            }
        }
        return result;
    }

    /** A body, in one piece or in several. */
    private static final class Content implements SdkHttpContentPublisher {
        private final byte[] data;
        private final int piece;

        Content(Call call) {
            data = call.hasBody() ? call.bytes() : new byte[0];
            piece = call.hasBody() && call.bodyAs().equals("generator") ? Call.PIECE : data.length;
        }

        @Override
        public Optional<Long> contentLength() {
            return Optional.of((long) data.length);
        }

        @Override
        public void subscribe(Subscriber<? super ByteBuffer> subscriber) {
            subscriber.onSubscribe(new Giver(subscriber, data, piece));
        }
    }

    private static final class Giver implements Subscription {
        private final Subscriber<? super ByteBuffer> subscriber;
        private final byte[] data;
        private final int piece;
        private int given;
        private long wanted;
        private boolean giving; // who gets a piece may ask for the next one before he returns
        private boolean over;

        Giver(Subscriber<? super ByteBuffer> subscriber, byte[] data, int piece) {
            this.subscriber = subscriber;
            this.data = data;
            this.piece = piece;
        }

        @Override
        public synchronized void request(long n) {
            wanted = Math.max(wanted, wanted + n);
            if (giving) {
                return;
            }
            giving = true;
            for (; !over && wanted > 0 && given < data.length; wanted--) {
                int count = Math.min(piece, data.length - given);
                given += count;
                subscriber.onNext(ByteBuffer.wrap(data, given - count, count).slice());
            }
            if (!over && given == data.length) {
                over = true;
                subscriber.onComplete();
            }
            giving = false;
        }

        @Override
        public synchronized void cancel() {
            over = true;
        }
    }

    /** Takes an answer as the story asks for. */
    private static final class Taker implements SdkAsyncHttpResponseHandler, Subscriber<ByteBuffer> {
        private final Call call;
        private final ByteArrayOutputStream data = new ByteArrayOutputStream();
        private int status;
        private volatile boolean cancelled;
        private Subscription subscription;

        Taker(Call call) {
            if (call.read.equals("none") || call.read.equals("some")) {
                throw new Unsupported("to read " + call.read);
            }
            this.call = call;
        }

        @Override
        public void onHeaders(SdkHttpResponse response) {
            status = response.statusCode();
        }

        @Override
        public void onStream(Publisher<ByteBuffer> stream) {
            stream.subscribe(this);
        }

        @Override
        public void onError(Throwable error) {
            // the future says so
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            this.subscription = subscription;
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(ByteBuffer bytes) {
            byte[] some = new byte[bytes.remaining()];
            bytes.get(some);
            data.write(some, 0, some.length);
        }

        @Override
        public void onComplete() {
            // the future says so
        }
    }
}
