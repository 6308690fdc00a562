// Tests of what cannot be seen from outside of the process. It prints what is wrong.

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks;

namespace Afterglow
{
    internal static class Units
    {
        private static int wrong;

        private static int Main()
        {
            Contents();
            Buffered();
            Shortened();
            Errors();
            View();
            Full();
            Replaced();
            Propagated();
            Listened();
            return wrong;
        }

        // Requests without a whole address, and ones that are never answered, break nothing and do not pile up; the answer of the last is known.
        private static void Listened()
        {
            var dir = Path.Combine(Path.GetTempPath(), "afterglow-units-" + Guid.NewGuid());
            var settings = new Settings(dir);
            var spool = new Spool(settings);
            try
            {
                spool.Begin("one", true);
                var handler = new Handler(settings, spool, "127.0.0.1:1");
                var http = new Http(handler, new Calls(settings, spool, handler));
                IObserver<KeyValuePair<string, object>> listener = http;
                foreach (var uri in new[] { null, new Uri("/relative", UriKind.Relative) })
                {
                    for (var i = 0; i < 8; i++)
                    {
                        listener.OnNext(Told("Request", new { Request = new HttpRequestMessage(HttpMethod.Get, uri), LoggingRequestId = Guid.NewGuid() }));
                    }
                }
                Same("off", Guard.Off.ToString(), "False");
                var open = (ICollection)typeof(Http).GetField("open", BindingFlags.Instance | BindingFlags.NonPublic).GetValue(http);
                Same("open without an address", open.Count.ToString(), "0");
                var last = Guid.Empty;
                for (var i = 0; i < 1005; i++)
                {
                    last = Guid.NewGuid();
                    listener.OnNext(Told("Request", new { Request = new HttpRequestMessage(HttpMethod.Get, "http://a/"), LoggingRequestId = last }));
                }
                Same("open", open.Count.ToString(), "1000");
                listener.OnNext(Told("Response", new { Response = new HttpResponseMessage(), LoggingRequestId = last, RequestTaskStatus = TaskStatus.RanToCompletion }));
                Same("open after an answer", open.Count.ToString(), "999");
                spool.EndAll();
                var text = File.ReadAllText(Directory.GetFiles(dir, "*.done")[0]);
                Same("starts", (text.Split(new[] { "call.start" }, StringSplitOptions.None).Length - 1).ToString(), "1005");
                Same("ends", (text.Split(new[] { "call.end" }, StringSplitOptions.None).Length - 1).ToString(), "1");
            }
            finally
            {
                Directory.Delete(dir, true);
            }
        }

        private static KeyValuePair<string, object> Told(string what, object payload)
        {
            return new KeyValuePair<string, object>("System.Net.Http." + what, payload);
        }

        // Which requests name their call's span as parent.
        private static void Propagated()
        {
            const string trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
            foreach (var c in new[]
            {
                ("a.test, pay.example.com", "https://pay.example.com:8443/x", "", trace, true),
                ("pay.example.com:8443", "https://PAY.example.com:8443/x", "", trace, true),
                ("pay.example.com:8443", "https://pay.example.com/x", "", trace, false),
                (".example.com", "https://a.pay.example.com/", "", trace, true),
                (".example.com", "https://example.com/", "", trace, false),
                ("example.com", "https://pay.example.com/", "", trace, false),
                ("pay.*.com", "https://pay.example.com/", "", trace, true),
                ("[::1]", "http://[::1]:8080/", "", trace, true),
                ("*", "https://a/", "Traceparent: x", trace, false),
                ("*", "https://a/", "Authorization: AWS4-HMAC-SHA256 Credential=x", trace, false),
                ("*", "https://a/", "Authorization: OAuth oauth_signature=x", trace, false),
                ("*", "https://a/", "Authorization: Bearer x", trace, true),
                ("*", "https://a/", "Signature-Input: x", trace, false),
                ("*", "https://a/?X-Amz-Signature=x", "", trace, false),
                ("*", "https://a/", "", null, false),
                ("*", "https://a/", "", "Root=1-5759e988", false)
            })
            {
                string domains = c.Item1, url = c.Item2, header = c.Item3, of = c.Item4;
                var headers = new List<string>(header.Split(new[] { ": " }, StringSplitOptions.RemoveEmptyEntries));
                var span = Propagation.To(domains).Span(new Uri(url), headers, of, out var value);
                Same(domains + " " + url + " " + header + " " + of, value, c.Item5 ? "00-5759e988bd862e3fe1be46a994272793-" + span + "-01" : null);
            }
            Same("no host", Propagation.To(" , ") == null ? "none" : "some", "none");
        }

