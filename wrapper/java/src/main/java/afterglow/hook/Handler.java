package afterglow.hook;

import afterglow.boot.Probe;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What is seen of the function's handler, without touching it: the methods by which AWS's runtime client fetches events and posts
 * outcomes. No frame of the hook's is on the stack while the handler runs, and the outcome has gone out before it is written down.
 */
public final class Handler extends Probe {
    /** Points: those of the client up to 2.4, and of its successor, take the same numbers. */
    static final int NEXT = 1;
    static final int RESPONSE = 2;
    static final int ERROR = 3;
    static final int INIT_ERROR = 4;
    static final int RESTORE = 5;

    private static final int MOST_STATUS = 65536; // longer responses are not searched for a status; the extension has what was kept of them
    private static final int MOST_ERROR = 1048576; // longer error bodies are not taken apart

    /** An invocation that is running. */
    private static final class Run {
        final String id;
        final long begun = Spool.ticks();
        String trace; // X-Amzn-Trace-Id
        byte[] response;
        String[] error; // type, message, stack
        long ended;

        Run(String id) {
            this.id = id;
        }
    }

    private final Settings settings;
    private final Spool spool;
    private final String name = System.getenv("_HANDLER");
    private final ConcurrentHashMap<String, Run> running = new ConcurrentHashMap<>();
    private final Work work;
    private Calls calls;
    private boolean armed;
    private boolean failedInit;
    private Fields fields;
    private Thread exit;

    Handler(Settings settings, Spool spool, Work work) {
        this.settings = settings;
        this.spool = spool;
        this.work = work;
    }

    void use(Calls calls) {
        this.calls = calls;
    }

    /** The runtime client is about to be used: this process runs a function. */
    synchronized void arm() {
        if (armed) {
            return;
        }
        armed = true;
        work.last = "init";
        spool.begin("init", true);
        exit = new Exit(this);
        Runtime.getRuntime().addShutdownHook(exit);
    }

    String invocation() {
        return work.current();
    }

