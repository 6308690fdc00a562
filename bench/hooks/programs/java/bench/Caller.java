package bench;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Makes the calls that its event asks for. */
public final class Caller implements RequestHandler<Map<String, Object>, Object> {
    private HttpClient client;

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        int size = event.containsKey("body") ? ((Number) event.get("body")).intValue() : 0;
        byte[] body = size > 0 ? ("{\"document\":\"" + "x".repeat(size - 15) + "\"}").getBytes(StandardCharsets.UTF_8) : null;
        int received = 0;
        try (OutputStream file = event.containsKey("append") ? new FileOutputStream((String) event.get("append"), true) : null) {
            for (int i = ((Number) event.get("calls")).intValue(); i > 0; i--) {
                byte[] answer = event.get("library").equals("java.net.http") ? byClient((String) event.get("url"), body) : byConnection((String) event.get("url"), body);
                received += answer.length;
                if (file != null) {
                    file.write(answer);
                }
            }
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return Map.of("received", received);
    }

    private static byte[] byConnection(String url, byte[] body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setRequestProperty("Authorization", "Bearer 0123456789");
        if (body != null) {
            connection.setDoOutput(true);
            connection.getOutputStream().write(body);
        }
        try (InputStream in = connection.getInputStream()) {
            return in.readAllBytes();
        }
    }

    private byte[] byClient(String url, byte[] body) throws IOException, InterruptedException {
        if (client == null) {
            client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        }
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json").header("Authorization", "Bearer 0123456789");
        if (body != null) {
            request.POST(HttpRequest.BodyPublishers.ofByteArray(body));
        }
        return client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray()).body();
    }
}
