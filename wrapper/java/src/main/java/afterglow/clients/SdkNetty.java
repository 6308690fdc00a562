package afterglow.clients;

import afterglow.boot.Probe;
import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Field;
import afterglow.hook.Known;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.http.async.AsyncExecuteRequest;

/**
 * The AWS SDK's client on Netty, HTTP/1.1 and HTTP/2.
 *
 * <p>A call starts when the client takes a request up, on the thread of who sends it, before there is a connection. Bodies are looked at as
 * they pass between Netty and the SDK; no buffer is kept, and none of its counts is touched.
 */
public final class SdkNetty extends Probe {
    private static final int EXECUTE = 1;
    private static final int WRITE = 2;
    private static final int BODY = 3;
    private static final int SENT = 4;
    private static final int ANSWER = 5;
    private static final int RECEIVED = 6;

    private final Calls calls;
    private final Field context = new Field("context");
    private final Field executeRequest = new Field("executeRequest");
    private final Field streamedRequest = new Field("this$0");
    private final Field adapter = new Field("this$0");
    private final Field requestContext = new Field("requestContext");
    private final Known<Call> requests = new Known<>(); // by the SDK's context of a request
    private final Known<Call> bodies = new Known<>();
    private final ThreadLocal<Call> writing = new ThreadLocal<>();
    private Object contextKey;

    public SdkNetty(Calls calls) {
        this.calls = calls;
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case EXECUTE: {
                Object request = context.of(self);
                Call call = SdkRequest.start(calls, "AWS SDK, Netty", ((AsyncExecuteRequest) executeRequest.of(request)).request());
                if (call != null) {
                    requests.put(request, call);
                }
                break;
            }
            case WRITE:
                writing.set(requests.get(context.of(self)));
                break;
            case SENT: {
                Call call = bodies.get(streamedRequest.of(self));
                if (call != null) {
                    call.sent((ByteBuffer) a);
                }
                break;
            }
            case ANSWER:
                if (b instanceof HttpResponse) {
                    answered((ChannelHandlerContext) a, (HttpResponse) b);
                }
                break;
            case RECEIVED: {
                Call call = requests.get(requestContext.of(adapter.of(self)));
                if (call != null) {
                    received(call, ((ByteBufHolder) a).content());
                }
                break;
            }
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case EXECUTE:
                SdkRequest.watch(result, requests.get(context.of(self)));
                break;
            case WRITE:
                writing.remove();
                break;
            case BODY: {
                Call call = writing.get();
                if (call != null) {
                    bodies.put(self, call);
                }
                break;
            }
            default:
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        if (point == WRITE) {
            writing.remove();
        } else {
            Call call = requests.get(context.of(self));
            if (call != null) {
                call.fail(error);
            }
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private void answered(ChannelHandlerContext channel, HttpResponse response) throws ReflectiveOperationException {
        if (contextKey == null) {
            Class<?> keys = Class.forName("software.amazon.awssdk.http.nio.netty.internal.ChannelAttributeKey", true, getClass().getClassLoader());
            java.lang.reflect.Field key = keys.getDeclaredField("REQUEST_CONTEXT_KEY");
            key.setAccessible(true);
            contextKey = key.get(null);
        }
        Call call = requests.get(channel.channel().attr((io.netty.util.AttributeKey) contextKey).get());
        if (call == null || call.isAnswered() || response.status().code() == 100) {
            return;
        }
        List<String> pairs = new ArrayList<>();
        for (Map.Entry<String, String> header : response.headers()) {
            if (!header.getKey().startsWith("x-http2-")) { // Netty's own
                pairs.add(header.getKey());
                pairs.add(header.getValue());
            }
        }
        String proto = response.headers().contains("x-http2-stream-id") ? "HTTP/2" : response.protocolVersion().text();
        call.answered(response.status().code(), pairs.toArray(new String[0]), proto, null);
        if (response instanceof ByteBufHolder) {
            received(call, ((ByteBufHolder) response).content());
        }
    }

    private static void received(Call call, ByteBuf bytes) {
        int count = bytes.readableBytes();
        byte[] some = new byte[(int) Math.min(count, call.responseRoom())];
        bytes.getBytes(bytes.readerIndex(), some);
        call.receivedBeginning(some, some.length, count);
    }
}
