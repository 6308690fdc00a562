package afterglow.clients;

import afterglow.boot.Probe;
import afterglow.hook.Call;
import afterglow.hook.Calls;
import afterglow.hook.Inside;
import afterglow.hook.Known;
import afterglow.hook.Propagation;
import java.io.ByteArrayOutputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URL;
import sun.net.NetworkClient;
import sun.net.www.MessageHeader;
import sun.net.www.http.PosterOutputStream;

/**
 * java.net.HttpURLConnection, for http and https.
 *
 * <p>A call starts when a connection is about to be made, with the headers that the function has set; where one is used again, when the
 * request is about to be written, with all of them. Each redirect is a call of its own, as each is a request.
 */
public final class UrlConnection extends Probe {
    private static final int CONNECT = 1;
    private static final int WRITE_REQUESTS = 2;
    private static final int OPEN_SOCKET = 10;
    private static final int REQUEST = 11;
    private static final int RESPONSE = 12;
    private static final int READ = 21;

    /** The request of a connection that is on its way. */
    private static final class Exchange {
        final Call call; // null: nobody is to see it
        final boolean head;
        boolean sent;

        Exchange(Call call, boolean head) {
            this.call = call;
            this.head = head;
        }
    }

    /** Who was at the other end of a connection. */
    private static final class Peer {
        final InetAddress address;
        final int port;
        final String text;

        Peer(InetAddress address, int port) {
            this.address = address;
            this.port = port;
            text = Calls.peer(address.getHostAddress(), port);
        }
    }

    private final Calls calls;
    private Peer last; // whoever sees an old one makes it again
    private final Known<Exchange> exchanges = new Known<>(); // by connection
    private final Known<Call> streams = new Known<>();
    private final ThreadLocal<Object> current = new ThreadLocal<>(); // the connection that is at work
    private final long requests = Inside.field(sun.net.www.protocol.http.HttpURLConnection.class, "requests");
    private final long buffer = Inside.field(ByteArrayOutputStream.class, "buf");
    private final long keys = Inside.field(MessageHeader.class, "keys");
    private final long values = Inside.field(MessageHeader.class, "values");
    private final long count = Inside.field(MessageHeader.class, "nkeys");
    private final long socket = Inside.field(NetworkClient.class, "serverSocket");

    public UrlConnection(Calls calls) {
        this.calls = calls;
    }

    @Override
    public void enter(int point, Object self, Object a, Object b, Object c) {
        if (point == CONNECT || point == WRITE_REQUESTS) {
            current.set(self);
        } else if (point == OPEN_SOCKET || point == REQUEST) {
            Object connection = current.get();
            if (connection == null) { // not of HTTP, or to a proxy: CONNECT
                return;
            }
            HttpURLConnection http = (HttpURLConnection) connection;
            if (point == REQUEST) {
                request(http, (MessageHeader) a, (PosterOutputStream) b);
            } else if (pending(connection) == null) {
                start(http, (MessageHeader) Inside.read(connection, requests), null);
            }
        } else { // close of a stream, disconnect
            Exchange exchange = exchanges.remove(self);
            abandon(exchange == null ? streams.remove(self) : exchange.call);
        }
    }

