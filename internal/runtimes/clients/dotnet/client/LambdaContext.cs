// What a handler gets beside its event.

using System;
using System.Collections.Generic;
using System.Text.Json;
using Amazon.Lambda.Core;

namespace Amazon.Lambda.RuntimeSupport
{
    internal class LambdaContext : ILambdaContext
    {
        private readonly Event request;
        private readonly DateTime deadline;

        public LambdaContext(Event request, LogWriter log)
        {
            this.request = request;
            Logger = new ContextLogger(log);
            long.TryParse(request.DeadlineMs, out var ms);
            deadline = DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime;
            ClientContext = string.IsNullOrEmpty(request.ClientContext) ? null : new ClientContext(request.ClientContext);
            Identity = string.IsNullOrEmpty(request.CognitoIdentity) ? null : new CognitoIdentity(request.CognitoIdentity);
        }

        public string AwsRequestId => request.RequestId;
        public string InvokedFunctionArn => request.FunctionArn;
        public IClientContext ClientContext { get; }
        public ICognitoIdentity Identity { get; }
        public ILambdaLogger Logger { get; }
        public string FunctionName => Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_NAME");
        public string FunctionVersion => Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_VERSION");
        public string LogGroupName => Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_GROUP_NAME");
        public string LogStreamName => Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_STREAM_NAME");
        public int MemoryLimitInMB => int.TryParse(Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), out var mb) ? mb : 0;
        public TimeSpan RemainingTime => deadline - DateTime.UtcNow;

        // Members of newer versions of the interface than the one that this is compiled against: virtual, so
        // that they are found by name and form where the function brings such a version.
        public virtual string TraceId => request.TraceId ?? "";
        public virtual string TenantId => request.TenantId ?? "";
    }

    // Newer versions of the interface have more methods, which end in these two.
    internal sealed class ContextLogger : ILambdaLogger
    {
        private readonly LogWriter log;

        public ContextLogger(LogWriter log)
        {
            this.log = log;
        }

        public void Log(string message)
        {
            log.Write(LogWriter.Told, message);
        }

        public void LogLine(string message)
        {
            log.Write(LogWriter.Told, message);
        }
    }

    internal sealed class CognitoIdentity : ICognitoIdentity
    {
        public CognitoIdentity(string header)
        {
            using (var json = JsonDocument.Parse(header))
            {
                IdentityId = Text.Of(json.RootElement, "cognitoIdentityId");
                IdentityPoolId = Text.Of(json.RootElement, "cognitoIdentityPoolId");
            }
        }

        public string IdentityId { get; }
        public string IdentityPoolId { get; }
    }

    internal sealed class ClientContext : IClientContext
    {
        public ClientContext(string header)
        {
            using (var json = JsonDocument.Parse(header))
            {
                Custom = Text.Map(json.RootElement, "custom");
                Environment = Text.Map(json.RootElement, "env");
                if (json.RootElement.TryGetProperty("client", out var client))
                {
                    Client = new ClientApplication(client);
                }
            }
        }

        public IDictionary<string, string> Environment { get; }
        public IClientApplication Client { get; }
        public IDictionary<string, string> Custom { get; }
    }

    internal sealed class ClientApplication : IClientApplication
    {
        public ClientApplication(JsonElement json)
        {
            AppPackageName = Text.Of(json, "app_package_name");
            AppTitle = Text.Of(json, "app_title");
            AppVersionCode = Text.Of(json, "app_version_code");
            AppVersionName = Text.Of(json, "app_version_name");
            InstallationId = Text.Of(json, "installation_id");
        }

        public string AppPackageName { get; }
        public string AppTitle { get; }
        public string AppVersionCode { get; }
        public string AppVersionName { get; }
        public string InstallationId { get; }
    }

    internal static class Text
    {
        // Null if there is no such property.
        public static string Of(JsonElement json, string name)
        {
            return json.TryGetProperty(name, out var value) ? value.ToString() : null;
        }

        public static IDictionary<string, string> Map(JsonElement json, string name)
        {
            var map = new Dictionary<string, string>();
            if (json.TryGetProperty(name, out var values) && values.ValueKind == JsonValueKind.Object)
            {
                foreach (var property in values.EnumerateObject())
                {
                    map[property.Name] = property.Value.ToString();
                }
            }
            return map;
        }
    }
}
