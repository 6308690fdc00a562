import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Sends requests with the clients that come with Java, and prints what came, errors with their stack traces: Requests ADDRESS. */
public final class Requests {
    private Requests() {}

    public static void main(String[] args) throws Exception {
        String base = args[0];
        for (int i = 0; i < 10; i++) { // more than the hook may fail
            System.out.println(new Isolated().loadClass("okhttp3.internal.http.CallServerInterceptor").getMethods().length);
        }
        System.out.println(get(base + "/text"));
        System.out.println(get(base + "/redirect"));
        System.out.println(get(base + "/missing"));
        System.out.println(get("http://127.0.0.1:1/refused"));
        System.out.println(put(base + "/echo"));
        HttpClient client = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();
        System.out.println(client.send(request(base + "/text").build(), HttpResponse.BodyHandlers.ofString()).body());
        System.out.println(client.send(request(base + "/redirect").build(), HttpResponse.BodyHandlers.ofString()).body());
        System.out.println(client.sendAsync(request(base + "/echo").POST(HttpRequest.BodyPublishers.ofString("later")).build(), HttpResponse.BodyHandlers.ofString())
            .thenApply(HttpResponse::body).get());
        try {
            client.send(request("http://127.0.0.1:1/refused").build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            StackTraceElement[] stack = e.getStackTrace(); // below are frames that depend on which thread was quicker
            System.out.println(e + " at " + stack[0] + ", " + stack[1] + " <- " + e.getCause());
        }
        System.out.println(System.getProperty("java.class.path") + " " + System.getenv("JAVA_TOOL_OPTIONS"));
    }

    /** A class loader that asks no other for anything but the JDK's own, as some plug-in systems have them. */
    private static final class Isolated extends ClassLoader {
        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("java.")) {
                return super.loadClass(name, resolve);
            }
            try (InputStream in = Requests.class.getResourceAsStream("/" + name.replace('.', '/') + ".class")) {
                byte[] bytes = name.startsWith("okhttp3.") ? in.readAllBytes() : null;
                if (bytes != null) {
                    return defineClass(name, bytes, 0, bytes.length);
                }
            } catch (IOException e) {
                // as if it were not there
            }
            throw new ClassNotFoundException(name);
        }
    }

    private static HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url)).header("X-One", "1");
    }

    private static String get(String url) {
        HttpURLConnection connection = null;
        try {
            connection = (HttpURLConnection) new URL(url).openConnection();
            try (InputStream in = connection.getInputStream()) {
                return new String(in.readAllBytes());
            }
        } catch (IOException e) {
            e.printStackTrace(System.out);
            return e + read(connection.getErrorStream());
        }
    }

    private static String read(InputStream in) {
        try {
            return in == null ? "" : new String(in.readAllBytes());
        } catch (IOException e) {
            return e.toString();
        }
    }

    private static String put(String url) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestMethod("PUT");
        connection.setDoOutput(true);
        connection.setChunkedStreamingMode(100);
        try (OutputStream out = connection.getOutputStream()) {
            for (int i = 0; i < 10; i++) {
                out.write("ten letters".getBytes(), 0, 10);
            }
        }
        return new String(connection.getInputStream().readAllBytes());
    }
}
