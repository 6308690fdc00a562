package afterglow.clients;

import afterglow.hook.Call;
import afterglow.hook.Calls;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.BiConsumer;
import software.amazon.awssdk.http.SdkHttpRequest;

/** What the probes of the AWS SDK's asynchronous clients share. */
final class SdkRequest {
    private SdkRequest() {}

    /** Records a request that a client has taken up. */
    static Call start(Calls calls, String lib, SdkHttpRequest request) {
        return calls.start(lib, null, request.method().name(), request.getUri().toString(), null, pairs(request.headers()), null, 0);
    }

    static String[] pairs(Map<String, List<String>> headers) {
        List<String> pairs = new ArrayList<>();
        for (Map.Entry<String, List<String>> header : headers.entrySet()) {
            for (String value : header.getValue()) {
                pairs.add(header.getKey());
                pairs.add(value);
            }
        }
        return pairs.toArray(new String[0]);
    }

    /** Has the end of a call told when a future of the client's own is done. */
    static void watch(Object future, Call call) {
        if (call != null && future instanceof CompletableFuture) {
            ((CompletableFuture<?>) future).whenComplete(new Done(call, true));
        }
    }

    /** The same for a future that is done when the headers have come. */
    static void watchFailure(Object future, Call call) {
        if (call != null && future instanceof CompletableFuture) {
            ((CompletableFuture<?>) future).whenComplete(new Done(call, false));
        }
    }

    private static final class Done implements BiConsumer<Object, Throwable> {
        private final Call call;
        private final boolean last;

        Done(Call call, boolean last) {
            this.call = call;
            this.last = last;
        }

        @Override
        public void accept(Object result, Throwable error) {
            if (error == null && last) {
                call.end();
            } else if (error != null) {
                call.fail(error instanceof CompletionException && error.getCause() != null ? error.getCause() : error);
            }
        }
    }
}
