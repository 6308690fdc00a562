package app;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import javax.net.ssl.HttpsURLConnection;

/** The libraries that come with Java. */
final class Own {
    private Own() {}

    static Map<String, Object> byConnection(Call call) throws Exception {
        if (call.second || call.retries > 0) {
            throw new Unsupported("HTTP/2, or to try again by itself");
        }
        Map<String, Object> result = null;
        for (int i = 0; i < call.times; i++) {
            HttpURLConnection connection = (HttpURLConnection) new URL(call.url).openConnection();
            if (call.secure) {
                ((HttpsURLConnection) connection).setSSLSocketFactory(Call.context().getSocketFactory());
            }
            connection.setReadTimeout(call.timeout);
            connection.setConnectTimeout(call.timeout);
            connection.setRequestMethod(call.method);
            for (String[] header : call.headers) {
                connection.addRequestProperty(header[0], header[1]);
            }
            if (call.expect) {
                connection.setRequestProperty("Expect", "100-continue");
            }
            if (call.hasBody()) {
                send(call, connection);
            }
            int status = connection.getResponseCode();
            result = call.take(status, status >= 400 ? connection.getErrorStream() : connection.getInputStream());
        }
        return result;
    }

    private static void send(Call call, HttpURLConnection connection) throws Exception {
        connection.setDoOutput(true);
        if (call.bodyAs().equals("bytes")) {
            byte[] data = call.bytes();
            if (call.expect || data.length > 100000) { // what does not stream is kept in memory first
                connection.setFixedLengthStreamingMode(data.length);
            }
            try (OutputStream out = connection.getOutputStream()) {
                out.write(data);
            }
            return;
        }
        connection.setChunkedStreamingMode(Call.PIECE);
        try (OutputStream out = connection.getOutputStream(); InputStream in = call.stream()) {
            in.transferTo(out);
        }
    }

    static Map<String, Object> byClient(Call call) throws Exception {
        return byClient(call, false);
    }

    static Map<String, Object> byClientLater(Call call) throws Exception {
        return byClient(call, true);
    }

    private static Map<String, Object> byClient(Call call, boolean later) throws Exception {
        if (call.retries > 0) {
            throw new Unsupported("to try again by itself");
        }
        HttpClient.Builder builder = HttpClient.newBuilder().version(call.second ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NORMAL);
        if (call.secure) {
            builder.sslContext(Call.context());
        }
        HttpClient client = builder.build();
        Map<String, Object> result = null;
        for (int i = 0; i < call.times; i++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(call.url)).timeout(Duration.ofMillis(call.timeout)).expectContinue(call.expect);
            for (String[] header : call.headers) {
                request.header(header[0], header[1]);
            }
            request.method(call.method, body(call));
            HttpResponse<InputStream> response = later ? client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofInputStream()).join()
                : client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
            result = call.take(response.statusCode(), response.body());
        }
        return result;
    }

    private static HttpRequest.BodyPublisher body(Call call) {
        if (!call.hasBody()) {
            return HttpRequest.BodyPublishers.noBody();
        }
        return call.bodyAs().equals("bytes") ? HttpRequest.BodyPublishers.ofByteArray(call.bytes()) : HttpRequest.BodyPublishers.ofInputStream(() -> {
            try {
                return call.stream();
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
    }
}
