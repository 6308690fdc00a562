package lambdalocal

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// dotnetName is what the functions of these tests are deployed as; they run on the nearest .NET.
const dotnetName = "dotnet8"

const dotnetApp = `
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Shop.JsonSerializer))]

namespace Shop
{
    // What a function gets from a package of AWS's elsewhere.
    public class JsonSerializer : ILambdaSerializer
    {
        public T Deserialize<T>(Stream requestStream)
        {
            using (var reader = new StreamReader(requestStream))
            {
                return System.Text.Json.JsonSerializer.Deserialize<T>(reader.ReadToEnd());
            }
        }

        public void Serialize<T>(T response, Stream responseStream)
        {
            var bytes = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(response);
            responseStream.Write(bytes, 0, bytes.Length);
        }
    }

    public class BadOrder : Exception
    {
        public BadOrder(string message, Exception inner) : base(message, inner) { }
    }

    public class Order
    {
        public string Raise { get; set; }
        public int Die { get; set; }
        public bool Sleep { get; set; }
        public string Call { get; set; }
        public int N { get; set; }
    }

    public class Functions
    {
        public Functions()
        {
            Console.WriteLine("loading");
        }

        public async Task<Dictionary<string, object>> Handle(Order order, ILambdaContext context)
        {
            context.Logger.LogLine("handling " + context.AwsRequestId);
            LambdaLogger.Log("through the static logger");
            await Task.Yield();
            if (order.Raise != null)
            {
                throw new BadOrder(order.Raise, new InvalidOperationException("underneath"));
            }
            if (order.Die != 0)
            {
                Environment.Exit(order.Die);
            }
            if (order.Sleep)
            {
                Thread.Sleep(Timeout.Infinite);
            }
            if (order.Call != null)
            {
                using (var http = new HttpClient())
                {
                    await http.GetStringAsync(order.Call);
                }
            }
            return new Dictionary<string, object>
            {
                ["n"] = order.N, ["cwd"] = Environment.CurrentDirectory, ["argv"] = Environment.GetCommandLineArgs(),
                ["trace"] = Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID"), ["arn"] = context.InvokedFunctionArn,
                ["remaining"] = context.RemainingTime.TotalMilliseconds, ["memory"] = context.MemoryLimitInMB, ["name"] = context.FunctionName,
                ["version"] = context.FunctionVersion, ["group"] = context.LogGroupName, ["stream"] = context.LogStreamName,
                ["client"] = context.ClientContext?.Custom["k"], ["identity"] = context.Identity?.IdentityId,
                ["execution"] = Environment.GetEnvironmentVariable("AWS_EXECUTION_ENV"), ["root"] = Environment.GetEnvironmentVariable("DOTNET_ROOT"),
                ["runtime"] = AppDomain.CurrentDomain.GetAssemblies().Single(a => a.GetName().Name == "Amazon.Lambda.RuntimeSupport").Location,
                ["core"] = typeof(ILambdaContext).Assembly.Location
            };
        }

        public string Upper(string text) => text.ToUpperInvariant();

        public static async Task Nothing(Stream input)
        {
            await input.CopyToAsync(Stream.Null);
        }

        public Stream Same(Stream input)
        {
            var copy = new MemoryStream();
            input.CopyTo(copy);
            copy.Position = 0;
            return copy;
        }

        public int Count(ILambdaContext context) => context.AwsRequestId.Length;
        public int Twice(int one) => 2 * one;
        public int Twice(string one) => 2 * one.Length;
        public async void Lost(Stream input) { await Task.Yield(); }
        public T Generic<T>(T input) => input;
    }

    public class Broken
    {
        public Broken()
        {
            throw new InvalidOperationException("no database");
        }

        public void Handle() { }
    }

    // A program of its own, which Lambda starts as it is.
    public static class Program
    {
        public static void Main()
        {
            Console.WriteLine("a program of the function's own");
        }
    }
}
`

// dotnetFunction is that function, compiled once and laid out as dotnet publish does.
func dotnetFunction(t *testing.T) lambda {
	var once sync.Once
	published := t.TempDir()
	return managed(t, dotnetName, "app.cs", dotnetApp).also(func(f *Function, o *Options) {
		once.Do(func() {
			compile(t, runtimes.CSharp{
				Out: filepath.Join(published, "app.dll"), Program: true, Sources: []string{filepath.Join(f.Code, "app.cs")},
				References: []string{filepath.Join(o.Runtime.Dir, "Amazon.Lambda.Core.dll")},
			})
			describe(t, published, "app")
		})
		f.Runtime, f.Handler, f.Code = dotnetName, "app::Shop.Functions::Handle", t.TempDir()
		f.Layers = []string{t.TempDir()}
		if err := copyTree(published, f.Code); err != nil {
			t.Fatal(err)
		}
	})
}

