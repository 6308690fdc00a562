package afterglow.hook;

/**
 * The classes that are looked at, and the methods of each: see {@link Points}. The numbers are those of the client that takes them.
 *
 * <p>It is asked for every class that the virtual machine loads, so it is one switch over names.
 */
final class Targets {
    /** What is looked at in a class, and by which client. */
    static final class Target {
        final String client;
        final String points;

        Target(String client, String points) {
            this.client = client;
            this.points = points;
        }

        /** Gives the number of a probe that is there from the beginning, 0 if it is made when it is needed. */
        int probe() {
            return isHandler() ? 1 : client == WORK ? 2 : 0;
        }

        boolean isHandler() {
            return client == HANDLER;
        }
    }

    private static final String HANDLER = "handler";
    private static final String WORK = "work";
    private static final String NET_HTTP = "NetHttp";
    private static final String APACHE4 = "Apache4";
    private static final String APACHE5 = "Apache5";
    private static final String SDK_NETTY = "SdkNetty";
    private static final String SDK_CRT = "SdkCrt";
    private static final String APACHE5_ASYNC = "Apache5Async";
    private static final String OKHTTP = "OkHttp";

    /** Streams of blocking clients: see Streams. */
    private static final String INPUT = "41 R read()\n41 RF read([BII)\n42 LF close()\n";
    private static final String OUTPUT = "44 W write(I)\n44 W write([BII)\n";

    private static final String URL_CONNECTION = "UrlConnection";

    private Targets() {}

