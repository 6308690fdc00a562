// What HttpClient sends, and all that rides on it: the AWS SDK for .NET, HttpWebRequest, gRPC.
//
// Seen through the DiagnosticListener that HttpClient tells its requests to. A listener must not change them, and there are two ways in
// which one does:
//
//   - Whoever enables "System.Net.Http.HttpRequestOut" has HttpClient make an Activity for each request and send its id along
//     (Request-Id or traceparent). So what is enabled is the older pair "System.Net.Http.Request" and "….Response", which every version
//     still writes, and "….Exception".
//   - Where an Activity of somebody's is current, HttpClient makes one of its own below it and sends that one's id, listener or not.
//     Up to .NET 6 it asks a listener first, if there is one, and without its consent sends the current one's id instead. So
//     consent is given exactly where there would have been an Activity without the listener.
//
// What DiagnosticsHandler does, by version, of .NET's source:
//
//   3.1, 5   HttpClientHandler asks IsEnabled() and goes through the handler if there is a listener or a current Activity. No listener:
//            an Activity, its id sent. A listener: an Activity if it consents to HttpRequestOut, and in any case the id of what is
//            current by then. SocketsHttpHandler by itself tells nothing.
//   6, 7     SocketsHttpHandler has the handler inside of its redirects, so that each hop is told. An Activity if one is current, if
//            a listener of ActivitySource wants it, or if a DiagnosticListener consents; headers are sent only if there is one.
//   8 to 10  The same, and its ActivitySource "System.Net.Http". From 7 on, where there is any listener, a redirected request loses what the
//            propagator would set (traceparent, tracestate, baggage, Request-Id, Correlation-Context): set by hand, these do not
//            reach the second hop. Nothing that a listener can return prevents it.
//
// AppContext's System.Net.Http.EnableActivityPropagation=false switches all of it off in every version; so does
// SocketsHttpHandler.ActivityHeadersPropagator = null for one handler, from .NET 6 on.
//
// No body of a response is kept: it has not arrived when the response is told, and can then only be had by reading it or by putting
// another content in its place.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Http;
using System.Reflection;
using System.Threading.Tasks;

namespace Afterglow
{
    internal sealed class Http : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object>>
    {
        private const string Listener = "HttpHandlerDiagnosticListener";
        private const string Request = "System.Net.Http.Request";
        private const string Response = "System.Net.Http.Response";
        private const string Failed = "System.Net.Http.Exception";
        private const string Active = "System.Net.Http.HttpRequestOut";

        // Requests that are remembered at a time: where another listener throws before it is our turn, we are not told of an answer.
        private const int MostOpen = 1000;

        private readonly Handler handler;
        private readonly Calls calls;
        private readonly Hashtable open = new Hashtable(); // by HttpClient's id of the request, which is told twice
        private long count;
        private readonly Payload request = new Payload("Request", "LoggingRequestId", null);
        private readonly Payload response = new Payload("Response", "LoggingRequestId", "RequestTaskStatus");
        private readonly Payload failed = new Payload("Request", "Exception", null);

        // A request that is under way.
        private sealed class Sent
        {
            public HttpRequestMessage Request;
            public Calls.Call Call; // null for one of the runtime client's
            public string Span; // of the traceparent that it was given; null if it was not
            public long Number; // in the order of sending
        }

        public Http(Handler handler, Calls calls)
        {
            this.handler = handler;
            this.calls = calls;
        }

        public void Attach()
        {
            DiagnosticListener.AllListeners.Subscribe(this);
        }

        void IObserver<DiagnosticListener>.OnNext(DiagnosticListener listener)
        {
            try
            {
                if (listener.Name == Listener)
                {
                    listener.Subscribe(this, Wants);
                }
            }
            catch (Exception e)
            {
                Guard.Failed("listener", e);
            }
        }

        private static bool Wants(string name, object a, object b)
        {
            switch (name)
            {
                case Request:
                case Response:
                case Failed:
                    return !Guard.Off;
                case Active:
                    return Activity.Current != null;
                default:
                    return false;
            }
        }

        // Another listener may have enabled more; what is told is told to all.
        void IObserver<KeyValuePair<string, object>>.OnNext(KeyValuePair<string, object> told)
        {
            if (Guard.Off)
            {
                return;
            }
            try
            {
                switch (told.Key)
                {
                    case Request:
                        Sending(told.Value);
                        break;
                    case Failed:
                        Broken(told.Value);
                        break;
                    case Response:
                        Answered(told.Value);
                        break;
                }
            }
            catch (Exception e)
            {
                Guard.Failed("http", e);
            }
        }

