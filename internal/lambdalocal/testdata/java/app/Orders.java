package app;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Answers with what it sees, or does what the event asks for. */
public class Orders implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    static {
        System.out.println("loading");
    }

    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        System.out.println("handling " + context.getAwsRequestId());
        context.getLogger().log("by the logger\nin two lines\n");
        System.err.println("to stderr");
        if (event.containsKey("raise")) {
            throw new IllegalStateException((String) event.get("raise"), new RuntimeException("deeper"));
        }
        if (event.containsKey("exit")) {
            System.exit((Integer) event.get("exit"));
        }
        if (event.containsKey("sleep")) {
            try {
                Thread.sleep((Integer) event.get("sleep"));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
        Map<String, Object> out = new HashMap<>();
        out.put("event", event);
        out.put("argv", List.of(ProcessHandle.current().info().arguments().orElse(new String[0])));
        out.put("command", ProcessHandle.current().info().command().orElse(""));
        for (String name : new String[] {"user.dir", "java.home", "java.specification.version", "com.amazonaws.xray.traceHeader", "only.option", "only.agent"}) {
            out.put(name, System.getProperty(name));
        }
        for (String name : new String[] {"AWS_EXECUTION_ENV", "_HANDLER", "LD_LIBRARY_PATH"}) {
            out.put(name, System.getenv(name));
        }
        out.put("fromlayer", words("layer.Words"));
        out.put("fromlib", words("lib.Words"));
        out.put("name", context.getFunctionName());
        out.put("version", context.getFunctionVersion());
        out.put("arn", context.getInvokedFunctionArn());
        out.put("memory", context.getMemoryLimitInMB());
        out.put("stream", context.getLogStreamName());
        out.put("remaining", context.getRemainingTimeInMillis());
        ClientContext client = context.getClientContext();
        out.put("client", client == null ? null : client.getCustom());
        out.put("identity", context.getIdentity() == null ? null : context.getIdentity().getIdentityId());
        return out;
    }

    private static String words(String name) {
        try {
            return (String) Thread.currentThread().getContextClassLoader().loadClass(name).getField("WORDS").get(null);
        } catch (ReflectiveOperationException e) {
            return e.toString();
        }
    }
}