    @Override
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) {
        if (point == CONNECT || point == WRITE_REQUESTS) {
            current.remove();
        } else if (point == RESPONSE) {
            answered(exchanges.get(b instanceof HttpURLConnection ? b : c), (MessageHeader) a, self);
        } else { // a stream was made for a connection
            Exchange exchange = exchanges.get(a);
            if (exchange != null && exchange.call != null && !exchange.call.isEnded()) {
                exchange.call.keep(streams.put(self, exchange.call));
            }
        }
    }

    @Override
    public void fail(int point, Throwable error, Object self) {
        if (point == CONNECT || point == WRITE_REQUESTS) {
            current.remove();
        }
        if (point == READ) {
            Call call = streams.remove(self);
            if (call != null) {
                call.fail(error);
            }
            return;
        }
        // An answer of 400 or more throws as well, with its body still to be read.
        Exchange exchange = pending(self);
        if (exchange != null && exchange.call != null) {
            exchange.call.fail(error);
        }
    }

    @Override
    public void write(int point, Object self, byte[] bytes, int from, int count) {
        Call call = streams.get(self);
        if (call != null) {
            call.sent(bytes, from, count);
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

    /** Gives a connection's request that has no answer yet. */
    private Exchange pending(Object connection) {
        Exchange exchange = exchanges.get(connection);
        return exchange == null || exchange.call != null && (exchange.call.isEnded() || exchange.call.isAnswered()) ? null : exchange;
    }

    private void request(HttpURLConnection connection, MessageHeader headers, PosterOutputStream body) {
        Exchange exchange = pending(connection);
        if (exchange == null || exchange.sent) {
            exchange = start(connection, headers, body);
        } else if (body != null && exchange.call != null) {
            exchange.call.sent((byte[]) Inside.read(body, buffer), 0, body.size());
        }
        exchange.sent = true;
    }

    private Exchange start(HttpURLConnection connection, MessageHeader headers, PosterOutputStream body) {
        Exchange before = exchanges.remove(connection);
        if (before != null) { // the answer that sent it here
            abandon(before.call);
        }
        String method = connection.getRequestMethod();
        if (method.equals("GET") && connection.getDoOutput()) {
            method = "POST"; // it will be by the time that it is sent
        }
        byte[] bytes = body == null ? null : (byte[]) Inside.read(body, buffer);
        String url = address(connection.getURL());
        String[] pairs = pairs(headers);
        String parent = calls.propagates() ? calls.parent(url, null, pairs) : null;
        if (parent != null) {
            headers.set(Propagation.HEADER, parent);
            pairs = pairs(headers);
        }
        Call call = calls.start("java.net.HttpURLConnection", null, method, url, parent, pairs, bytes, body == null ? 0 : body.size());
        Exchange exchange = new Exchange(call, method.equals("HEAD"));
        Known.Entry entry = exchanges.put(connection, exchange);
        if (call != null) {
            call.keep(entry);
        }
        return exchange;
    }

    private void answered(Exchange exchange, MessageHeader headers, Object client) {
        String line = headers.getValue(0);
        if (exchange == null || exchange.call == null || !exchange.sent || exchange.call.isAnswered() || line == null || !line.startsWith("HTTP/")) {
            return;
        }
        int space = line.indexOf(' ');
        int status = space > 0 && line.length() >= space + 4 ? Integer.parseInt(line.substring(space + 1, space + 4)) : 0;
        if (status == 100) { // the answer is yet to come
            return;
        }
        Object s = Inside.read(client, socket);
        exchange.call.answered(status, pairs(headers), line.substring(0, space), s == null ? null : peer((Socket) s));
        String length = headers.findValue("Content-Length");
        if (exchange.head || status == 204 || status == 304) {
            exchange.call.expect(0);
        } else if (length != null && headers.findValue("Transfer-Encoding") == null) {
            exchange.call.expect(Calls.length(length));
        }
    }

    /** Gives who is at the other end. A connection that is used again has the same object for its address. */
    private String peer(Socket socket) {
        InetAddress address = socket.getInetAddress();
        if (address == null) {
            return null;
        }
        Peer known = last;
        if (known == null || known.address != address || known.port != socket.getPort()) {
            known = new Peer(address, socket.getPort());
            last = known;
        }
        return known.text;
    }

    private static void abandon(Call call) {
        if (call != null) {
            call.abandon();
        }
    }

    /** Gives an URL as it is sent: without what stands behind a #. */
    private static String address(URL url) {
        String text = url.toExternalForm();
        int end = text.indexOf('#');
        return end < 0 ? text : text.substring(0, end);
    }

    /**
     * Gives names and values in turn. The line of the request or of the status has no value, or no name. They are read where they are: every method of
     * their owner's takes its lock.
     */
    private String[] pairs(MessageHeader headers) {
        int n = Inside.readInt(headers, count);
        String[] names = (String[]) Inside.read(headers, keys);
        String[] contents = (String[]) Inside.read(headers, values);
        int length = 0;
        for (int i = 0; i < n; i++) {
            length += names[i] != null && contents[i] != null ? 2 : 0;
        }
        String[] pairs = new String[length];
        for (int i = n - 1; i >= 0; i--) {
            if (names[i] != null && contents[i] != null) {
                pairs[--length] = contents[i];
                pairs[--length] = names[i];
            }
        }
        return pairs;
    }
}
