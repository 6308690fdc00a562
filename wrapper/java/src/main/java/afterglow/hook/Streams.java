package afterglow.hook;

import afterglow.boot.Probe;

/**
 * What the probes of blocking clients share: a call is made, and its bodies pass through streams of the library's own, which are made
 * on the thread that sends the request.
 */
public abstract class Streams extends Probe {
    /** Points that all of them have. */
    public static final int INPUT = 40; // a stream of an answer's body is made
    public static final int READ = 41;
    public static final int CLOSE = 42;
    public static final int OUTPUT = 43; // one of a request's
    public static final int WRITE = 44;
    public static final int DISCONNECT = 45; // a connection is closed

    /** A request on its way, of this thread. */
    public static final class Sending {
        public final Sending outer;
        public Call call;
        public boolean skipped; // nobody is to see it

        Sending(Sending outer) {
            this.outer = outer;
        }
    }

    protected final Calls calls;
    private final Known<Call> streams = new Known<>();
    private final Known<Call> connections = new Known<>();
    private final ThreadLocal<Sending> current = new ThreadLocal<>();

    protected Streams(Calls calls) {
        this.calls = calls;
    }

    protected final Sending current() {
        return current.get();
    }

    protected final Sending push() {
        Sending sending = new Sending(current.get());
        current.set(sending);
        return sending;
    }

    protected final void pop() {
        Sending sending = current.get();
        if (sending == null || sending.outer == null) {
            current.remove();
        } else {
            current.set(sending.outer);
        }
    }

    /** Ends what this thread sends with an error, unless there was an answer. */
    protected final void unanswered(Throwable error) {
        Sending sending = current.get();
        if (sending != null && sending.call != null && !sending.call.isAnswered()) {
            sending.call.fail(error);
        }
    }

    /** Tells what is known of the length of an answer's body. */
    protected static void measured(Call call, int status, boolean head, String length, boolean encoded) {
        if (head || status == 204 || status == 304 || status == 101) {
            call.expect(0);
        } else if (length != null && !encoded) {
            call.expect(Calls.length(length));
        }
    }

    /** Gives what a body passes through to its call. */
    protected final Call of(Object stream) {
        return streams.get(stream);
    }

    protected final void made(Object stream, Object connection) {
        Sending sending = current.get();
        if (stream != null && sending != null && sending.call != null && !sending.call.isEnded()) {
            sending.call.keep(streams.put(stream, sending.call));
            if (connection != null) {
                sending.call.keep(connections.put(connection, sending.call));
            }
        }
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        if (point == DISCONNECT) {
            abandon(connections.remove(self));
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
        if (point == INPUT || point == OUTPUT) {
            made(result, point == INPUT ? self : null);
        } else if (point == CLOSE) { // many a stream reads to its end when it is closed
            abandon(streams.remove(self));
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) throws Throwable {
        if (point == READ || point == CLOSE) {
            Call call = streams.remove(self);
            if (call != null) {
                call.fail(error);
            }
        }
    }

    @Override
    public void read(int point, Object self, byte[] bytes, int from, int count) {
        Call call = streams.get(self);
        if (call != null) {
            call.received(bytes, from, count);
            if (call.isEnded()) {
                streams.remove(self);
            }
        }
    }

    @Override
    public void write(int point, Object self, byte[] bytes, int from, int count) {
        Call call = streams.get(self);
        if (call != null) {
            call.sent(bytes, from, count);
        }
    }

    private static void abandon(Call call) {
        if (call != null) {
            call.abandon();
        }
    }
}