    /** Gives the X-Amzn-Trace-Id of an invocation that runs, null if there is none. */
    String trace(String invocation) {
        Run run = running.get(invocation);
        return run == null ? null : run.trace;
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) {
        switch (point) {
            case RESPONSE:
                if (b instanceof byte[]) {
                    outcome(a, (byte[]) b, null);
                }
                break;
            case ERROR:
                outcome(a, null, error(b));
                break;
            case INIT_ERROR:
                initFailed(error(a));
                break;
            default:
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
        switch (point) {
            case NEXT:
                if (result != null) {
                    begin(result);
                }
                break;
            case RESPONSE:
            case ERROR:
                finish(String.valueOf(a));
                break;
            case RESTORE:
                restored();
                break;
            default:
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        if (point == RESPONSE || point == ERROR) {
            Run run = running.get(work.current());
            if (run != null) {
                if (run.error == null) {
                    run.error = new String[] {error.getClass().getName(), "the runtime client could not post the outcome", null};
                }
                finish(run.id);
            }
        }
    }

    /** Records the start of an invocation. */
    private void begin(Object request) {
        boolean first = prepare(request);
        String id = fields.text(request, fields.id);
        if (id == null) {
            id = "none";
        }
        spool.anchor();
        spool.begin(id, running.isEmpty());
        work.starts(id);
        Run run = new Run(id);
        running.put(id, run);
        run.trace = fields.text(request, fields.trace);
        Text text = spool.text().field("arn", fields.text(request, fields.arn));
        long deadline = fields.deadline(request);
        if (deadline > 0) {
            text.field("deadline", deadline);
        }
        text.field("trace", run.trace).field("tenant", fields.text(request, fields.tenant)).field("handler", name);
        if (first) {
            text.raw(",\"cold\":true");
        }
        byte[] event = fields.content(request);
        spool.write("invocation.start", id, text, event == null || settings.eventBytes == 0 ? null : new Part[] {event(event)}, true);
    }

    private synchronized boolean prepare(Object request) {
        boolean first = fields == null;
        if (first) {
            fields = new Fields(request.getClass());
        }
        return first;
    }

    private Part event(byte[] event) {
        if (event.length <= settings.eventBytes) {
            return new Part("event", event, event.length, event.length, false, false);
        }
        Text small = Shorten.event(event, settings.eventBytes);
        return new Part("event", small.bytes, small.length, event.length, true, true);
    }

    private void outcome(Object id, byte[] response, String[] error) {
        Run run = running.get(String.valueOf(id));
        if (run != null) {
            run.ended = Spool.ticks();
            run.response = response;
            run.error = error;
        }
    }

    private void finish(String id) {
        Run run = running.remove(id);
        if (run == null) {
            return;
        }
        calls.abandon(id);
        Text text = spool.text().field("dur", (run.ended == 0 ? Spool.ticks() : run.ended) - run.begun);
        Part[] parts = null;
        if (run.error != null) {
            text.error(run.error[0], run.error[1], run.error[2]);
        } else if (run.response != null) {
            int status = Json.status(run.response, MOST_STATUS);
            if (status != 0) {
                text.field("status", status);
            }
            if (settings.eventBytes > 0) {
                parts = new Part[] {Part.cut("response", run.response, settings.eventBytes)};
            }
        }
        spool.write("invocation.end", id, text, parts, true);
        spool.tellLosses(id);
        spool.end(id);
    }

    private void initFailed(String[] error) {
        failedInit = true;
        spool.write("init.error", "init", spool.text().error(error[0], error[1], error[2]), null, true);
    }

    /** A snapshot was taken before, and this is one of its copies. */
    private void restored() {
        spool.endAll();
        spool.restored();
        spool.begin("init", true);
    }

    /** Gives type, message and stack of what the client reports: an object of its own, or JSON. */
    private static String[] error(Object told) {
        if (told instanceof byte[]) {
            return Json.error((byte[]) told, MOST_ERROR);
        }
        Object request = Inside.read(told, Inside.field(told.getClass(), "errorRequest"));
        Class<?> type = request.getClass();
        Object stack = Inside.read(request, Inside.field(type, "stackTrace"));
        return new String[] {
            (String) Inside.read(request, Inside.field(type, "errorType")),
            (String) Inside.read(request, Inside.field(type, "errorMessage")),
            stack instanceof String[] ? lines((String[]) stack) : null,
        };
    }

    private static String lines(String[] frames) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < frames.length && text.length() < Text.MOST; i++) {
            text.append(frames[i]).append('\n');
        }
        return text.toString();
    }

    /** The virtual machine ends, which it does only when somebody made it. Records that, and closes the files. */
    private static final class Exit extends Thread {
        private final Handler handler;

        Exit(Handler handler) {
            super(null, null, "afterglow", 0, false);
            this.handler = handler;
        }

        @Override
        public void run() {
            try {
                handler.exited();
            } catch (Throwable e) {
                // nobody is left to care
            }
        }
    }

    private void exited() {
        String[] exit = {"Runtime.ExitError", "the process exited", null}; // Lambda's own word
        for (Run run : running.values()) {
            if (run.response == null && run.error == null) {
                run.error = exit;
            }
            finish(run.id);
        }
        if (work.last.equals("init") && !failedInit) {
            spool.tellLosses("init");
        }
        spool.endAll();
    }

    /** Where the client's request has what; all generations of it agree on the names. */
    private static final class Fields {
        final long id;
        final long arn;
        final long trace;
        final long tenant;
        private final long deadline;
        private final long content;

        Fields(Class<?> type) {
            id = Inside.field(type, "id");
            arn = Inside.field(type, "invokedFunctionArn");
            trace = Inside.field(type, "xrayTraceId");
            deadline = Inside.field(type, "deadlineTimeInMs");
            content = Inside.field(type, "content");
            tenant = optional(type, "tenantId");
        }

        private static long optional(Class<?> type, String name) {
            try {
                return Inside.field(type, name);
            } catch (InternalError e) { // no such field
                return -1;
            }
        }

        String text(Object request, long field) {
            return field < 0 ? null : (String) Inside.read(request, field);
        }

        long deadline(Object request) {
            return Inside.readLong(request, deadline);
        }

        byte[] content(Object request) {
            return (byte[]) Inside.read(request, content);
        }
    }
}
