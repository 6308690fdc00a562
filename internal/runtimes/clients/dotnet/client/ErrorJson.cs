// The forms of an error that the Runtime API takes.

using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Amazon.Lambda.RuntimeSupport
{
    internal static class ErrorJson
    {
        public const string ContentType = "application/vnd.aws.lambda.error+json";

        // Exceptions inside of exceptions are written this deep; a chain without an end exists.
        private const int MaxDepth = 16;

        private static readonly JsonWriterOptions Readable = new JsonWriterOptions
        {
            Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        };

        // What the caller gets: errorType, errorMessage, stackTrace, and the same of what caused it.
        public static byte[] Of(Exception e)
        {
            using (var bytes = new MemoryStream())
            {
                using (var json = new Utf8JsonWriter(bytes, Readable))
                {
                    Write(json, e, MaxDepth);
                }
                return bytes.ToArray();
            }
        }

        private static void Write(Utf8JsonWriter json, Exception e, int depth)
        {
            json.WriteStartObject();
            json.WriteString("errorType", e.GetType().Name);
            json.WriteString("errorMessage", e.Message);
            var stack = Lines(e.StackTrace);
            if (stack.Length > 0)
            {
                json.WriteStartArray("stackTrace");
                foreach (var line in stack)
                {
                    json.WriteStringValue(line);
                }
                json.WriteEndArray();
            }
            if (e.InnerException != null && depth > 0)
            {
                json.WritePropertyName("cause");
                Write(json, e.InnerException, depth - 1);
            }
            if (e is AggregateException many && depth > 0)
            {
                json.WriteStartArray("causes");
                foreach (var one in many.InnerExceptions)
                {
                    Write(json, one, depth - 1);
                }
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }

        // The value of Lambda-Runtime-Function-XRay-Error-Cause; a header has one line and ASCII only.
        public static string Cause(Exception e)
        {
            using (var bytes = new MemoryStream())
            {
                using (var json = new Utf8JsonWriter(bytes))
                {
                    json.WriteStartObject();
                    json.WriteString("working_directory", Environment.CurrentDirectory);
                    json.WriteStartArray("exceptions");
                    json.WriteStartObject();
                    json.WriteString("type", e.GetType().Name);
                    json.WriteString("message", e.Message);
                    json.WriteStartArray("stack");
                    foreach (var frame in new StackTrace(e, true).GetFrames() ?? new StackFrame[0])
                    {
                        WriteFrame(json, frame);
                    }
                    json.WriteEndArray();
                    json.WriteEndObject();
                    json.WriteEndArray();
                    json.WriteStartArray("paths");
                    json.WriteEndArray();
                    json.WriteEndObject();
                }
                return Encoding.ASCII.GetString(bytes.ToArray());
            }
        }

        private static void WriteFrame(Utf8JsonWriter json, StackFrame frame)
        {
            var method = frame.GetMethod();
            json.WriteStartObject();
            json.WriteString("path", frame.GetFileName() ?? "");
            json.WriteNumber("line", frame.GetFileLineNumber());
            json.WriteString("label", method == null ? "" : method.DeclaringType?.FullName + "." + method.Name);
            json.WriteEndObject();
        }

        private static string[] Lines(string stack)
        {
            return (stack ?? "").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).ToArray();
        }
    }
}
