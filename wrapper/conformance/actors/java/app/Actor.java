package app;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.ObjectMapper;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** The actor for Java: carries out the steps of stories. ../../README.md describes the verbs. */
public final class Actor implements RequestHandler<Object, Object> {
    private static final ExecutorService POOL = Executors.newFixedThreadPool(4, Actor::daemon); // made at init, as functions do
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Library> LIBRARIES = new LinkedHashMap<>();

    static {
        LIBRARIES.put("HttpURLConnection", Own::byConnection);
        LIBRARIES.put("java.net.http", Own::byClient);
        LIBRARIES.put("java.net.http async", Own::byClientLater);
        LIBRARIES.put("Apache HttpClient 4", call -> new Installed.Apache4().send(call));
        LIBRARIES.put("Apache HttpClient 5", call -> new Installed.Apache5().send(call));
        LIBRARIES.put("Apache HttpClient 5 async", call -> new Installed.Apache5Async().send(call));
        LIBRARIES.put("OkHttp", call -> new Installed.OkHttp().send(call));
        for (String kind : List.of("netty", "crt", "crt async")) {
            LIBRARIES.put("AWS SDK " + kind, call -> new Sdk(kind).send(call));
        }
        String init = System.getenv("STORY_INIT");
        if (init != null) {
            try {
                Map<String, Object> event = map(JSON.readValue(init, Object.class));
                run(steps(event), event, null);
            } catch (Throwable e) {
                throw Actor.<RuntimeException>sneak(e);
            }
        }
    }

    private static Thread daemon(Runnable task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    }

    @Override
    public Object handleRequest(Object event, Context context) {
        try {
            return tell(event, context);
        } catch (Throwable e) {
            throw Actor.<RuntimeException>sneak(e);
        }
    }

    /** A child process. */
    public static void main(String[] args) throws Throwable {
        System.out.print(JSON.writeValueAsString(tell(JSON.readValue(System.in, Object.class), null)));
    }

