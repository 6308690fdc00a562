// Makes the calls that its event asks for.

using System;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

public sealed class Caller
{
    private static readonly HttpClient Client = new HttpClient();

    private string url, append;
    private int calls, size;

    public async Task<Stream> Handle(Stream input, ILambdaContext context)
    {
        Read(input);
        var file = append == null ? null : new FileStream(append, FileMode.Append, FileAccess.Write, FileShare.Read, 1);
        var received = 0;
        for (var i = 0; i < calls; i++)
        {
            var answer = await Call(url, size);
            received += answer.Length;
            file?.Write(answer, 0, answer.Length);
        }
        file?.Dispose();
        return new MemoryStream(Encoding.UTF8.GetBytes("{\"received\":" + received + "}"));
    }

    // A method of its own: mcs cannot keep JsonDocument's structures across an await.
    private void Read(Stream input)
    {
        using (var told = JsonDocument.Parse(input))
        {
            url = told.RootElement.GetProperty("url").GetString();
            calls = told.RootElement.GetProperty("calls").GetInt32();
            size = told.RootElement.TryGetProperty("body", out var body) ? body.GetInt32() : 0;
            append = told.RootElement.TryGetProperty("append", out var path) ? path.GetString() : null;
        }
    }

    private static async Task<byte[]> Call(string url, int size)
    {
        using (var request = new HttpRequestMessage(size > 0 ? HttpMethod.Post : HttpMethod.Get, url))
        {
            request.Headers.Add("Authorization", "Bearer 0123456789");
            if (size > 0)
            {
                request.Content = new StringContent("{\"document\":\"" + new string('x', size - 15) + "\"}", Encoding.UTF8, "application/json");
            }
            using (var response = await Client.SendAsync(request))
            {
                return await response.Content.ReadAsByteArrayAsync();
            }
        }
    }
}

// Answers at once: what is measured is how long it took to get here, or what its event costs.
public sealed class Idle
{
    public Stream Handle(Stream input, ILambdaContext context)
    {
        return new MemoryStream(Encoding.UTF8.GetBytes("{\"ok\":true}"));
    }
}
