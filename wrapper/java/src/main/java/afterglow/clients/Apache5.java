package afterglow.clients;

import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Propagation;
import afterglow.hook.Streams;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import org.apache.hc.client5.http.classic.ExecChain;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpConnection;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.HttpRequest;
import org.apache.hc.core5.http.ProtocolVersion;

/**
 * Apache HttpClient 5, the classic one, and AWS's SDK on it.
 *
 * <p>A call starts when a connection is about to be made, with the headers that the function has set; where one is used again, when the
 * request is about to be written, with all of them.
 */
public final class Apache5 extends Streams {
    private static final int TAKE_UP = 1;
    private static final int CONNECT = 2;
    private static final int SEND = 3;

    /** The request that this thread has taken up and that has not started. */
    private final ThreadLocal<Object[]> taken = new ThreadLocal<>();

    public Apache5(Calls calls) {
        super(calls);
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        if (point == TAKE_UP) {
            push();
            taken.set(new Object[] {a, b});
        } else if (point == CONNECT) {
            Object[] request = taken.get();
            Sending sending = current();
            if (request != null && sending != null && sending.call == null) {
                sending.call = start((HttpRequest) request[0], ((ExecChain.Scope) request[1]).route.getTargetHost());
                taken.remove();
            }
        } else if (point == SEND) {
            send((ClassicHttpRequest) a);
        } else {
            super.enter(point, self, a, b, c);
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
        if (point == TAKE_UP) {
            taken.remove();
            pop();
        } else if (point == SEND) {
            Sending sending = current();
            if (sending.call != null) {
                answered(sending.call, (HttpRequest) a, (ClassicHttpResponse) result, (HttpConnection) b);
            }
            pop();
        } else {
            super.leave(point, result, self, a, b, c);
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) throws Throwable {
        if (point == TAKE_UP || point == SEND) {
            taken.remove();
            unanswered(error);
            pop();
        } else {
            super.fail(point, error, self);
        }
    }

    private void send(ClassicHttpRequest request) {
        Sending outer = current();
        Sending sending = push();
        if (request.getMethod().equals("CONNECT")) { // to a proxy
            return;
        }
        sending.call = outer == null ? null : outer.call;
        if (sending.call == null || sending.call.isAnswered()) {
            Object[] request0 = taken.get();
            taken.remove();
            sending.call = start(request, request0 == null ? null : ((ExecChain.Scope) request0[1]).route.getTargetHost());
            if (outer != null) {
                outer.call = sending.call;
            }
        }
    }

    private Call start(HttpRequest request, HttpHost target) {
        return start(calls, request, target);
    }

    /** Records a request that a client has taken up: its own copy of what the function gave it. */
    static Call start(Calls calls, HttpRequest request, HttpHost target) {
        String url = address(request, target);
        String parent = calls.propagates() ? calls.parent(url, null, pairs(request.getHeaders())) : null;
        if (parent != null) {
            request.setHeader(Propagation.HEADER, parent);
        }
        return calls.start("Apache HttpClient 5", null, request.getMethod(), url, parent, pairs(request.getHeaders()), null, 0);
    }

    static String address(HttpRequest request, HttpHost target) {
        String path = request.getRequestUri();
        if (!path.startsWith("/")) { // to a proxy
            return path;
        }
        if (request.getAuthority() != null && request.getScheme() != null) {
            return request.getScheme() + "://" + request.getAuthority() + path;
        }
        return target == null ? path : target.toURI() + path;
    }

    private static void answered(Call call, HttpRequest request, ClassicHttpResponse response, HttpConnection connection) {
        ProtocolVersion version = response.getVersion();
        call.answered(response.getCode(), pairs(response.getHeaders()), version == null ? "HTTP/1.1" : version.toString(), peer(connection));
        if (response.getEntity() == null) {
            call.end();
            return;
        }
        Header length = response.getFirstHeader("Content-Length");
        measured(call, response.getCode(), request.getMethod().equals("HEAD"), length == null ? null : length.getValue(),
            response.getFirstHeader("Transfer-Encoding") != null);
    }

    private static String peer(HttpConnection connection) {
        SocketAddress address = connection.getRemoteAddress();
        if (!(address instanceof InetSocketAddress) || ((InetSocketAddress) address).getAddress() == null) {
            return null;
        }
        return Calls.peer(((InetSocketAddress) address).getAddress().getHostAddress(), ((InetSocketAddress) address).getPort());
    }

    static String[] pairs(Header[] headers) {
        String[] pairs = new String[2 * headers.length];
        for (int i = 0; i < headers.length; i++) {
            pairs[2 * i] = headers[i].getName();
            String value = headers[i].getValue();
            pairs[2 * i + 1] = value == null ? "" : value;
        }
        return pairs;
    }
}