    private static Object tell(Object event, Context context) throws Throwable {
        if (!(event instanceof Map) || !map(event).containsKey("steps")) {
            return event;
        }
        List<Map<String, Object>> steps = steps(map(event));
        List<Object> results;
        try {
            results = run(steps, map(event), context);
        } catch (Unsupported e) {
            return Map.of("unsupported", e.getMessage());
        }
        return steps.get(steps.size() - 1).containsKey("return") ? results.get(results.size() - 1) : results;
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E sneak(Throwable e) throws E {
        throw (E) e;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> steps(Map<String, Object> args) {
        return (List<Map<String, Object>>) args.get("steps");
    }

    static int number(Map<String, Object> args, String name, int otherwise) {
        return args.containsKey(name) ? ((Number) args.get(name)).intValue() : otherwise;
    }

    private static List<Object> run(List<Map<String, Object>> steps, Map<String, Object> event, Context context) throws Throwable {
        List<Object> results = new ArrayList<>();
        for (Map<String, Object> step : steps) {
            Map.Entry<String, Object> one = step.entrySet().iterator().next();
            results.add(take(one.getKey(), map(one.getValue()), event, context));
        }
        return results;
    }

    private static Object take(String verb, Map<String, Object> args, Map<String, Object> event, Context context) throws Throwable {
        switch (verb) {
            case "call":
                return call(args, event);
            case "parallel":
                return parallel(args, event, context);
            case "pool":
                return pool(args, event, context);
            case "thread":
                return thread(args, event, context);
            case "later":
                later(args, event, context);
                return null;
            case "again":
                return tell(child(event, args), context);
            case "subprocess":
                return subprocess(args, event);
            case "command":
                return execute(strings(args.get("argv")), null);
            case "raise":
                return Raise.raise((String) args.getOrDefault("kind", "plain"), (String) args.getOrDefault("message", "it went wrong"), POOL);
            case "descriptors":
                return descriptors(args, event, context);
            case "environment":
                return environment(args);
            case "context":
                return List.of(context.getAwsRequestId(), context.getFunctionName(), String.valueOf(context.getMemoryLimitInMB()), context.getInvokedFunctionArn(),
                    !context.getLogStreamName().isEmpty());
            case "return":
                return Return.value(args, event);
            default:
                return small(verb, args, event, context);
        }
    }

    private static Object small(String verb, Map<String, Object> args, Map<String, Object> event, Context context) throws Exception {
        switch (verb) {
            case "exit":
                System.exit(number(args, "code", 0));
                return null;
            case "abort":
                Runtime.getRuntime().halt(number(args, "code", 0));
                return null;
            case "kill":
                execute(List.of("kill", "-" + args.getOrDefault("signal", "KILL"), String.valueOf(ProcessHandle.current().pid())), null);
                Thread.sleep(60000);
                return null;
            case "sleep":
                Thread.sleep(number(args, "ms", 0));
                return null;
            case "print":
                print(args, context);
                return null;
            case "mutate":
                event.put("steps", null);
                event.put("changed", true);
                event.remove("pad");
                return null;
            case "allocate":
                byte[] held = new byte[number(args, "mb", 0) << 20];
                java.util.Arrays.fill(held, (byte) 1);
                return held.length;
            default:
                throw new Unsupported("the verb " + verb);
        }
    }

    private static Object call(Map<String, Object> args, Map<String, Object> event) throws Exception {
        Call call = new Call(args, event);
        Library library = LIBRARIES.get(call.library.isEmpty() ? "HttpURLConnection" : call.library);
        if (library == null) {
            throw new Unsupported("the library " + call.library);
        }
        try {
            return library.send(call);
        } catch (Unsupported e) {
            throw e;
        } catch (Exception e) {
            if (args.containsKey("raise")) {
                throw e;
            }
            return Map.of("error", e.toString());
        }
    }

    private static Map<String, Object> child(Map<String, Object> event, Map<String, Object> args) {
        Map<String, Object> child = new LinkedHashMap<>(event);
        child.put("steps", args.get("steps"));
        return child;
    }

    private static List<Object> each(List<List<Map<String, Object>>> work, ExecutorService pool, Map<String, Object> event, Context context) throws Throwable {
        List<Future<List<Object>>> futures = new ArrayList<>();
        for (List<Map<String, Object>> steps : work) {
            futures.add(pool.submit(() -> unchecked(steps, event, context)));
        }
        List<Object> results = new ArrayList<>();
        for (Future<List<Object>> future : futures) {
            results.add(future.get());
        }
        return results;
    }

    private static List<Object> unchecked(List<Map<String, Object>> steps, Map<String, Object> event, Context context) {
        try {
            return run(steps, event, context);
        } catch (Throwable e) {
            throw Actor.<RuntimeException>sneak(e);
        }
    }

    private static List<Object> parallel(Map<String, Object> args, Map<String, Object> event, Context context) throws Throwable {
        List<Object> results = new ArrayList<>();
        if (args.getOrDefault("with", "threads").equals("async")) {
            List<CompletableFuture<List<Object>>> futures = new ArrayList<>();
            for (Map<String, Object> step : steps(args)) {
                futures.add(CompletableFuture.supplyAsync(() -> unchecked(List.of(step), event, context)));
            }
            for (CompletableFuture<List<Object>> future : futures) {
                results.add(future.get().get(0));
            }
            return results;
        }
        List<List<Map<String, Object>>> work = new ArrayList<>();
        for (Map<String, Object> step : steps(args)) {
            work.add(List.of(step));
        }
        for (Object result : each(work, POOL, event, context)) {
            results.add(((List<?>) result).get(0));
        }
        return results;
    }

    private static List<Object> pool(Map<String, Object> args, Map<String, Object> event, Context context) throws Throwable {
        List<List<Map<String, Object>>> work = new ArrayList<>();
        for (int i = 0; i < number(args, "times", 1); i++) {
            work.add(steps(args));
        }
        return each(work, POOL, event, context);
    }

    private static List<Object> thread(Map<String, Object> args, Map<String, Object> event, Context context) throws InterruptedException {
        List<Object> results = new ArrayList<>();
        Thread one = new Thread(() -> results.addAll(unchecked(steps(args), event, context)));
        one.start();
        one.join();
        return results;
    }

    private static void later(Map<String, Object> args, Map<String, Object> event, Context context) {
        new Timer(true).schedule(new TimerTask() {
            @Override
            public void run() {
                unchecked(steps(args), event, context);
            }
        }, number(args, "ms", 0));
    }

    private static Map<String, Object> subprocess(Map<String, Object> args, Map<String, Object> event) throws Exception {
        String path = System.getProperty("java.class.path") + ":" + System.getenv("LAMBDA_TASK_ROOT");
        return execute(List.of(System.getProperty("java.home") + "/bin/java", "-cp", path, "app.Actor"), JSON.writeValueAsBytes(child(event, args)));
    }

    private static List<String> strings(Object list) {
        List<String> strings = new ArrayList<>();
        for (Object s : (List<?>) list) {
            strings.add((String) s);
        }
        return strings;
    }

    private static Map<String, Object> execute(List<String> argv, byte[] input) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(argv).start();
        if (input != null) {
            process.getOutputStream().write(input);
        }
        process.getOutputStream().close();
        Map<String, Object> out = new LinkedHashMap<>();
        String printed = new String(process.getInputStream().readAllBytes());
        String complained = new String(process.getErrorStream().readAllBytes());
        out.put("code", process.waitFor());
        out.put("out", printed);
        out.put("err", complained);
        return out;
    }

    private static void print(Map<String, Object> args, Context context) {
        String text = (String) args.getOrDefault("text", "a line");
        for (int i = 0; i < number(args, "times", 1); i++) {
            switch ((String) args.getOrDefault("to", "stdout")) {
                case "stdout":
                    System.out.println(text);
                    break;
                case "stderr":
                    System.err.println(text);
                    break;
                default:
                    context.getLogger().log(text);
            }
        }
    }

    private static Map<String, Object> environment(Map<String, Object> args) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (String name : strings(args.get("names"))) {
            values.put(name, System.getenv(name));
        }
        return values;
    }

    private static List<Object> descriptors(Map<String, Object> args, Map<String, Object> event, Context context) throws Throwable {
        List<InputStream> taken = new ArrayList<>();
        try {
            for (;;) {
                taken.add(new FileInputStream("/dev/null"));
            }
        } catch (IOException e) {
            // all are taken
        }
        try {
            for (int i = 0; i < number(args, "left", 0); i++) {
                taken.remove(taken.size() - 1).close();
            }
            return run(steps(args), event, context);
        } finally {
            for (InputStream one : taken) {
                one.close();
            }
        }
    }
}
