package afterglow.clients;

import afterglow.boot.Probe;
import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Field;
import afterglow.hook.Known;
import java.nio.ByteBuffer;
import software.amazon.awssdk.http.HttpExecuteRequest;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.SdkHttpResponse;
import software.amazon.awssdk.http.async.AsyncExecuteRequest;

/**
 * The AWS SDK's clients on the AWS Common Runtime, synchronous and asynchronous.
 *
 * <p>The runtime is native code: what it does by itself (connections, proxies) is not seen, what the SDK gives to it and gets from it is.
 */
public final class SdkCrt extends Probe {
    private static final int EXECUTE = 1;
    private static final int HANDLER = 2;
    private static final int BODY = 3;
    private static final int SEND = 4;
    private static final int ANSWER = 5;
    private static final int RECEIVED = 6;
    private static final int COMPLETE = 7;
    private static final int WAITED = 8; // who has waited for a future goes on before what else was to be done when it is there
    private static final int FAILED = 9;
    private static final int SUCCEEDED = 10;

    private final Calls calls;
    private final Field request = new Field("request");
    private final Field responseBuilder = new Field("responseBuilder");
    private final Known<Call> known = new Known<>(); // by the adapters between SDK and runtime
    private final ThreadLocal<Call> taken = new ThreadLocal<>();
    private final ThreadLocal<Call> waited = new ThreadLocal<>();
    private final ThreadLocal<Integer> before = new ThreadLocal<>();

    public SdkCrt(Calls calls) {
        this.calls = calls;
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case EXECUTE: {
                Object execute = request.of(a);
                SdkHttpRequest http = execute instanceof AsyncExecuteRequest ? ((AsyncExecuteRequest) execute).request() : ((HttpExecuteRequest) execute).httpRequest();
                taken.set(SdkRequest.start(calls, "AWS SDK, CRT", http));
                break;
            }
            case SEND:
                before.set(((ByteBuffer) a).position());
                break;
            case RECEIVED: {
                Call call = known.get(self);
                if (call != null) {
                    answered(call, self);
                    call.received((byte[]) b, 0, ((byte[]) b).length);
                }
                break;
            }
            case COMPLETE: {
                Call call = known.get(self);
                if (call != null) {
                    answered(call, self);
                }
                break;
            }
            case FAILED: {
                Call call = known.remove(self);
                if (call != null) {
                    call.fail((Throwable) a);
                }
                break;
            }
            case SUCCEEDED: {
                Call call = known.remove(self);
                if (call != null) {
                    answered(call, self);
                    call.end();
                }
                break;
            }
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
        switch (point) {
            case EXECUTE: {
                Call call = taken.get();
                taken.remove();
                if (a != null && request.of(a) instanceof AsyncExecuteRequest) {
                    SdkRequest.watch(result, call);
                } else {
                    waited.set(call);
                    SdkRequest.watchFailure(result, call);
                }
                break;
            }
            case WAITED:
                waited.remove();
                break;
            case HANDLER:
            case BODY:
                if (taken.get() != null) {
                    known.put(self, taken.get());
                }
                break;
            case SEND:
                sent(known.get(self), (ByteBuffer) a);
                break;
            case ANSWER: {
                Call call = known.get(self);
                if (call != null) {
                    answered(call, self);
                }
                break;
            }
            case COMPLETE: {
                Call call = known.remove(self);
                if (call != null) {
                    call.end();
                }
                break;
            }
            default:
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        ThreadLocal<Call> whose = point == WAITED ? waited : taken;
        Call call = whose.get();
        whose.remove();
        if (call != null) {
            call.fail(error.getClass() == RuntimeException.class && error.getCause() != null ? error.getCause() : error);
        }
    }

    private void sent(Call call, ByteBuffer buffer) {
        Integer from = before.get();
        before.remove();
        if (call != null && from != null && buffer.position() > from) {
            ByteBuffer some = buffer.duplicate();
            some.flip().position(from);
            call.sent(some);
        }
    }

    /** The headers come in pieces, so they are told with what comes behind them. */
    private void answered(Call call, Object adapter) {
        SdkHttpResponse.Builder response = (SdkHttpResponse.Builder) responseBuilder.of(adapter);
        if (!call.isAnswered() && response.statusCode() >= 200) {
            call.answered(response.statusCode(), SdkRequest.pairs(response.headers()), null, null);
        }
    }
}
