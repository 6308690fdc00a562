// What is seen of the function's handler, without touching it.
//
// The runtime client talks to the Runtime API with HttpClient, so the same listener that sees the function's requests sees these:
// the answer to `next` begins an invocation, the outcome is what is posted to it, and it has ended when that was answered. The
// handler is loaded and called by AWS's own code alone.
//
// The event is in that answer's body, which the client has not read yet when the answer is told. It reads all of it at once, into a
// buffer of the content, where it is looked at later: before the first call, when the outcome is posted, or when a timer finds it,
// whatever is first. So the start is written then, with the time when it was.
//
// Which invocation works is not told by the flow of the code: what a listener puts into an AsyncLocal is gone when HttpClient's own
// method returns, and nothing of the hook is in the flow between the client and the handler. So a call belongs to the invocation
// during which it starts, and its end to the same.

using System;
using System.Collections.Generic;
using System.Net.Http;
using System.Threading;

namespace Afterglow
{
    internal sealed class Handler
    {
        private const int Room = 512;
        private const int Soon = 20; // milliseconds until the timer looks whether the start was written; most invocations need no such look
        private const int MostLooks = 6; // each after twice the time; a client that has no event by then keeps it where nobody can look
        private const string Exit = "Runtime.ExitError"; // Lambda's own word
        private const string Api = "/2018-06-01/runtime/";

        // An invocation that runs.
        private sealed class Run
        {
            public string Id;
            public long Begun, Ended;
            public Text Start; // null when it is written
            public HttpContent Event;
            public bool Posted;
            public Bytes Response;
            public Failure Error;
        }

        private readonly Settings settings;
        private readonly Spool spool;
        private readonly string host, name = Environment.GetEnvironmentVariable("_HANDLER");
        private readonly int port = 80;
        private readonly object gate = new object();
        private readonly List<Run> running = new List<Run>(); // one, but for managed instances
        private string last = "init"; // the invocation that began last
        private string trace; // its X-Amzn-Trace-Id
        private bool cold = true, failedInit;
        private int looks;
        private Timer timer;

        public Handler(Settings settings, Spool spool, string api)
        {
            this.settings = settings;
            this.spool = spool;
            var colon = api.LastIndexOf(':');
            if (colon > 0 && int.TryParse(api.Substring(colon + 1), out port))
            {
                api = api.Substring(0, colon);
            }
            host = api;
        }

        // Creates the file that tells the extension that a hook is alive.
        public void Attach()
        {
            spool.Begin("init", true);
            AppDomain.CurrentDomain.ProcessExit += (sender, e) => Exited(new Failure(Exit, "the process exited", null));
            AppDomain.CurrentDomain.UnhandledException += (sender, e) => Exited(Calls.Inspect(e.ExceptionObject as Exception, true));
        }

        // Gives the invocation that what starts now belongs to.
        public string Invocation()
        {
            lock (gate)
            {
                foreach (var run in running)
                {
                    Started(run, false); // a start comes before its calls
                }
                return running.Count > 1 ? "none" : last;
            }
        }

        // Gives the trace of an invocation, null if that is not known any more.
        public string Trace(string invocation)
        {
            lock (gate)
            {
                return invocation == last ? trace : null;
            }
        }

        // Tells whether a request is the runtime client's.
        public bool IsClient(Uri uri)
        {
            return uri.Port == port && uri.Scheme == "http" && string.Equals(uri.Host, host, StringComparison.OrdinalIgnoreCase);
        }

        // The runtime client is about to send a request.
        public void Sending(HttpRequestMessage request)
        {
            var path = request.RequestUri.AbsolutePath;
            if (Id(path, "/response") is string answered)
            {
                Outcome(answered, request.Content, false);
            }
            else if (Id(path, "/error") is string failed)
            {
                Outcome(failed, request.Content, true);
            }
            else if (path == Api + "init/error")
            {
                failedInit = true;
                spool.Write("init.error", "init", new Text(Room).Failure(Json.Error(Bytes.OfClient(request.Content))), null);
            }
        }

        // A request of the runtime client's was answered, or failed: then there is no response.
        public void Answered(HttpRequestMessage request, HttpResponseMessage response)
        {
            var path = request.RequestUri.AbsolutePath;
            var id = Id(path, "/response") ?? Id(path, "/error");
            if (id != null)
            {
                Finish(id);
            }
            else if (path == Api + "invocation/next" && response != null && response.IsSuccessStatusCode)
            {
                Begin(response);
            }
            else if (path == Api + "restore/next")
            {
                Restored();
            }
        }

        private static string Id(string path, string end)
        {
            const string start = Api + "invocation/";
            return path.StartsWith(start, StringComparison.Ordinal) && path.EndsWith(end, StringComparison.Ordinal) && path.Length > start.Length + end.Length
                ? path.Substring(start.Length, path.Length - start.Length - end.Length) : null;
        }

