package afterglow.clients;

import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Propagation;
import afterglow.hook.Streams;
import java.net.InetAddress;
import org.apache.http.Header;
import org.apache.http.HttpHost;
import org.apache.http.HttpInetConnection;
import org.apache.http.HttpRequest;
import org.apache.http.HttpResponse;
import org.apache.http.conn.routing.HttpRoute;
import org.apache.http.protocol.HttpContext;

/**
 * Apache HttpClient 4, and AWS's SDKs on it.
 *
 * <p>A call starts when a request is taken up that is complete but for what authentication adds, before there is a connection. An answer that asks for
 * authentication, and the request that gives it, are calls of their own.
 */
public final class Apache4 extends Streams {
    private static final int TAKE_UP = 1;
    private static final int SEND = 2;

    public Apache4(Calls calls) {
        super(calls);
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {
        if (point == TAKE_UP) {
            push().call = start((HttpRequest) b, ((HttpRoute) a).getTargetHost());
        } else if (point == SEND) {
            send((HttpRequest) a, (HttpContext) c);
        } else {
            super.enter(point, self, a, b, c);
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {
        if (point == TAKE_UP) {
            pop();
        } else if (point == SEND) {
            Sending sending = current();
            if (sending.call != null) {
                answered(sending.call, (HttpRequest) a, (HttpResponse) result, b);
            }
            pop();
        } else {
            super.leave(point, result, self, a, b, c);
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) throws Throwable {
        if (point == TAKE_UP || point == SEND) {
            unanswered(error);
            pop();
        } else {
            super.fail(point, error, self);
        }
    }

    private void send(HttpRequest request, HttpContext context) {
        Sending outer = current();
        Sending sending = push();
        if (request.getRequestLine().getMethod().equals("CONNECT")) { // to a proxy
            return;
        }
        sending.call = outer == null ? null : outer.call;
        if (outer == null || sending.call != null && sending.call.isAnswered()) {
            if (sending.call != null) {
                sending.call.abandon();
            }
            Object target = context.getAttribute("http.target_host");
            sending.call = start(request, target instanceof HttpHost ? (HttpHost) target : null);
            if (outer != null) {
                outer.call = sending.call;
            }
        }
    }

    private Call start(HttpRequest request, HttpHost target) {
        String uri = request.getRequestLine().getUri();
        String url = uri.startsWith("/") && target != null ? target.toURI() + uri : uri;
        String parent = calls.propagates() ? calls.parent(url, null, pairs(request.getAllHeaders())) : null;
        if (parent != null) { // the client's own copy of what the function gave it
            request.setHeader(Propagation.HEADER, parent);
        }
        return calls.start("Apache HttpClient 4", null, request.getRequestLine().getMethod(), url, parent, pairs(request.getAllHeaders()), null, 0);
    }

    private static void answered(Call call, HttpRequest request, HttpResponse response, Object connection) {
        int status = response.getStatusLine().getStatusCode();
        call.answered(status, pairs(response.getAllHeaders()), response.getStatusLine().getProtocolVersion().toString(), peer(connection));
        if (response.getEntity() == null) {
            call.end();
            return;
        }
        Header length = response.getFirstHeader("Content-Length");
        measured(call, status, request.getRequestLine().getMethod().equals("HEAD"), length == null ? null : length.getValue(),
            response.getFirstHeader("Transfer-Encoding") != null);
    }

    private static String peer(Object connection) {
        if (!(connection instanceof HttpInetConnection)) {
            return null;
        }
        InetAddress address = ((HttpInetConnection) connection).getRemoteAddress();
        return address == null ? null : Calls.peer(address.getHostAddress(), ((HttpInetConnection) connection).getRemotePort());
    }

    private static String[] pairs(Header[] headers) {
        String[] pairs = new String[2 * headers.length];
        for (int i = 0; i < headers.length; i++) {
            pairs[2 * i] = headers[i].getName();
            String value = headers[i].getValue();
            pairs[2 * i + 1] = value == null ? "" : value;
        }
        return pairs;
    }
}