        private static void Same(string what, string got, string want)
        {
            if (got != want)
            {
                Console.WriteLine(what + ": " + (got ?? "nothing") + ", want " + (want ?? "nothing"));
                wrong = 1;
            }
        }

        private static string Told(Bytes bytes)
        {
            return bytes.Data == null ? null : Encoding.UTF8.GetString(bytes.Data, bytes.From, bytes.Length);
        }

        private sealed class Own : ByteArrayContent
        {
            public Own() : base(Encoding.UTF8.GetBytes("before"))
            {
            }
        }

        private sealed class Around : Stream
        {
            private readonly Stream inner;

            public Around(Stream inner)
            {
                this.inner = inner;
            }

            public override bool CanRead => true;
            public override bool CanSeek => inner.CanSeek;
            public override bool CanWrite => false;
            public override long Length => inner.Length;
            public override long Position { get => inner.Position; set => inner.Position = value; }
            public override void Flush() => throw new InvalidOperationException("touched");
            public override int Read(byte[] buffer, int offset, int count) => throw new InvalidOperationException("touched");
            public override long Seek(long offset, SeekOrigin origin) => throw new InvalidOperationException("touched");
            public override void SetLength(long value) => throw new InvalidOperationException("touched");
            public override void Write(byte[] buffer, int offset, int count) => throw new InvalidOperationException("touched");
        }

        // What is at hand of a content, and that nothing moves.
        private static void Contents()
        {
            var memory = new MemoryStream(Encoding.UTF8.GetBytes("xstream"), 0, 7) { Position = 1 };
            Same("bytes", Told(Bytes.Of(new ByteArrayContent(Encoding.UTF8.GetBytes("-bytes-"), 1, 5))), "bytes");
            Same("string", Told(Bytes.Of(new StringContent("grüße"))), "grüße");
            Same("form", Told(Bytes.Of(new FormUrlEncodedContent(new[] { new KeyValuePair<string, string>("a", "b c") }))), "a=b+c");
            Same("stream in memory", Told(Bytes.Of(new StreamContent(memory))), "stream");
            Same("its position", memory.Position.ToString(), "1");
            Same("class of the function's", Told(Bytes.Of(new Own())), null);
            Same("stream of the function's", Told(Bytes.Of(new StreamContent(new Around(memory)))), null);
            Same("stream of the client's", Told(Bytes.OfClient(new StreamContent(new Around(memory)))), "stream");
            Same("parts", Told(Bytes.Of(new MultipartContent())), null);
        }

        private static void Buffered()
        {
            var content = new StreamContent(new Pieces("event"));
            Same("not read yet", Told(Bytes.Buffered(content)), null);
            content.ReadAsByteArrayAsync().Wait();
            Same("read", Told(Bytes.Buffered(content)), "event");
            content.Dispose();
            Same("disposed", Told(Bytes.Buffered(content)), "event");
        }

        private sealed class Pieces : MemoryStream
        {
            public Pieces(string text) : base(Encoding.UTF8.GetBytes(text))
            {
            }

