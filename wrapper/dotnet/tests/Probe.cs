// A program that sends requests in ways that a listener could change, and says what it sees of the hook: Probe ADDRESS.

using System;
using System.Diagnostics;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Threading.Tasks;

internal static class Probe
{
    private static int Main(string[] args)
    {
        Run(args).GetAwaiter().GetResult();
        return 0;
    }

    private static async Task Run(string[] args)
    {
        Console.WriteLine("hooks: " + (Environment.GetEnvironmentVariable("DOTNET_STARTUP_HOOKS") ?? "unset"));
        Console.WriteLine("activity: " + (Activity.Current == null ? "none" : "some"));
        Activity.DefaultIdFormat = ActivityIdFormat.W3C;
        Activity.ForceDefaultIdFormat = true;
        using (var client = new HttpClient())
        {
            await Send(client, new HttpRequestMessage(HttpMethod.Get, args[0] + "/plain?a=b%20c#fragment"));
            var odd = new HttpRequestMessage(HttpMethod.Post, args[0] + "/odd") { Content = new StringContent("{\"é\":1}", Encoding.UTF8, "application/json") };
            odd.Headers.TryAddWithoutValidation("Accept", "text/html;q=0.5,  */*");
            odd.Headers.TryAddWithoutValidation("User-Agent", "a/1 (b)  c");
            odd.Headers.Add("X-Many", new[] { "1", "2" });
            odd.Headers.TryAddWithoutValidation("traceparent", "00-11111111111111111111111111111111-2222222222222222-01");
            await Send(client, odd);
            var parent = new Activity("the function's").Start();
            parent.AddBaggage("k", "v");
            await Send(client, new HttpRequestMessage(HttpMethod.Get, args[0] + "/active"));
            Console.WriteLine("current: " + (Activity.Current == parent));
            Console.WriteLine("span: " + parent.SpanId);
            parent.Stop();
            await Send(client, new HttpRequestMessage(HttpMethod.Get, args[0] + "/after"));
        }
        Console.WriteLine("ours: " + string.Join(",", AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name).Where(n => n.StartsWith("afterglow"))));
    }

    private static async Task Send(HttpClient client, HttpRequestMessage request)
    {
        using (var response = await client.SendAsync(request))
        {
            Console.WriteLine((int)response.StatusCode + " " + await response.Content.ReadAsStringAsync());
        }
    }
}
