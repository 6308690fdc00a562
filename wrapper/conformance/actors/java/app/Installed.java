package app;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okio.BufferedSink;
import okio.Okio;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.RequestBuilder;
import org.apache.http.entity.ByteArrayEntity;
import org.apache.http.entity.InputStreamEntity;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClientBuilder;

/** Libraries that functions bring along, in a layer. Each is a class of its own, so that none is loaded before it is used. */
final class Installed {
    private Installed() {}

    /** Apache HttpClient 4. */
    static final class Apache4 implements Library {
        @Override
        public Map<String, Object> send(Call call) throws Exception {
            if (call.second || call.retries > 0) {
                throw new Unsupported("HTTP/2, or to try again by itself");
            }
            HttpClientBuilder builder = HttpClientBuilder.create().disableAutomaticRetries();
            if (call.secure) {
                builder.setSSLContext(Call.context());
            }
            builder.setDefaultRequestConfig(RequestConfig.custom().setSocketTimeout(call.timeout).setConnectTimeout(call.timeout).setExpectContinueEnabled(call.expect).build());
            Map<String, Object> result = null;
            try (CloseableHttpClient client = builder.build()) {
                for (int i = 0; i < call.times; i++) {
                    RequestBuilder request = RequestBuilder.create(call.method).setUri(call.url);
                    for (String[] header : call.headers) {
                        request.addHeader(header[0], header[1]);
                    }
                    if (call.hasBody()) {
                        request.setEntity(call.bodyAs().equals("bytes") ? new ByteArrayEntity(call.bytes()) : new InputStreamEntity(call.stream()));
                    }
                    try (CloseableHttpResponse response = client.execute(request.build())) {
                        result = call.take(response.getStatusLine().getStatusCode(), response.getEntity() == null ? null : response.getEntity().getContent());
                    }
                }
            }
            return result;
        }
    }

    /** Apache HttpClient 5. */
    static final class Apache5 implements Library {
        @Override
        public Map<String, Object> send(Call call) throws Exception {
            if (call.second || call.retries > 0) {
                throw new Unsupported("HTTP/2, or to try again by itself");
            }
            org.apache.hc.client5.http.impl.classic.HttpClientBuilder builder = org.apache.hc.client5.http.impl.classic.HttpClientBuilder.create().disableAutomaticRetries();
            org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder manager =
                org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder.create();
            if (call.secure) {
                manager.setTlsSocketStrategy(new org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy(Call.context()));
            }
            builder.setConnectionManager(manager.build()).setDefaultRequestConfig(org.apache.hc.client5.http.config.RequestConfig.custom()
                .setResponseTimeout(call.timeout, TimeUnit.MILLISECONDS).setExpectContinueEnabled(call.expect).build());
            Map<String, Object> result = null;
            try (org.apache.hc.client5.http.impl.classic.CloseableHttpClient client = builder.build()) {
                for (int i = 0; i < call.times; i++) {
                    org.apache.hc.core5.http.io.support.ClassicRequestBuilder request =
                        org.apache.hc.core5.http.io.support.ClassicRequestBuilder.create(call.method).setUri(call.url);
                    for (String[] header : call.headers) {
                        request.addHeader(header[0], header[1]);
                    }
                    if (call.hasBody()) {
                        request.setEntity(call.bodyAs().equals("bytes") ? new org.apache.hc.core5.http.io.entity.ByteArrayEntity(call.bytes(), null)
                            : new org.apache.hc.core5.http.io.entity.InputStreamEntity(call.stream(), null));
                    }
                    result = client.execute(request.build(), response -> {
                        try {
                            return call.take(response.getCode(), response.getEntity() == null ? null : response.getEntity().getContent());
                        } catch (IOException | RuntimeException e) {
                            throw e;
                        } catch (Exception e) {
                            throw new IOException(e);
                        }
                    });
                }
            }
            return result;
        }
    }

