// The Runtime API, spoken over HttpClient as AWS's client does: whoever listens to HttpClient sees this
// traffic and has to let it pass.

using System;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Amazon.Lambda.RuntimeSupport
{
    // One event: its bytes and what the headers say.
    internal sealed class Event
    {
        public byte[] Body;
        public string RequestId, DeadlineMs, FunctionArn, TraceId, TenantId, ClientContext, CognitoIdentity;
    }

    internal sealed class RuntimeApi
    {
        // RAPID refuses a request whose headers are longer; the cause is left out then.
        private const int MaxHeader = 1024 * 1024;

        private readonly string address;
        private readonly HttpClient http;

        public RuntimeApi(string hostAndPort)
        {
            if (string.IsNullOrEmpty(hostAndPort))
            {
                throw new InvalidOperationException("The environment variable AWS_LAMBDA_RUNTIME_API is not set.");
            }
            address = "http://" + hostAndPort + "/2018-06-01/runtime/";
            // No proxy: the environment's is meant for the world, and .NET would take it for loopback too.
            // Which handler: as AWS's client. Where the inner one tells a DiagnosticListener nothing, the outer one does.
            http = new HttpClient(Environment.Version.Major < 6 ? (HttpMessageHandler)new HttpClientHandler { UseProxy = false } : new SocketsHttpHandler { UseProxy = false })
            {
                // An environment may be frozen for as long as it lives.
                Timeout = Timeout.InfiniteTimeSpan
            };
            http.DefaultRequestHeaders.Add("User-Agent", "aws-lambda-dotnet/" + Environment.Version + "-afterglow");
        }

        public async Task<Event> Next()
        {
            using (var response = await http.GetAsync(address + "invocation/next"))
            {
                if (!response.IsSuccessStatusCode)
                {
                    throw new HttpRequestException("The Runtime API answered " + (int)response.StatusCode + " and no event.");
                }
                return new Event
                {
                    Body = await response.Content.ReadAsByteArrayAsync(),
                    RequestId = Header(response, "Lambda-Runtime-Aws-Request-Id"),
                    DeadlineMs = Header(response, "Lambda-Runtime-Deadline-Ms"),
                    FunctionArn = Header(response, "Lambda-Runtime-Invoked-Function-Arn"),
                    TraceId = Header(response, "Lambda-Runtime-Trace-Id"),
                    TenantId = Header(response, "Lambda-Runtime-Aws-Tenant-Id"),
                    ClientContext = Header(response, "Lambda-Runtime-Client-Context"),
                    CognitoIdentity = Header(response, "Lambda-Runtime-Cognito-Identity")
                };
            }
        }

        // The platform answers 413 to what is too large and makes the error itself: only a refusal that this
        // client is to blame for ends it.
        public async Task SendResponse(string requestId, byte[] body)
        {
            using (var response = await Post("invocation/" + requestId + "/response", body, "application/json", null, null))
            {
                if ((int)response.StatusCode >= 400 && (int)response.StatusCode != 413)
                {
                    throw new HttpRequestException("The Runtime API answered " + (int)response.StatusCode + " to a response.");
                }
            }
        }

        public async Task SendError(string requestId, Exception e)
        {
            var cause = ErrorJson.Cause(e);
            (await Post("invocation/" + requestId + "/error", ErrorJson.Of(e), ErrorJson.ContentType,
                e.GetType().Name, cause.Length < MaxHeader ? cause : null)).Dispose();
        }

        public async Task SendInitError(Exception e)
        {
            (await Post("init/error", ErrorJson.Of(e), ErrorJson.ContentType, e.GetType().Name, null)).Dispose();
        }

        private Task<HttpResponseMessage> Post(string path, byte[] body, string contentType, string errorType, string cause)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, address + path) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
            if (errorType != null)
            {
                request.Headers.TryAddWithoutValidation("Lambda-Runtime-Function-Error-Type", errorType);
            }
            if (cause != null)
            {
                request.Headers.TryAddWithoutValidation("Lambda-Runtime-Function-XRay-Error-Cause", cause);
            }
            return http.SendAsync(request);
        }

        // Null if there is none.
        private static string Header(HttpResponseMessage response, string name)
        {
            return response.Headers.TryGetValues(name, out var values) ? values.First() : null;
        }
    }
}
