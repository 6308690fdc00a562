// Outbound requests, whatever sends them: from the moment one is about to be sent to the moment nothing more is told of it.

using System;
using System.Collections.Generic;
using System.Reflection;
using System.Threading;

namespace Afterglow
{
    internal sealed class Calls
    {
        private const int Room = 512;

        private readonly Settings settings;
        private readonly Spool spool;
        private readonly Handler handler;
        private int count;

        public Propagation Propagation => settings.Propagation;

        public Calls(Settings settings, Spool spool, Handler handler)
        {
            this.settings = settings;
            this.spool = spool;
            this.handler = handler;
        }

        // One request.
        internal sealed class Call
        {
            public string Id, Invocation;
            public long Begun;
            public Failure Error;
            public string Lost; // why its start was not written
        }

        public Call Start(string lib, string method, string url, string span, List<string> headers, Bytes body)
        {
            var call = new Call
            {
                Id = spool.ProcessId + "-" + Interlocked.Increment(ref count), Invocation = handler.Invocation(), Begun = Spool.Ticks()
            };
            var text = new Text(Room).Field("call", call.Id).Field("span", span).Field("lib", lib).Field("method", method).Field("url", url);
            Headers(text, headers);
            call.Lost = spool.Write("call.start", call.Invocation, text, body.Data == null || body.Length == 0 ? null : new[] { Part.Cut("request", body, settings.BodyBytes) });
            return call;
        }

        // status is 0 if there was no answer.
        public void End(Call call, int status, List<string> headers, string proto)
        {
            if (call.Lost != null)
            {
                spool.Lose(call.Lost, 1, 0); // an end alone is of no call that anybody knows
                return;
            }
            var now = Spool.Ticks();
            var text = new Text(Room).Field("call", call.Id);
            if (status != 0)
            {
                text.Field("status", status);
                Headers(text, headers);
                text.Field("proto", proto).Field("ttfb", now - call.Begun);
            }
            text.Field("dur", now - call.Begun);
            if (call.Error != null)
            {
                text.Failure(call.Error);
            }
            spool.Write("call.end", call.Invocation, text, null);
        }

        // Writes the field of headers, as many as the budget holds.
        private void Headers(Text text, List<string> headers)
        {
            if (headers.Count == 0)
            {
                return;
            }
            var left = settings.HeaderBytes;
            text.Raw(",\"headers\":[");
            for (var i = 0; i < headers.Count; i += 2)
            {
                left -= headers[i].Length + headers[i + 1].Length + 4; // ": " and the line end
                if (left < 0)
                {
                    long bytes = 0;
                    for (var j = i; j < headers.Count; j++)
                    {
                        bytes += headers[j].Length;
                    }
                    spool.Lose("headers", (headers.Count - i) / 2, bytes);
                    break;
                }
                text.Raw(i == 0 ? "[" : ",[").Quoted(headers[i], settings.HeaderBytes).Raw(",").Quoted(headers[i + 1], settings.HeaderBytes).Raw("]");
            }
            text.Raw("]");
        }

        // Takes an exception apart. One of the function's own class may run code of its own to tell what it is: that is not asked for.
        public static Failure Inspect(Exception error, bool trace)
        {
            if (error == null)
            {
                return new Failure("", "", null);
            }
            var type = error.GetType();
            var framework = type.Assembly == typeof(object).Assembly || type.Assembly == typeof(System.Net.Http.HttpClient).Assembly;
            var message = framework ? error.Message
                : (string)typeof(Exception).GetField("_message", BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(error);
            return new Failure(type.FullName, message, trace && framework ? error.StackTrace : null);
        }
    }
}