    /** Apache HttpClient 5, asynchronous. */
    static final class Apache5Async implements Library {
        @Override
        public Map<String, Object> send(Call call) throws Exception {
            if (call.retries > 0 || call.expect || !call.read.equals("all") || call.hasBody() && !call.bodyAs().equals("bytes")) {
                throw new Unsupported("to try again by itself, to wait for 100 Continue, or other than whole bodies");
            }
            org.apache.hc.client5.http.impl.nio.PoolingAsyncClientConnectionManagerBuilder manager =
                org.apache.hc.client5.http.impl.nio.PoolingAsyncClientConnectionManagerBuilder.create();
            if (call.secure) {
                manager.setTlsStrategy(new org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy(Call.context()));
            }
            manager.setDefaultTlsConfig(org.apache.hc.client5.http.config.TlsConfig.custom().setVersionPolicy(call.second
                ? org.apache.hc.core5.http2.HttpVersionPolicy.FORCE_HTTP_2 : org.apache.hc.core5.http2.HttpVersionPolicy.FORCE_HTTP_1).build());
            Map<String, Object> result = null;
            try (org.apache.hc.client5.http.impl.async.CloseableHttpAsyncClient client = org.apache.hc.client5.http.impl.async.HttpAsyncClients.custom()
                .disableAutomaticRetries().setConnectionManager(manager.build()).setDefaultRequestConfig(org.apache.hc.client5.http.config.RequestConfig.custom()
                .setResponseTimeout(call.timeout, TimeUnit.MILLISECONDS).build()).build()) {
                client.start();
                for (int i = 0; i < call.times; i++) {
                    org.apache.hc.client5.http.async.methods.SimpleRequestBuilder request =
                        org.apache.hc.client5.http.async.methods.SimpleRequestBuilder.create(call.method).setUri(call.url);
                    for (String[] header : call.headers) {
                        request.addHeader(header[0], header[1]);
                    }
                    if (call.hasBody()) {
                        request.setBody(call.bytes(), null);
                    }
                    if (i > 0) {
                        Thread.sleep(50); // the answer is there a little before its connection can be used again
                    }
                    try {
                        org.apache.hc.client5.http.async.methods.SimpleHttpResponse response = client.execute(request.build(), null).get();
                        result = Call.told(response.getCode(), response.getBodyBytes() == null ? new byte[0] : response.getBodyBytes());
                    } catch (java.util.concurrent.ExecutionException e) {
                        throw e.getCause() instanceof Exception ? (Exception) e.getCause() : e;
                    }
                }
            }
            return result;
        }
    }

    /** OkHttp. */
    static final class OkHttp implements Library {
        @Override
        public Map<String, Object> send(Call call) throws Exception {
            OkHttpClient.Builder builder = new OkHttpClient.Builder().readTimeout(call.timeout, TimeUnit.MILLISECONDS).callTimeout(call.timeout, TimeUnit.MILLISECONDS)
                .retryOnConnectionFailure(false);
            if (call.retries > 0) {
                throw new Unsupported("to try again by itself");
            }
            if (call.secure) {
                builder.sslSocketFactory(Call.context().getSocketFactory(), Call.trust());
            }
            OkHttpClient client = builder.build();
            Map<String, Object> result = null;
            for (int i = 0; i < call.times; i++) {
                Request.Builder request = new Request.Builder().url(call.url).method(call.method, body(call));
                for (String[] header : call.headers) {
                    request.addHeader(header[0], header[1]);
                }
                if (call.expect) {
                    request.addHeader("Expect", "100-continue");
                }
                try (Response response = client.newCall(request.build()).execute()) {
                    result = call.take(response.code(), response.body().byteStream());
                }
            }
            client.dispatcher().executorService().shutdown();
            client.connectionPool().evictAll();
            return result;
        }

        private static RequestBody body(Call call) {
            if (!call.hasBody()) {
                return call.method.equals("POST") || call.method.equals("PUT") || call.method.equals("PATCH") ? RequestBody.create(new byte[0]) : null;
            }
            if (call.bodyAs().equals("bytes")) {
                return RequestBody.create(call.bytes());
            }
            return new RequestBody() {
                @Override
                public MediaType contentType() {
                    return null;
                }

                @Override
                public void writeTo(BufferedSink sink) throws IOException {
                    try (InputStream in = call.stream()) {
                        sink.writeAll(Okio.source(in));
                    }
                }
            };
        }
    }
}