            public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, 2));
        }

        private static string Short(string json, int budget)
        {
            var bytes = Encoding.UTF8.GetBytes(json);
            var text = Shorten.Event(new Bytes { Data = bytes, Length = bytes.Length }, budget);
            return Encoding.UTF8.GetString(text.Bytes, 0, text.Length);
        }

        private static void Shortened()
        {
            Same("whole", Short("{\"a\": [1, \"x\"]}", 100), "{\"a\":[1,\"x\"]}");
            Same("long string", Short("{\"a\":\"" + new string('x', 2000) + "\",\"id\":7}", 1100), "{\"a\":\"" + new string('x', 1023) + "\",\"id\":7}");
            Same("escapes in what is cut", Short("[\"" + new string('x', 100) + "\\\"y\\\\" + new string('z', 2000) + "\\n\\\"\\u0022\\\\\",1]", 200), "[\"" + new string('x', 95) + "\",1]");
            Same("no end in what is cut", Short("[1,\"" + new string('x', 2000) + "\\\"", 200), "[1,\"" + new string('x', 95) + "\"]");
            var calm = new string('x', 40) + "\\\"";
            Same("escaped quotes far apart", Short("[\"" + string.Concat(Enumerable.Repeat(calm, 60)) + "\",1]", 200), "[\"" + calm + calm + new string('x', 11) + "\",1]");
            Same("room for more of a string", Short("[\"" + new string('x', 500) + "\",1]", 300), "[\"" + new string('x', 95) + "\",1]");
            Same("no half character", Short("[\"" + new string('€', 100) + "\",1]", 200), "[\"" + new string('€', 31) + "\",1]");
            Same("too deep", Short(new string('[', 100) + new string(']', 100), 1000), new string('[', 32) + new string(']', 32));
            Same("long list", Short("[" + string.Join(",", new string[5000]).Replace(",", "1,") + "1]", 20), "[1,1,1,1,1,1,1,1,1]");
            Same("no JSON", Short("hello", 4), "0");
            Same("cut within an escape", Short("[\"" + new string('x', 94) + "\\u00e9" + new string('y', 2000) + "\",1]", 120), "[\"" + new string('x', 94) + "\",1]");
        }

        private static void Errors()
        {
            var json = Encoding.UTF8.GetBytes("{\"cause\": {\"errorType\": \"no\"}, \"errorType\": \"E\\\"\", \"errorMessage\": \"a\\u00e9\\n\", \"stackTrace\": [\"at a\", \"at b\"]}");
            var e = Json.Error(new Bytes { Data = json, Length = json.Length });
            Same("error", e.Type + "|" + e.Message + "|" + e.Stack, "E\"|aé\n|at a\nat b\n");
            Same("no error", Json.Error(default(Bytes)).Type, "");
            foreach (var c in new[] { "{\"statusCode\": 201}|201", "{\"a\":{\"statusCode\":500},\"statusCode\":\"404\"}|404", "{\"statusCode\":99}|0", "[{\"statusCode\":200}]|0", "{\"statusCode|0", "|0" })
            {
                var bytes = Encoding.UTF8.GetBytes(c.Split('|')[0]);
                Same(c, Json.Status(new Bytes { Data = bytes, Length = bytes.Length }).ToString(), c.Split('|')[1]);
            }
        }

        // The form of HttpHeaders.NonValidated in .NET 6 and later: structs that enumerate.
        public struct Values : IEnumerable<string>
        {
            public IEnumerator<string> GetEnumerator() => ((IEnumerable<string>)new[] { "1", "2" }).GetEnumerator();
            IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
        }

        public struct All : IEnumerable<KeyValuePair<string, Values>>
        {
            public IEnumerator<KeyValuePair<string, Values>> GetEnumerator() => new List<KeyValuePair<string, Values>> { new KeyValuePair<string, Values>("A", default(Values)) }.GetEnumerator();
            IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
        }

        private sealed class Viewable
        {
            public All NonValidated => default(All);
        }

        private static void View()
        {
            var list = new List<string>();
            Headers.Make(typeof(Viewable).GetProperty("NonValidated")).Add(list, new Viewable());
            Same("view", string.Join(",", list), "A,1,A,2");
        }

        [DllImport("libc")]
        private static extern int dup2(int from, int to);

        // Into what the function has opened where a file of the spool was, nothing is written, and it is not closed.
        private static void Replaced()
        {
            var dir = Path.Combine(Path.GetTempPath(), "afterglow-units-" + Guid.NewGuid());
            Directory.CreateDirectory(dir);
            try
            {
                var spool = new Spool(new Settings(Path.Combine(dir, "spool")));
                spool.Begin("one", true);
                var ours = -1;
                foreach (var link in Directory.GetFileSystemEntries("/proc/self/fd"))
                {
                    if (Target(link).StartsWith(dir, StringComparison.Ordinal))
                    {
                        ours = int.Parse(Path.GetFileName(link));
                    }
                }
                using (var theirs = new FileStream(Path.Combine(dir, "theirs"), FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite, 1))
                {
                    dup2((int)theirs.SafeFileHandle.DangerousGetHandle(), ours);
                    Same("a record", spool.Write("call.start", "one", new Text(64), null), "write-failed");
                    spool.EndAll();
                    Same("what is in their file", theirs.Length.ToString(), "0");
                    Same("their descriptor", Target("/proc/self/fd/" + ours), Path.Combine(dir, "theirs"));
                }
            }
            finally
            {
                Directory.Delete(dir, true);
            }
        }

        [DllImport("libc")]
        private static extern IntPtr readlink(string path, byte[] into, IntPtr size);

        private static string Target(string link)
        {
            var into = new byte[1000];
            var n = (int)readlink(link, into, (IntPtr)into.Length);
            return n < 0 ? "" : Encoding.UTF8.GetString(into, 0, n);
        }

        // Of an invocation that has no room left, no call begins any more; one that has begun ends.
        private static void Full()
        {
            var dir = Path.Combine(Path.GetTempPath(), "afterglow-units-" + Guid.NewGuid());
            Environment.SetEnvironmentVariable("AFTERGLOW_SPOOL_DIR", dir);
            Environment.SetEnvironmentVariable("AFTERGLOW_SPOOL_INVOCATION_BYTES", "65536");
            try
            {
                var settings = new Settings();
                var spool = new Spool(settings);
                spool.Begin("one", true);
                var calls = new Calls(settings, spool, new Handler(settings, spool, "127.0.0.1:1"));
                var none = new List<string>();
                var begun = calls.Start("lib", "GET", "http://a/", null, none, default(Bytes));
                while (spool.Write("call.start", "one", new Text(64), new[] { Part.Cut("request", new Bytes { Data = new byte[1000], Length = 1000 }, 1000) }) == null)
                {
                }
                var refused = calls.Start("lib", "GET", "http://b/", null, none, new Bytes { Data = new byte[1000], Length = 1000 });
                Same("the start of a call", refused.Lost, "invocation-full");
                calls.End(refused, 200, none, "HTTP/1.1");
                calls.End(begun, 200, new List<string> { "Name", new string('v', 1000) }, "HTTP/1.1");
                spool.TellLosses("one");
                spool.EndAll();
                var text = File.ReadAllText(Directory.GetFiles(dir, "*.done")[0]);
                Same("ends", (text.Split(new[] { "call.end" }, StringSplitOptions.None).Length - 1).ToString(), "1");
                Same("whose", text.Contains("\"call\":\"" + begun.Id + "\",\"status\"").ToString(), "True");
                Same("what is told", text.Contains("\"reason\":\"invocation-full\",\"records\":3").ToString(), "True");
            }
            finally
            {
                Environment.SetEnvironmentVariable("AFTERGLOW_SPOOL_INVOCATION_BYTES", null);
                Directory.Delete(dir, true);
            }
        }
    }
}