        private void Sending(object payload)
        {
            request.Read(payload, out var message, out var id, out _);
            var sent = new Sent { Request = (HttpRequestMessage)message };
            if (sent.Request.RequestUri == null || !sent.Request.RequestUri.IsAbsoluteUri)
            {
                return; // HttpMessageInvoker lets it pass, and the handler below refuses it
            }
            if (handler.IsClient(sent.Request.RequestUri))
            {
                handler.Sending(sent.Request);
            }
            else
            {
                var content = sent.Request.Content;
                var headers = Headers.Of(sent.Request.Headers, content?.Headers);
                if (calls.Propagation != null)
                {
                    sent.Span = Propagate(sent.Request, ref headers);
                }
                sent.Call = calls.Start("HttpClient", sent.Request.Method.Method, Url(sent.Request.RequestUri), sent.Span,
                    Joined(headers), content == null ? default(Bytes) : Bytes.Of(content));
            }
            lock (open)
            {
                if (open.Count >= MostOpen)
                {
                    ForgetOldest();
                }
                sent.Number = ++count;
                open[id] = sent;
            }
        }

        private void ForgetOldest()
        {
            object oldest = null;
            var least = long.MaxValue;
            foreach (DictionaryEntry entry in open)
            {
                var sent = (Sent)entry.Value;
                if (sent.Number < least)
                {
                    least = sent.Number;
                    oldest = entry.Key;
                }
            }
            open.Remove(oldest);
        }

        // Has a request name a span as its parent, which it gives, if it is one of those that are to. Where an Activity is current HttpClient does so itself.
        private string Propagate(HttpRequestMessage message, ref List<string> headers)
        {
            if (Activity.Current != null)
            {
                return null;
            }
            var span = calls.Propagation.Span(message.RequestUri, headers, handler.Trace(handler.Invocation()), out var value);
            if (span == null || !message.Headers.TryAddWithoutValidation(Propagation.Header, value))
            {
                return null;
            }
            headers = Headers.Of(message.Headers, message.Content?.Headers);
            return span;
        }

        // As it is sent, and with the user's name, if there is one; without what stands behind #.
        private static string Url(Uri uri)
        {
            return uri.GetComponents(UriComponents.HttpRequestUrl | UriComponents.UserInfo, UriFormat.UriEscaped);
        }

        // HttpClient sends the values of one header in one line.
        private static List<string> Joined(List<string> headers)
        {
            for (var i = 2; i < headers.Count;)
            {
                if (headers[i] != headers[i - 2])
                {
                    i += 2;
                    continue;
                }
                var between = headers[i] == "User-Agent" ? " " : headers[i] == "Cookie" ? "; " : ", ";
                headers[i - 1] += between + headers[i + 1];
                headers.RemoveRange(i, 2);
            }
            return headers;
        }

        private void Broken(object payload)
        {
            failed.Read(payload, out var message, out var error, out _);
            lock (open)
            {
                foreach (Sent sent in open.Values)
                {
                    if (sent.Request == message && sent.Call != null)
                    {
                        sent.Call.Error = Calls.Inspect(error as Exception, false);
                    }
                }
            }
        }

        private void Answered(object payload)
        {
            response.Read(payload, out var message, out var id, out var status);
            Sent sent;
            lock (open)
            {
                sent = (Sent)open[id];
                open.Remove(id);
            }
            if (sent == null)
            {
                return; // sent before there was a listener
            }
            if (sent.Span != null)
            {
                sent.Request.Headers.Remove(Propagation.Header); // the message is the function's, and may lead on
            }
            var answer = message as HttpResponseMessage;
            if (sent.Call == null)
            {
                handler.Answered(sent.Request, answer);
            }
            else if (answer != null)
            {
                calls.End(sent.Call, (int)answer.StatusCode, Headers.Of(answer.Headers, answer.Content?.Headers), "HTTP/" + answer.Version);
            }
            else
            {
                if (sent.Call.Error == null && status is TaskStatus how && how == TaskStatus.Canceled)
                {
                    sent.Call.Error = new Failure(typeof(TaskCanceledException).FullName, "the request was canceled", null);
                }
                calls.End(sent.Call, 0, null, null);
            }
        }

        void IObserver<DiagnosticListener>.OnError(Exception error)
        {
        }

        void IObserver<DiagnosticListener>.OnCompleted()
        {
        }

        void IObserver<KeyValuePair<string, object>>.OnError(Exception error)
        {
        }

        void IObserver<KeyValuePair<string, object>>.OnCompleted()
        {
        }

        // What is told comes in objects of private classes, of which the names of properties are the contract.
        private sealed class Payload
        {
            private sealed class Known
            {
                public Type Type;
                public readonly PropertyInfo[] Properties = new PropertyInfo[3];
            }

            private readonly string[] names;
            private volatile Known known;

            public Payload(params string[] names)
            {
                this.names = names;
            }

            public void Read(object payload, out object first, out object second, out object third)
            {
                var type = payload.GetType();
                var k = known;
                if (k == null || k.Type != type)
                {
                    k = new Known { Type = type };
                    for (var i = 0; i < names.Length; i++)
                    {
                        k.Properties[i] = names[i] == null ? null : type.GetProperty(names[i]);
                    }
                    known = k;
                }
                first = k.Properties[0]?.GetValue(payload);
                second = k.Properties[1]?.GetValue(payload);
                third = k.Properties[2]?.GetValue(payload);
            }
        }
    }
}
