// The actor for .NET: carries out the steps of stories. ../../README.md describes the verbs.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

using Args = System.Collections.Generic.Dictionary<string, object>;

// This actor cannot tell the story.
public sealed class Unsupported : Exception
{
    public Unsupported(string why) : base(why)
    {
    }
}

public sealed class Actor
{
    private static readonly JsonSerializerOptions Json = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Actor()
    {
        var init = Environment.GetEnvironmentVariable("STORY_INIT");
        if (init != null)
        {
            var told = (Args)Parse(Encoding.UTF8.GetBytes(init));
            Run(Steps(told), told, null).GetAwaiter().GetResult();
        }
    }

    public async Task<Stream> Handle(Stream input, ILambdaContext context)
    {
        var bytes = new MemoryStream();
        await input.CopyToAsync(bytes);
        var result = await Tell(Parse(bytes.ToArray()), context);
        return result as Stream ?? new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(result, Json));
    }

    private static async Task<object> Tell(object told, ILambdaContext context)
    {
        var steps = told is Args args ? Steps(args) : null;
        if (steps == null)
        {
            return told;
        }
        List<object> results;
        try
        {
            results = await Run(steps, (Args)told, context);
        }
        catch (Unsupported e)
        {
            return new Args { ["unsupported"] = e.Message };
        }
        return steps.Count > 0 && ((Args)steps[steps.Count - 1]).ContainsKey("return") ? results[results.Count - 1] : results;
    }

    private static object Parse(byte[] json)
    {
        using (var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 1000 }))
        {
            return Plain(document.RootElement);
        }
    }

    private static object Plain(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new Args();
                foreach (var member in json.EnumerateObject())
                {
                    map[member.Name] = Plain(member.Value);
                }
                return map;
            case JsonValueKind.Array:
                return json.EnumerateArray().Select(Plain).ToList();
            case JsonValueKind.String:
                return json.GetString();
            case JsonValueKind.Number:
                return json.TryGetInt64(out var n) ? (object)n : json.GetDouble();
            case JsonValueKind.True:
            case JsonValueKind.False:
                return json.GetBoolean();
            default:
                return null;
        }
    }

    public static int Number(Args args, string name, int otherwise)
    {
        return args.TryGetValue(name, out var value) && value is long n ? (int)n : otherwise;
    }

    public static string String(Args args, string name, string otherwise)
    {
        return args.TryGetValue(name, out var value) && value is string s ? s : otherwise;
    }

    private static List<object> Steps(Args args)
    {
        return args.TryGetValue("steps", out var steps) ? steps as List<object> : null;
    }

    private static async Task<List<object>> Run(List<object> steps, Args told, ILambdaContext context)
    {
        var results = new List<object>();
        foreach (Args step in steps)
        {
            var one = step.First();
            results.Add(await Take(one.Key, (Args)one.Value, told, context));
        }
        return results;
    }

    private static Task<object> Now(object result)
    {
        return Task.FromResult(result);
    }

    private static Task<object> Take(string verb, Args args, Args told, ILambdaContext context)
    {
        switch (verb)
        {
            case "call":
                return Call.Make(args, told);
            case "parallel":
                return Parallel(args, told, context);
            case "pool":
                return Pool(args, told, context);
            case "thread":
                return Now(InThread(Steps(args), told, context));
            case "later":
                Task.Delay(Number(args, "ms", 0)).ContinueWith(t => Run(Steps(args), told, context));
                return Now(null);
            case "again":
                return Tell(new Args(told) { ["steps"] = args["steps"] }, context);
            case "generator":
                return Now(Generate(Steps(args), told, context).ToList());
            case "command":
                return Now(Execute(((List<object>)args["argv"]).Cast<string>().ToArray()));
            case "raise":
                return Raise.Now(String(args, "kind", "plain"), String(args, "message", "it went wrong"));
            case "descriptors":
                return Descriptors(args, told, context);
            case "return":
                return Now(Returned.Value(args, told));
            default:
                return Now(Small(verb, args, told, context));
        }
    }

    private static object Small(string verb, Args args, Args told, ILambdaContext context)
    {
        switch (verb)
        {
            case "exit":
                Environment.Exit(Number(args, "code", 0));
                return null;
            case "abort":
                Native.Exit(Number(args, "code", 0));
                return null;
            case "kill":
                Execute("kill", "-" + String(args, "signal", "KILL"), Process.GetCurrentProcess().Id.ToString());
                Thread.Sleep(60000);
                return null;
            case "sleep":
                Thread.Sleep(Number(args, "ms", 0));
                return null;
            case "print":
                Print(args, context);
                return null;
            case "mutate":
                told["steps"] = null;
                told["changed"] = true;
                told.Remove("pad");
                return null;
            case "allocate":
                var held = new byte[Number(args, "mb", 0) << 20];
                Array.Fill(held, (byte)1);
                GC.KeepAlive(held);
                return held.Length;
            case "environment":
                return ((List<object>)args["names"]).ToDictionary(name => (string)name, name => (object)Environment.GetEnvironmentVariable((string)name));
            case "context":
                return new List<object>
                {
                    context.AwsRequestId, context.FunctionName, context.MemoryLimitInMB.ToString(), context.InvokedFunctionArn, context.LogStreamName.Length > 0
                };
            default:
                throw new Unsupported("the verb " + verb);
        }
    }

    private static async Task<object> Parallel(Args args, Args told, ILambdaContext context)
    {
        var steps = Steps(args).Select(step => new List<object> { step }).ToList();
        if (String(args, "with", "async") == "threads")
        {
            return (await Task.WhenAll(steps.Select(s => Task.Factory.StartNew(() => InThread(s, told, context)[0], TaskCreationOptions.LongRunning)))).ToList();
        }
        return (await Task.WhenAll(steps.Select(s => Task.Run(() => Run(s, told, context))))).Select(r => r[0]).ToList();
    }

    private static async Task<object> Pool(Args args, Args told, ILambdaContext context)
    {
        var work = Enumerable.Range(0, Number(args, "times", 1)).Select(i => Task.Run(() => Run(Steps(args), told, context)));
        return (await Task.WhenAll(work)).Cast<object>().ToList();
    }

    private static List<object> InThread(List<object> steps, Args told, ILambdaContext context)
    {
        List<object> results = null;
        var one = new Thread(() => results = Run(steps, told, context).GetAwaiter().GetResult());
        one.Start();
        one.Join();
        return results;
    }

    private static IEnumerable<object> Generate(List<object> steps, Args told, ILambdaContext context)
    {
        foreach (var step in steps)
        {
            yield return Run(new List<object> { step }, told, context).GetAwaiter().GetResult()[0];
        }
    }

    private static Args Execute(params string[] argv)
    {
        var info = new ProcessStartInfo(argv[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in argv.Skip(1))
        {
            info.ArgumentList.Add(argument);
        }
        using (var process = Process.Start(info))
        {
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return new Args { ["code"] = process.ExitCode, ["out"] = output, ["err"] = errors.Result };
        }
    }

    private static void Print(Args args, ILambdaContext context)
    {
        var text = String(args, "text", "a line");
        for (var i = 0; i < Number(args, "times", 1); i++)
        {
            switch (String(args, "to", "stdout"))
            {
                case "stdout":
                    Console.WriteLine(text);
                    break;
                case "stderr":
                    Console.Error.WriteLine(text);
                    break;
                default:
                    context.Logger.LogLine(text);
                    break;
            }
        }
    }

    private static async Task<object> Descriptors(Args args, Args told, ILambdaContext context)
    {
        var taken = new Stack<int>();
        for (var one = Native.Open(); one >= 0; one = Native.Open())
        {
            taken.Push(one);
        }
        try
        {
            for (var i = 0; i < Number(args, "left", 0) && taken.Count > 0; i++)
            {
                Native.Close(taken.Pop());
            }
            return await Run(Steps(args), told, context);
        }
        finally
        {
            while (taken.Count > 0)
            {
                Native.Close(taken.Pop());
            }
        }
    }
}