        private void Begin(HttpResponseMessage response)
        {
            var headers = Headers.Of(response.Headers, null);
            var id = Headers.Find(headers, "Lambda-Runtime-Aws-Request-Id") ?? "none";
            lock (gate)
            {
                spool.Anchor();
                spool.Begin(id, running.Count == 0);
                last = id;
                trace = Headers.Find(headers, "Lambda-Runtime-Trace-Id");
                var start = new Text(Room).Field("arn", Headers.Find(headers, "Lambda-Runtime-Invoked-Function-Arn"));
                if (long.TryParse(Headers.Find(headers, "Lambda-Runtime-Deadline-Ms"), out var deadline))
                {
                    start.Field("deadline", deadline);
                }
                start.Field("trace", trace).Field("tenant", Headers.Find(headers, "Lambda-Runtime-Aws-Tenant-Id"))
                    .Field("handler", name).Raw(cold ? ",\"cold\":true" : "");
                cold = false;
                running.Add(new Run { Id = id, Begun = Spool.Ticks(), Start = start, Event = response.Content });
            }
            looks = 0;
            Look();
        }

        // Has the start written soon even if nothing else of the invocation is seen.
        private void Look()
        {
            if (timer == null)
            {
                using (ExecutionContext.SuppressFlow()) // nothing of the function's is to live on in it
                {
                    timer = new Timer(state => ((Handler)state).Due(), this, Soon, Timeout.Infinite);
                }
                return;
            }
            timer.Change(Soon << looks, Timeout.Infinite);
        }

        private void Due()
        {
            try
            {
                lock (gate)
                {
                    looks++;
                    var waits = false;
                    foreach (var run in running)
                    {
                        Started(run, looks == MostLooks);
                        waits |= run.Start != null;
                    }
                    if (waits)
                    {
                        Look();
                    }
                }
            }
            catch (Exception e)
            {
                Guard.Failed("event", e);
            }
        }

        // Writes the start, if that was not done, as soon as the client has got the event; anyway: even if it has not.
        private void Started(Run run, bool anyway)
        {
            var bytes = run.Start == null ? default(Bytes) : Bytes.Buffered(run.Event);
            if (run.Start == null || bytes.Data == null && !anyway)
            {
                return;
            }
            var start = run.Start;
            run.Start = null;
            run.Event = null;
            Part[] parts = null;
            if (bytes.Data != null && settings.EventBytes > 0)
            {
                parts = new[] { Event(bytes) };
            }
            spool.Write("invocation.start", run.Id, start, parts, run.Begun);
        }

        private Part Event(Bytes bytes)
        {
            if (bytes.Length <= settings.EventBytes)
            {
                return Part.Cut("event", bytes, bytes.Length);
            }
            var small = Shorten.Event(bytes, settings.EventBytes);
            return new Part("event", small.Bytes, 0, small.Length, bytes.Length, true, true);
        }

        private Run Find(string id)
        {
            foreach (var run in running)
            {
                if (run.Id == id)
                {
                    return run;
                }
            }
            return null;
        }

        private void Outcome(string id, HttpContent content, bool error)
        {
            lock (gate)
            {
                var run = Find(id);
                if (run == null || run.Posted)
                {
                    return;
                }
                run.Posted = true;
                run.Ended = Spool.Ticks();
                var bytes = content == null ? default(Bytes) : Bytes.OfClient(content);
                if (error)
                {
                    run.Error = Json.Error(bytes);
                }
                else
                {
                    run.Response = bytes;
                }
                Started(run, true);
            }
        }

        // Records the end. The outcome was posted, so nobody waits for what is done here.
        private void Finish(string id)
        {
            lock (gate)
            {
                var run = Find(id);
                if (run == null)
                {
                    return;
                }
                running.Remove(run);
                Started(run, true);
                var text = new Text(Room).Field("dur", (run.Posted ? run.Ended : Spool.Ticks()) - run.Begun);
                Part[] parts = null;
                if (run.Error != null)
                {
                    text.Failure(run.Error);
                }
                else if (run.Response.Data != null)
                {
                    var status = Json.Status(run.Response);
                    if (status != 0)
                    {
                        text.Field("status", status);
                    }
                    if (settings.EventBytes > 0)
                    {
                        parts = new[] { Part.Cut("response", run.Response, settings.EventBytes) };
                    }
                }
                spool.Write("invocation.end", id, text, parts);
                spool.TellLosses(id);
                spool.End(id);
            }
        }

        // A snapshot was taken before, and this is one of its copies: what it would share with the others is let go of.
        private void Restored()
        {
            lock (gate)
            {
                spool.EndAll();
                spool.Anchor();
                spool.Begin("init", true);
            }
        }

        // The process ends, by its own will or by an exception that nobody caught.
        private void Exited(Failure error)
        {
            try
            {
                lock (gate)
                {
                    foreach (var run in running.ToArray())
                    {
                        if (!run.Posted)
                        {
                            run.Error = error;
                        }
                        Finish(run.Id);
                    }
                    if (last == "init" && !failedInit)
                    {
                        spool.TellLosses(last);
                    }
                    spool.EndAll();
                }
            }
            catch (Exception e)
            {
                Guard.Failed("exit", e);
            }
        }
    }
}
