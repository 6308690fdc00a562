package afterglow.hook;

import java.nio.ByteBuffer;

/**
 * One outbound request, whatever library sends it: from the moment it is about to be sent to the moment nothing more comes.
 *
 * <p>It takes what a client's probe sees passing and gives two records. It keeps copies, bounded by the settings, and never reads,
 * holds back or changes what passes.
 */
public final class Call {
    private static final int ROOM = 512;

    private final Calls calls;
    private final String lib;
    private final int number;
    public final String invocation;
    private final long begun;
    private final Body request;
    private final Body response;
    private boolean atHand;
    private long first;
    private volatile int status;
    private String[] headers;
    private String proto;
    private String peer;
    private long expected = -1; // bytes of the response's body
    private volatile boolean ended;
    private String unwritten; // why nobody knows of its start

    private Known.Entry known; // what is known of its objects
    Call older; // of those that are open: see Calls
    Call newer;

    Call(Calls calls, String lib, int number, String invocation, int budget) {
        this.calls = calls;
        this.lib = lib;
        this.number = number;
        this.invocation = invocation;
        request = new Body(budget, calls.spare);
        response = new Body(budget, calls.spare);
        begun = Spool.ticks();
    }

    void start(String method, String url, String parent, String[] headers, byte[] body, int length) {
        Part[] parts = null;
        if (body != null && length > 0) {
            parts = new Part[] {request.whole("request", body, length)};
            atHand = true;
        }
        Text text = calls.text(number).field("lib", lib).field("method", method).field("url", url)
            .field("span", parent == null ? null : Propagation.span(parent));
        calls.headers(text, headers);
        unwritten = calls.spool.write("call.start", invocation, text, parts, false);
    }

    /** Tells of a piece of the request's body. */
    public void sent(byte[] bytes, int from, int count) {
        if (!atHand) {
            request.add(bytes, from, count);
        }
    }

    public void sent(ByteBuffer bytes) {
        if (!atHand) {
            request.add(bytes);
        }
    }

    /** Tells of a piece of the request's body of which only the beginning is at hand. */
    public void sentBeginning(byte[] head, int length, long count) {
        if (!atHand) {
            request.addBeginning(head, length, count);
        }
    }

    /** Gives how much of the request's body is still wanted. */
    public long requestRoom() {
        return atHand ? 0 : request.room();
    }

    public long responseRoom() {
        return response.room();
    }

    /** Tells that the response's headers are there: names and values in turn. proto and peer may be null. */
    public synchronized void answered(int status, String[] headers, String proto, String peer) {
        first = Spool.ticks();
        this.headers = headers;
        this.proto = proto;
        this.peer = peer;
        this.status = status;
    }

    public boolean isAnswered() {
        return status != 0;
    }

    public boolean isEnded() {
        return ended;
    }

    /** Has something that is known of the function's objects forgotten at the end. */
    public synchronized void keep(Known.Entry entry) {
        if (ended) {
            entry.forget();
        } else {
            entry.next = known;
            known = entry;
        }
    }

    /** Tells how long the response's body is; with 0 the call has ended. */
    public void expect(long bytes) {
        expected = bytes;
        response.expect(bytes);
        if (bytes == 0) {
            end();
        }
    }

    /** Tells of a piece of the response's body, or of its end if count is negative. */
    public void received(byte[] bytes, int from, int count) {
        if (count < 0) {
            end();
            return;
        }
        response.add(bytes, from, count);
        whole();
    }

    /** Tells of a piece of the response's body of which only the beginning is at hand. */
    public void receivedBeginning(byte[] head, int length, long count) {
        response.addBeginning(head, length, count);
        whole();
    }

    public void received(ByteBuffer bytes) {
        response.add(bytes);
        whole();
    }

    private void whole() {
        if (expected >= 0 && response.size() >= expected) {
            end();
        }
    }

    /** Tells that the response was read to its end. Only the first end counts. */
    public void end() {
        end(null, false);
    }

    /** Tells that nobody will read on. */
    public void abandon() {
        end(null, true);
    }

    public void fail(Throwable error) {
        end(error, isAnswered());
    }

    /** Whoever comes second waits until the end is written: he may be the one who goes on to the end of the invocation. */
    private synchronized void end(Throwable error, boolean partial) {
        if (ended) {
            return;
        }
        ended = true;
        if (unwritten == null) {
            write(error, partial);
        } else { // the end of what nobody knows of
            calls.spool.lose(unwritten, 1, 0);
        }
        calls.over(this);
        headers = null;
        request.letGo();
        response.letGo();
        for (Known.Entry entry = known; entry != null; entry = entry.next) {
            entry.forget();
        }
        known = null;
    }

    private void write(Throwable error, boolean partial) {
        Part[] parts = parts(partial);
        boolean full = calls.spool.isFull(invocation, ROOM + Calls.size(headers) + Spool.total(parts)); // an end is told then, too, but without what passed
        Text text = calls.text(number);
        if (status != 0) {
            text.field("status", status);
            if (!full) {
                calls.headers(text, headers);
            }
            text.field("proto", proto).field("peer", peer).field("ttfb", first - begun);
        }
        text.field("dur", Spool.ticks() - begun);
        if (error != null) {
            text.error(error.getClass().getName(), Calls.message(error), null);
        }
        if (partial) {
            text.raw(",\"partial\":true");
        }
        for (int i = 0; full && parts != null && i < parts.length; i++) {
            parts[i] = parts[i].empty();
        }
        calls.spool.write("call.end", invocation, text, parts, true);
    }

    private Part[] parts(boolean partial) {
        boolean sent = !atHand && request.size() > 0;
        boolean came = response.size() > 0;
        if (sent && came) {
            return new Part[] {request.part("request", true), response.part("response", !partial)};
        }
        return sent ? new Part[] {request.part("request", true)} : came ? new Part[] {response.part("response", !partial)} : null;
    }
}