    static Target of(String name) {
        switch (name) {
            case "com/amazonaws/services/lambda/runtime/api/client/runtimeapi/LambdaRuntimeApiClientImpl":
                return new Target(HANDLER, "1 L nextInvocation()\n2 ELF reportInvocationSuccess(Ljava/lang/String;[B)V\n3 ELF reportInvocationError(Ljava/lang/String;\n"
                    + "4 E reportInitError(\n5 ?L restoreNext()\n");
            case "com/amazonaws/services/lambda/runtime/api/client/runtimeapi/LambdaRuntimeClient":
            case "lambdainternal/runtimeapi/LambdaRuntimeClient":
                return new Target(HANDLER, "1 L waitForNextInvocation()\n2 ELF postInvocationResponse(Ljava/lang/String;[B)V\n"
                    + "3 ELF postInvocationError(Ljava/lang/String;[BLjava/lang/String;)V\n"
                    + "3 ?ELF postInvocationError(Ljava/lang/String;[BLjava/lang/String;Ljava/lang/String;)V\n"
                    + "4 ?E postInitError([B\n5 ?L getRestoreNext()\n");

            case "java/util/concurrent/ThreadPoolExecutor":
                return new Target(WORK, "1 E execute(\n3 E runWorker(\n4 L getTask(\n");
            case "java/util/concurrent/ScheduledThreadPoolExecutor":
                return new Target(WORK, "2 E delayedExecute(\n");
            case "java/util/concurrent/ForkJoinWorkerThread":
                return new Target(WORK, "5 E run()\n");
            case "java/util/concurrent/CompletableFuture$AsyncSupply":
            case "java/util/concurrent/CompletableFuture$AsyncRun":
                return new Target(WORK, "6 L <init>(\n7 ELF run()\n");
            case "java/util/concurrent/CompletableFuture$UniCompletion":
                return new Target(WORK, "6 L <init>(\n");
            case "java/util/concurrent/CompletableFuture$Completion":
                return new Target(WORK, "7 ELF run()\n7 ELF exec()\n");

            case "sun/net/www/protocol/http/HttpURLConnection":
                return new Target(URL_CONNECTION, "1 ELF plainConnect()\n2 ELF writeRequests()V\n3 F getInputStream0()\n4 F getOutputStream0()\n"
                    + "5 F connect()\n6 E disconnect()\n");
            case "sun/net/www/protocol/https/AbstractDelegateHttpsURLConnection":
                return new Target(URL_CONNECTION, "5 F connect()\n");
            case "sun/net/NetworkClient":
                return new Target(URL_CONNECTION, "10 E doConnect(Ljava/lang/String;I)\n");
            case "sun/net/www/http/HttpClient":
                return new Target(URL_CONNECTION, "11 E writeRequests(Lsun/net/www/MessageHeader;Lsun/net/www/http/PosterOutputStream;)\n"
                    + "12 L parseHTTP(Lsun/net/www/MessageHeader;\n");
            case "sun/net/www/protocol/http/HttpURLConnection$HttpInputStream":
                return new Target(URL_CONNECTION, "20 L <init>(Lsun/net/www/protocol/http/HttpURLConnection;\n21 RF read([BII)\n22 E close()\n");
            case "sun/net/www/protocol/http/HttpURLConnection$StreamingOutputStream":
                return new Target(URL_CONNECTION, "30 L <init>(Lsun/net/www/protocol/http/HttpURLConnection;\n31 W write(I)\n31 W write([BII)\n");

            case "jdk/internal/net/http/Exchange":
                return new Target(NET_HTTP, "2 L <init>(Ljdk/internal/net/http/HttpRequestImpl;Ljdk/internal/net/http/MultiExchange;\n3 EL responseAsync()\n"
                    + "4 ELF readBodyAsync(\n7 ELF ignoreBody()\n5 E nullBody(\n6 E cancel(Ljava/io/IOException;)\n");
            case "jdk/internal/net/http/Response":
                return new Target(NET_HTTP, "10 L <init>(Ljdk/internal/net/http/HttpRequestImpl;Ljdk/internal/net/http/Exchange;Ljava/net/http/HttpHeaders;\n");
            case "jdk/internal/net/http/Http1Response$Http1BodySubscriber": // until Java 18
            case "jdk/internal/net/http/common/HttpBodySubscriberWrapper": // since Java 19
                return new Target(NET_HTTP, "20 L <init>(\n21 E onNext(Ljava/util/List;)\n22 E complete(Ljava/lang/Throwable;)\n23 ?E onCancel()\n");
            case "jdk/internal/net/http/Stream":
                return new Target(NET_HTTP, "30 E receiveDataFrame(\n");
            case "jdk/internal/net/http/Http1Request$FixedContentSubscriber":
            case "jdk/internal/net/http/Http1Request$StreamSubscriber":
                return new Target(NET_HTTP, "40 L <init>(Ljdk/internal/net/http/Http1Request;\n42 E onNext(Ljava/nio/ByteBuffer;)\n");
            case "jdk/internal/net/http/Stream$RequestSubscriber":
                return new Target(NET_HTTP, "41 L <init>(Ljdk/internal/net/http/Stream;\n42 E onNext(Ljava/nio/ByteBuffer;)\n");

            case "org/apache/http/impl/execchain/MainClientExec":
            case "org/apache/http/impl/execchain/MinimalClientExec":
                return new Target(APACHE4, "1 ELF execute(\n");
            case "org/apache/http/protocol/HttpRequestExecutor":
                return new Target(APACHE4, "2 ELF execute(\n");
            case "org/apache/http/impl/BHttpConnectionBase":
                return new Target(APACHE4, "40 L createInputStream(\n43 L createOutputStream(\n45 E shutdown()\n45 E close()\n");
            case "org/apache/http/impl/io/ContentLengthInputStream":
            case "org/apache/http/impl/io/ChunkedInputStream":
            case "org/apache/http/impl/io/IdentityInputStream":
                return new Target(APACHE4, INPUT);
            case "org/apache/http/impl/io/ContentLengthOutputStream":
            case "org/apache/http/impl/io/ChunkedOutputStream":
            case "org/apache/http/impl/io/IdentityOutputStream":
                return new Target(APACHE4, OUTPUT);

            case "org/apache/hc/client5/http/impl/classic/ConnectExec":
                return new Target(APACHE5, "1 ELF execute(\n");
            case "org/apache/hc/client5/http/impl/classic/InternalExecRuntime":
                return new Target(APACHE5, "2 E connectEndpoint(Lorg/apache/hc/client5/http/protocol/HttpClientContext;)\n");
            case "org/apache/hc/core5/http/impl/io/HttpRequestExecutor":
                return new Target(APACHE5, "3 ELF execute(Lorg/apache/hc/core5/http/ClassicHttpRequest;Lorg/apache/hc/core5/http/io/HttpClientConnection;"
                    + "Lorg/apache/hc/core5/http/io/HttpResponseInformationCallback;\n");
            case "org/apache/hc/core5/http/impl/io/BHttpConnectionBase":
                return new Target(APACHE5, "40 L createContentInputStream(\n43 L createContentOutputStream(\n45 E close(\n");
            case "org/apache/hc/core5/http/impl/io/ContentLengthInputStream":
            case "org/apache/hc/core5/http/impl/io/ChunkedInputStream":
            case "org/apache/hc/core5/http/impl/io/IdentityInputStream":
                return new Target(APACHE5, INPUT);
            case "org/apache/hc/core5/http/impl/io/ContentLengthOutputStream":
            case "org/apache/hc/core5/http/impl/io/ChunkedOutputStream":
            case "org/apache/hc/core5/http/impl/io/IdentityOutputStream":
                return new Target(APACHE5, OUTPUT);

            case "org/apache/hc/client5/http/impl/async/AsyncConnectExec":
                return new Target(APACHE5_ASYNC, "1 E execute(\n");
            case "org/apache/hc/client5/http/impl/async/AsyncConnectExec$1":
            case "org/apache/hc/client5/http/impl/async/AsyncConnectExec$2":
            case "org/apache/hc/client5/http/impl/async/AsyncConnectExec$3":
                return new Target(APACHE5_ASYNC, "2 E failed(\n3 E cancelled(\n");
            case "org/apache/hc/client5/http/impl/async/HttpAsyncMainClientExec$1":
            case "org/apache/hc/client5/http/impl/async/H2AsyncMainClientExec$1":
                return new Target(APACHE5_ASYNC, "2 E failed(\n3 E cancel(\n4 E consumeResponse(\n5 E consume(Ljava/nio/ByteBuffer;\n6 E streamEnd(\n"
                    + "7 ELF produce(Lorg\n8 E produceRequest(\n");
            case "org/apache/hc/core5/http/impl/nio/ClientHttp1StreamHandler$1":
            case "org/apache/hc/core5/http2/impl/nio/ClientH2StreamHandler$1":
                return new Target(APACHE5_ASYNC, "9 EL write(Ljava/nio/ByteBuffer;)\n");

            case "okhttp3/internal/connection/ConnectInterceptor":
                return new Target(OKHTTP, "1 ELF intercept(\n");
            case "okhttp3/internal/http/CallServerInterceptor":
                return new Target(OKHTTP, "2 L intercept(\n");
            case "okhttp3/internal/connection/Exchange$ResponseBodySource":
                return new Target(OKHTTP, "3 L <init>(\n4 ELF read(Lokio/Buffer;J)\n5 E complete(\n6 E close()\n");
            case "okhttp3/internal/connection/Exchange$RequestBodySink":
                return new Target(OKHTTP, "7 L <init>(\n8 EL write(Lokio/Buffer;J)\n");

            case "software/amazon/awssdk/http/nio/netty/internal/NettyRequestExecutor":
                return new Target(SDK_NETTY, "1 ELF execute()\n2 ELF writeRequest(\n");
            case "software/amazon/awssdk/http/nio/netty/internal/NettyRequestExecutor$StreamedRequest":
                return new Target(SDK_NETTY, "3 L <init>(\n");
            case "software/amazon/awssdk/http/nio/netty/internal/NettyRequestExecutor$StreamedRequest$1":
                return new Target(SDK_NETTY, "4 E onNext(Ljava/nio/ByteBuffer;)\n");
            case "software/amazon/awssdk/http/nio/netty/internal/ResponseHandler":
                return new Target(SDK_NETTY, "5 E channelRead0(Lio/netty/channel/ChannelHandlerContext;Lio/netty/handler/codec/http/HttpObject;)\n");
            case "software/amazon/awssdk/http/nio/netty/internal/ResponseHandler$PublisherAdapter$1":
                return new Target(SDK_NETTY, "6 E onNext(Lio/netty/handler/codec/http/HttpContent;)\n");

            case "software/amazon/awssdk/http/crt/internal/CrtRequestExecutor":
            case "software/amazon/awssdk/http/crt/internal/CrtAsyncRequestExecutor":
                return new Target(SDK_CRT, "1 ELF execute(\n");
            case "software/amazon/awssdk/http/crt/AwsCrtHttpClient$CrtHttpRequest":
                return new Target(SDK_CRT, "8 LF call()Lsoftware\n");
            case "software/amazon/awssdk/http/crt/internal/response/CrtResponseAdapter":
                return new Target(SDK_CRT, "2 L <init>(Ljava/util/concurrent/CompletableFuture;Lsoftware/amazon/awssdk/http/async/SdkAsyncHttpResponseHandler;\n"
                    + "5 L onResponseHeadersDone(\n6 E onResponseBody(\n9 ?E failResponseHandlerAndFuture(\n10 ?E onSuccessfulResponseComplete(\n");
            case "software/amazon/awssdk/http/crt/internal/response/InputStreamAdaptingHttpStreamResponseHandler":
                return new Target(SDK_CRT, "2 L <init>(\n6 E onResponseBody(\n7 EL onResponseComplete(\n");
            case "software/amazon/awssdk/http/crt/internal/request/CrtRequestBodyAdapter":
            case "software/amazon/awssdk/http/crt/internal/request/CrtRequestInputStreamAdapter":
                return new Target(SDK_CRT, "3 L <init>(\n4 EL sendRequestBody(\n");
            default:
                return null;
        }
    }
}
