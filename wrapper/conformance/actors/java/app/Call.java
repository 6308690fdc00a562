package app;

import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** The arguments of the verb call, complete. */
final class Call {
    static final int PIECE = 1000;

    final String library;
    final String method;
    final String url;
    final boolean secure;
    final boolean second;
    final List<String[]> headers = new ArrayList<>();
    final Map<String, Object> body;
    final String read;
    final int timeout;
    final boolean timed;
    final boolean raises;
    final boolean expect;
    final int times;
    final int retries;

    Call(Map<String, Object> args, Map<String, Object> event) {
        library = String.valueOf(args.getOrDefault("library", event.get("library")));
        method = (String) args.getOrDefault("method", "GET");
        second = args.containsKey("second");
        secure = second || args.containsKey("secure");
        Object peer = event.get(second ? "second" : secure ? "secure" : "peer");
        url = (String) args.getOrDefault("url", (secure ? "https://" : "http://") + peer + args.getOrDefault("path", "/text"));
        for (Object pair : (List<?>) args.getOrDefault("headers", List.of())) {
            headers.add(((List<?>) pair).toArray(new String[0]));
        }
        body = Actor.map(args.get("body"));
        read = (String) args.getOrDefault("read", "all");
        raises = args.containsKey("raise");
        timed = args.containsKey("timeoutMS");
        timeout = Actor.number(args, "timeoutMS", 30000);
        expect = args.containsKey("expect");
        times = Actor.number(args, "times", 1);
        retries = Actor.number(args, "retries", 0);
    }

    boolean hasBody() {
        return body != null;
    }

    String bodyAs() {
        return (String) body.getOrDefault("as", "bytes");
    }

    byte[] bytes() {
        if (body.containsKey("text")) {
            return ((String) body.get("text")).getBytes(StandardCharsets.UTF_8);
        }
        byte[] data = new byte[Actor.number(body, body.containsKey("binary") ? "binary" : "size", 0)];
        for (int i = 0; i < data.length; i++) {
            data[i] = body.containsKey("binary") ? (byte) i : (byte) 'x';
        }
        return data;
    }

    /** The body as a stream: of a file, or of pieces. */
    InputStream stream() throws IOException {
        if (bodyAs().equals("file")) {
            Path file = Files.createTempFile("upload", "");
            Files.write(file, bytes());
            return Files.newInputStream(file);
        }
        return new Pieces(bytes());
    }

    /** Hands out at most a piece at a time. */
    private static final class Pieces extends java.io.ByteArrayInputStream {
        Pieces(byte[] data) {
            super(data);
        }

        @Override
        public synchronized int read(byte[] into, int from, int count) {
            return super.read(into, from, Math.min(count, PIECE));
        }
    }

    /** Reads as the story asks for, and says what came. */
    Map<String, Object> take(int status, InputStream in) throws Exception {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        if (in != null) {
            switch (read) {
                case "all":
                    in.transferTo(data);
                    in.close();
                    break;
                case "pieces":
                    byte[] piece = new byte[7];
                    for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
                        data.write(piece, 0, n);
                    }
                    in.close();
                    break;
                case "lines":
                    for (int b = in.read(); b >= 0; b = in.read()) {
                        data.write(b);
                    }
                    in.close();
                    break;
                case "some":
                    data.write(in.readNBytes(10));
                    in.close();
                    break;
                case "none":
                    in.close();
                    break;
                default:
                    throw new Unsupported("to read " + read);
            }
        }
        return told(status, data.toByteArray());
    }

    static Map<String, Object> told(int status, byte[] data) throws Exception {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("status", status);
        told.put("length", data.length);
        StringBuilder hex = new StringBuilder();
        for (byte b : MessageDigest.getInstance("MD5").digest(data)) {
            hex.append(String.format("%02x", b));
        }
        told.put("md5", hex.toString());
        return told;
    }

    static X509TrustManager trust() throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = new FileInputStream(System.getenv("PEER_CA"))) {
            store.setCertificateEntry("peer", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return (X509TrustManager) factory.getTrustManagers()[0];
    }

    static SSLContext context() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new javax.net.ssl.TrustManager[] {trust()}, null);
        return context;
    }
}