func compile(t *testing.T, c runtimes.CSharp) {
	t.Helper()
	if err := c.Compile(t.Context(), runtimes.Options{Progress: os.Stderr}); err != nil {
		t.Fatal(err)
	}
}

// describe writes what tells the host of .NET about an assembly.
func describe(t *testing.T, dir, name string) {
	t.Helper()
	writeFile(t, filepath.Join(dir, name+".deps.json"), fmt.Sprintf(`{"runtimeTarget":{"name":".NETCoreApp,Version=v3.1"},
		"targets":{".NETCoreApp,Version=v3.1":{"%[1]s/1.0.0":{"runtime":{"%[1]s.dll":{}}}}},
		"libraries":{"%[1]s/1.0.0":{"type":"project","serviceable":false,"sha512":""}}}`, name), 0o644)
	writeFile(t, filepath.Join(dir, name+".runtimeconfig.json"), `{"runtimeOptions":{"rollForward":"LatestMajor","framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`, 0o644)
}

// Sources: ENV, RTAPI (headers), DOTNET bootstrap.sh (argv, reference 5.2).
func TestDotnet(t *testing.T) {
	e, log := dotnetFunction(t).start(t)
	r, err := e.Invoke(t.Context(), Invocation{LogTail: true,
		Payload: []byte(`{"N":1}`), ClientContext: `{"custom":{"k":"v"}}`, CognitoIdentity: `{"cognitoIdentityId":"who"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, r)
	for name, value := range map[string]any{
		"n": 1.0, "cwd": "/var/task", "name": "probe", "memory": 512.0, "version": "$LATEST", "group": "/aws/lambda/probe", "stream": e.env.logStream,
		"client": "v", "identity": "who", "execution": "AWS_Lambda_" + dotnetName, "root": "/var/lang/bin",
		"runtime": "/var/runtime/Amazon.Lambda.RuntimeSupport.dll", "arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe",
	} {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") {
		t.Errorf("trace is %v", got["trace"])
	}
	if left, _ := got["remaining"].(float64); left > float64(patience.Milliseconds()) || left < float64(patience.Milliseconds())-10_000 {
		t.Errorf("remaining time is %v", left)
	}
	log.wait(t, "Z\t"+r.RequestID+"\tinfo\thandling "+r.RequestID)
	log.wait(t, "\tinfo\tthrough the static logger")
	log.wait(t, "\t\tinfo\tloading")
}

// Sources: DOTNET UserCodeLoader, InvokeDelegateBuilder: what a handler may look like.
func TestDotnetHandlers(t *testing.T) {
	app := dotnetFunction(t)
	for _, c := range []struct{ name, handler, event, answer string }{
		{"text to text", "app::Shop.Functions::Upper", `"order"`, `"ORDER"`},
		{"stream to stream", "app::Shop.Functions::Same", `not JSON`, `not JSON`},
		{"static, stream to task", "app::Shop.Functions::Nothing", `{}`, ``},
		{"context only", "app::Shop.Functions::Count", `{}`, `36`},
		{"overload by signature", "app::Shop.Functions::Int32 Twice(System.String)", `"four"`, `8`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := app.also(func(f *Function, _ *Options) { f.Handler = c.handler }).start(t)
			if r, _ := invoke(t, e, c.event); string(r.Payload) != c.answer || r.FunctionError != "" {
				t.Errorf("answer is %q %s", r.Payload, r.FunctionError)
			}
		})
	}
}

// Sources: RTAPI; DOTNET LambdaBootstrap, ExceptionInfo: what the caller gets when the function throws.
func TestDotnetErrors(t *testing.T) {
	app := dotnetFunction(t)
	t.Run("exception", func(t *testing.T) {
		e, log := app.start(t)
		got, r := ask(t, e, `{"Raise":"no such item"}`)
		if r.FunctionError != "Unhandled" || got["errorType"] != "BadOrder" || got["errorMessage"] != "no such item" {
			t.Errorf("answer is %s", r.Payload)
		}
		if stack, _ := got["stackTrace"].([]any); len(stack) == 0 || !strings.HasPrefix(stack[0].(string), "at Shop.Functions.Handle(") {
			t.Errorf("stack is %v", got["stackTrace"])
		}
		if cause, _ := got["cause"].(map[string]any); cause["errorType"] != "InvalidOperationException" || cause["errorMessage"] != "underneath" {
			t.Errorf("cause is %v", got["cause"])
		}
		log.wait(t, r.RequestID+"\tfail\tShop.BadOrder: no such item")
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init != 0 {
			t.Errorf("after an exception the environment is gone: %s", r.Payload)
		}
	})
	t.Run("exit", func(t *testing.T) {
		e, _ := app.start(t)
		got, r := ask(t, e, `{"Die":9}`)
		if got["errorType"] != "Runtime.ExitError" || !strings.HasSuffix(got["errorMessage"].(string), "exit status 9") {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init == 0 {
			t.Errorf("after an exit: %s", r.Payload)
		}
	})
	t.Run("timeout", func(t *testing.T) {
		l := app
		l.timeout = handlerLimit
		e, _ := l.start(t)
		if _, r := ask(t, e, `{}`); r.FunctionError != "" {
			t.Fatalf("answer is %s", r.Payload)
		}
		if got, r := ask(t, e, `{"Sleep":true}`); r.FunctionError != "Unhandled" || !strings.Contains(got["errorMessage"].(string), "timed out") {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" {
			t.Errorf("afterwards: %s", r.Payload)
		}
	})
	for _, c := range []struct{ name, handler, errorType, says string }{
		{"constructor throws", "app::Shop.Broken::Handle", "InvalidOperationException", "no database"},
		{"no such assembly", "missing::Shop.Functions::Handle", "LambdaValidationException", "missing"},
		{"no such type", "app::Shop.Nowhere::Handle", "LambdaValidationException", "no type 'Shop.Nowhere'"},
		{"no such method", "app::Shop.Functions::Nowhere", "LambdaValidationException", "no method 'Nowhere'"},
		{"no such form", "app::Handle", "LambdaValidationException", "ASSEMBLY::TYPE::METHOD"},
		{"two of a name", "app::Shop.Functions::Twice", "LambdaValidationException", "Int32 Twice(Int32)"},
		{"async void", "app::Shop.Functions::Lost", "LambdaValidationException", "async void"},
		{"generic", "app::Shop.Functions::Generic", "LambdaValidationException", "generic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := app.also(func(f *Function, _ *Options) { f.Handler = c.handler }).start(t)
			got, r := ask(t, e, `{}`)
			if r.FunctionError != "Unhandled" || got["errorType"] != c.errorType || !strings.Contains(got["errorMessage"].(string), c.says) {
				t.Errorf("answer is %s", r.Payload)
			}
			log.wait(t, "INIT_REPORT")
		})
	}
}

// Sources: DOTNET bootstrap.sh: what is started, and its exit statuses.
func TestDotnetBootstrap(t *testing.T) {
	app := dotnetFunction(t)
	for _, c := range []struct {
		name   string
		change func(*Function, *Options)
		says   string
	}{
		{"no deps.json", func(f *Function, _ *Options) { os.Remove(filepath.Join(f.Code, "app.deps.json")) }, "exit status 105"},
		{"no runtimeconfig.json", func(f *Function, _ *Options) { os.Remove(filepath.Join(f.Code, "app.runtimeconfig.json")) }, "exit status 106"},
		{"no such program", func(f *Function, _ *Options) { f.Handler = "missing" }, "exit status 104"},
		{"a program", func(f *Function, _ *Options) { f.Handler = "app" }, "Runtime exited"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := app.also(c.change).start(t)
			if _, r := ask(t, e, `{}`); !strings.Contains(string(r.Payload), c.says) {
				t.Errorf("answer is %s", r.Payload)
			}
			if c.name == "a program" {
				log.wait(t, "a program of the function's own")
			}
		})
	}
	t.Run("the only deps.json has another name", func(t *testing.T) {
		e, _ := app.also(func(f *Function, _ *Options) {
			for _, kind := range []string{".deps.json", ".runtimeconfig.json"} {
				if err := os.Rename(filepath.Join(f.Code, "app"+kind), filepath.Join(f.Code, "main"+kind)); err != nil {
					t.Fatal(err)
				}
			}
		}).start(t)
		if _, r := ask(t, e, `{}`); r.FunctionError != "" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
}

// The project's own exec wrapper has no hook for this runtime yet: it passes everything on as it came, the
// next wrapper included. Sources: MOD; reference 5.1, 5.2.
func TestDotnetExecWrapper(t *testing.T) {
	e, log := dotnetFunction(t).also(ourWrapper(t)).start(t)
	if _, r := ask(t, e, `{}`); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	want := []string{
		"/var/lang/bin/dotnet", "exec", "--depsfile", "/var/task/app.deps.json", "--runtimeconfig", "/var/task/app.runtimeconfig.json",
		"/var/runtime/Amazon.Lambda.RuntimeSupport.dll", "app::Shop.Functions::Handle",
	}
	if args := told(log); !slices.Equal(args, want) {
		t.Errorf("argv is %q", args)
	}
	log.wait(t, "on AWS_Lambda_"+dotnetName+" with RUBYOPT=[] DOTNET_STARTUP_HOOKS=[]")
}

const dotnetHook = `
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Http;

internal class StartupHook : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object>>
{
    public static void Initialize()
    {
        Console.WriteLine("hook before " + string.Join(" ", Environment.GetCommandLineArgs()));
        DiagnosticListener.AllListeners.Subscribe(new StartupHook());
    }

    public void OnNext(DiagnosticListener listener)
    {
        if (listener.Name == "HttpHandlerDiagnosticListener")
        {
            listener.Subscribe(this);
        }
    }

    public void OnNext(KeyValuePair<string, object> happened)
    {
        var request = happened.Value.GetType().GetProperty("Request")?.GetValue(happened.Value) as HttpRequestMessage;
        if (request != null && request.RequestUri.Authority != Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"))
        {
            Console.WriteLine("hook saw " + happened.Key + " " + request.RequestUri);
        }
    }

    public void OnCompleted() { }
    public void OnError(Exception e) { }
}
`

// DOTNET_STARTUP_HOOKS brings in a hook before the client, and the hook sees what HttpClient does
// (reference 5.3).
func TestDotnetStartupHook(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	e, log := dotnetFunction(t).also(func(f *Function, _ *Options) {
		source := filepath.Join(t.TempDir(), "hook.cs")
		writeFile(t, source, dotnetHook, 0o644)
		compile(t, runtimes.CSharp{Out: filepath.Join(f.Layers[0], "hook.dll"), Sources: []string{source}})
		f.Env["DOTNET_STARTUP_HOOKS"] = "/opt/hook.dll"
	}).start(t)
	if _, r := ask(t, e, fmt.Sprintf(`{"Call":%q}`, server.URL+"/stock")); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	log.wait(t, "hook before /var/runtime/Amazon.Lambda.RuntimeSupport.dll app::Shop.Functions::Handle")
	log.wait(t, "hook saw System.Net.Http.HttpRequestOut.Start "+server.URL+"/stock")
	log.wait(t, "hook saw System.Net.Http.HttpRequestOut.Stop "+server.URL+"/stock")
}

// A function that brings an Amazon.Lambda.Core of its own gets that one, whatever its version: the client is
// not tied to ours. Here it is one with a member that ours has not.
func TestDotnetCore(t *testing.T) {
	const program = `
namespace Shop { public class Reads { public System.IO.Stream Handle(System.IO.Stream input, Amazon.Lambda.Core.ILambdaContext context) =>
	new System.IO.MemoryStream(System.Text.Encoding.UTF8.GetBytes("{\"from\":\"" + typeof(Amazon.Lambda.Core.ILambdaContext).Assembly.Location + "\",\"trace\":\"" + context.TraceId + "\"}")); } }`
	e, _ := dotnetFunction(t).also(func(f *Function, o *Options) {
		core, err := os.ReadFile(filepath.Join("..", "runtimes", "clients", "dotnet", "core", "Core.cs"))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "core.cs"), strings.Replace(string(core), "TimeSpan RemainingTime { get; }", "TimeSpan RemainingTime { get; } string TraceId { get; }", 1), 0o644)
		writeFile(t, filepath.Join(dir, "reads.cs"), program, 0o644)
		own := filepath.Join(f.Code, "Amazon.Lambda.Core.dll")
		compile(t, runtimes.CSharp{Out: own, Sources: []string{filepath.Join(dir, "core.cs")}})
		compile(t, runtimes.CSharp{Out: filepath.Join(f.Code, "app.dll"), Sources: []string{filepath.Join(dir, "reads.cs")}, References: []string{own}})
		// Named in no deps.json, an assembly is not looked for.
		writeFile(t, filepath.Join(f.Code, "app.deps.json"), `{"runtimeTarget":{"name":".NETCoreApp,Version=v3.1"},
			"targets":{".NETCoreApp,Version=v3.1":{"app/1.0.0":{"dependencies":{"Amazon.Lambda.Core":"2.2.0"},"runtime":{"app.dll":{}}},
				"Amazon.Lambda.Core/2.2.0":{"runtime":{"Amazon.Lambda.Core.dll":{}}}}},
			"libraries":{"app/1.0.0":{"type":"project","serviceable":false,"sha512":""},"Amazon.Lambda.Core/2.2.0":{"type":"project","serviceable":false,"sha512":""}}}`, 0o644)
		f.Handler = "app::Shop.Reads::Handle"
	}).start(t)
	got, r := ask(t, e, `{}`)
	if trace, _ := got["trace"].(string); got["from"] != "/var/task/Amazon.Lambda.Core.dll" || !strings.HasPrefix(trace, "Root=1-") {
		t.Errorf("answer is %s", r.Payload)
	}
}

// Without namespaces code and client are found all the same.
func TestDotnetByPath(t *testing.T) {
	e, log := dotnetFunction(t).also(func(_ *Function, o *Options) { o.byPath = true }).start(t)
	if got, r := ask(t, e, `{"N":1}`); r.FunctionError != "" || got["n"] != 1.0 {
		t.Errorf("answer is %s", r.Payload)
	}
	log.wait(t, "lambdalocal: no private file system")
}
