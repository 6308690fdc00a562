// The verb call.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Threading.Tasks;

using Args = System.Collections.Generic.Dictionary<string, object>;

public sealed class Call
{
    private const int Piece = 1000;

    private readonly Args args, body;
    private readonly string method, url, read;
    private readonly int timeout, times;
    private readonly bool secure, second;

    private Call(Args args, Args told)
    {
        this.args = args;
        if (args.ContainsKey("retries"))
        {
            throw new Unsupported("to try again by itself");
        }
        method = Actor.String(args, "method", "GET");
        secure = args.ContainsKey("secure") || args.ContainsKey("second");
        second = args.ContainsKey("second");
        var peer = secure ? "https://" + told[second ? "second" : "secure"] : "http://" + told["peer"];
        url = Actor.String(args, "url", peer + Actor.String(args, "path", "/text"));
        body = args.TryGetValue("body", out var b) ? b as Args : null;
        read = Actor.String(args, "read", "all");
        timeout = Actor.Number(args, "timeoutMS", 30000);
        times = Actor.Number(args, "times", 1);
    }

    public static async Task<object> Make(Args args, Args told)
    {
        var call = new Call(args, told);
        var library = Actor.String(args, "library", Actor.String(told, "library", ""));
        Func<Task<object>> send;
        switch (library)
        {
            case "":
            case "HttpClient":
                send = () => call.ByClient(HttpCompletionOption.ResponseContentRead);
                break;
            case "HttpClient stream":
                send = () => call.ByClient(HttpCompletionOption.ResponseHeadersRead);
                break;
            case "HttpWebRequest":
                send = () => Task.FromResult(call.ByRequest());
                break;
            default:
                throw new Unsupported("the library " + library);
        }
        if (args.ContainsKey("raise"))
        {
            return await send();
        }
        try
        {
            return await send();
        }
        catch (Exception e) when (!(e is Unsupported))
        {
            return new Args { ["error"] = e.GetType().Name + ": " + e.Message };
        }
    }

    private IEnumerable<string[]> Headers =>
        args.TryGetValue("headers", out var headers) ? ((List<object>)headers).Select(pair => ((List<object>)pair).Cast<string>().ToArray()) : new string[0][];

    private async Task<object> ByClient(HttpCompletionOption option)
    {
        object result = null;
        var handler = new HttpClientHandler { UseProxy = Environment.GetEnvironmentVariable("http_proxy") != null };
        if (secure)
        {
            handler.ServerCertificateCustomValidationCallback = (request, certificate, chain, errors) => true; // .NET takes authorities from the machine alone
        }
        using (var client = new HttpClient(handler))
        {
            client.Timeout = TimeSpan.FromMilliseconds(timeout);
            for (var i = 0; i < times; i++)
            {
                using (var request = new HttpRequestMessage(new HttpMethod(method), url))
                {
                    Fill(request);
                    if (second)
                    {
                        request.Version = new Version(2, 0);
                    }
                    using (var response = await client.SendAsync(request, read == "all" ? option : HttpCompletionOption.ResponseHeadersRead))
                    {
                        result = Told((int)response.StatusCode, await Take(await response.Content.ReadAsStreamAsync()));
                    }
                }
            }
        }
        return result;
    }

    private void Fill(HttpRequestMessage request)
    {
        if (body != null)
        {
            var bytes = Body();
            request.Content = As == "bytes" ? (HttpContent)new ByteArrayContent(bytes) : new StreamContent(Open(bytes), Piece);
            if (As == "generator")
            {
                request.Headers.TransferEncodingChunked = true;
            }
        }
        foreach (var header in Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(header[0], header[1]) && request.Content != null)
            {
                request.Content.Headers.Remove(header[0]);
                request.Content.Headers.TryAddWithoutValidation(header[0], header[1]);
            }
        }
        if (args.ContainsKey("expect"))
        {
            request.Headers.ExpectContinue = true;
        }
    }

    private object ByRequest()
    {
        if (args.ContainsKey("expect") || body != null && As != "bytes")
        {
            throw new Unsupported("HttpWebRequest: anything but bytes");
        }
        if (second)
        {
            throw new Unsupported("HttpWebRequest: HTTP/2");
        }
        object result = null;
        for (var i = 0; i < times; i++)
        {
            var request = WebRequest.CreateHttp(url);
            request.ServerCertificateValidationCallback = (sender, certificate, chain, errors) => true;
            request.Method = method;
            request.Timeout = timeout;
            request.ServicePoint.Expect100Continue = false;
            foreach (var header in Headers)
            {
                request.Headers.Add(header[0], header[1]);
            }
            if (body != null)
            {
                using (var stream = request.GetRequestStream())
                {
                    var bytes = Body();
                    stream.Write(bytes, 0, bytes.Length);
                }
            }
            HttpWebResponse response;
            try
            {
                response = (HttpWebResponse)request.GetResponse();
            }
            catch (WebException e) when (e.Response != null)
            {
                response = (HttpWebResponse)e.Response;
            }
            using (response)
            {
                result = Told((int)response.StatusCode, Take(response.GetResponseStream()).GetAwaiter().GetResult());
            }
        }
        return result;
    }

    private string As => Actor.String(body, "as", "bytes");

    private byte[] Body()
    {
        if (body.ContainsKey("text"))
        {
            return Encoding.UTF8.GetBytes((string)body["text"]);
        }
        var binary = body.ContainsKey("binary");
        return Enumerable.Range(0, Actor.Number(body, binary ? "binary" : "size", 0)).Select(i => binary ? (byte)i : (byte)'x').ToArray();
    }

    private Stream Open(byte[] bytes)
    {
        if (As == "file")
        {
            var path = Path.GetTempFileName();
            File.WriteAllBytes(path, bytes);
            return File.OpenRead(path);
        }
        return new Pieces(bytes);
    }

    // Hands out at most a piece at a time, and does not know how much there is.
    private sealed class Pieces : MemoryStream
    {
        public Pieces(byte[] data) : base(data)
        {
        }

        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count)
        {
            return base.Read(buffer, offset, Math.Min(count, Piece));
        }
    }

    private async Task<byte[]> Take(Stream stream)
    {
        var data = new MemoryStream();
        using (stream)
        {
            switch (read)
            {
                case "all":
                    await stream.CopyToAsync(data);
                    break;
                case "pieces":
                    var piece = new byte[7];
                    for (var n = stream.Read(piece, 0, piece.Length); n > 0; n = stream.Read(piece, 0, piece.Length))
                    {
                        data.Write(piece, 0, n);
                    }
                    break;
                case "lines":
                    for (var b = stream.ReadByte(); b >= 0; b = stream.ReadByte())
                    {
                        data.WriteByte((byte)b);
                    }
                    break;
                case "some":
                    var some = new byte[10];
                    data.Write(some, 0, await stream.ReadAsync(some, 0, some.Length));
                    break;
                case "none":
                    break;
                default:
                    throw new Unsupported("to read " + read);
            }
        }
        return data.ToArray();
    }

    private static Args Told(int status, byte[] data)
    {
        return new Args { ["status"] = status, ["length"] = data.Length, ["md5"] = Digest.Md5(data) };
    }
}
