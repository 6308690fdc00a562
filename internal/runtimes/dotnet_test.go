package runtimes

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const dotnetClientApp = `
using System;
using System.IO;
using System.Text;
using Amazon.Lambda.Core;

public class App
{
    public Stream Handle(Stream input, ILambdaContext context)
    {
        Console.WriteLine("two\nlines");
        Console.Error.WriteLine(1.5);
        if (context.AwsRequestId == "event-1")
        {
            throw new AggregateException("sum", new ArgumentException("one"), new IOException("two"));
        }
        return new MemoryStream(Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID") + "|" +
            Environment.GetEnvironmentVariable("_LAMBDA_TELEMETRY_LOG_FD")));
    }
}
`

// dotnetClient is the nearest .NET and a function for it.
func dotnetClient(t *testing.T) (Runtime, string) {
	t.Helper()
	rt := here(t, "dotnet8")
	code := t.TempDir()
	c := CSharp{
		Out: filepath.Join(code, "app.dll"), Sources: []string{write(t, filepath.Join(code, "app.cs"), dotnetClientApp)},
		References: []string{filepath.Join(rt.Dir, lambdaCore)},
	}
	if err := c.Compile(t.Context(), Options{Progress: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(code, "app.deps.json"), `{"runtimeTarget":{"name":".NETCoreApp,Version=v3.1"},
		"targets":{".NETCoreApp,Version=v3.1":{"app/1.0.0":{"runtime":{"app.dll":{}}}}},
		"libraries":{"app/1.0.0":{"type":"project","serviceable":false,"sha512":""}}}`)
	write(t, filepath.Join(code, "app.runtimeconfig.json"), `{"runtimeOptions":{"rollForward":"LatestMajor","framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`)
	return rt, code
}

// Sources: RTAPI; DOTNET LambdaBootstrap (the trace's variable follows the header), ExceptionInfo (causes),
// FileDescriptorLogStream (frames).
func TestDotnetClient(t *testing.T) {
	rt, code := dotnetClient(t)
	for _, c := range []struct {
		name     string
		env      map[string]string
		channel  bool
		messages []string // the first ones; TIME stands for a time
	}{
		{"log channel", map[string]string{"_LAMBDA_TELEMETRY_LOG_FD": "3"}, true, []string{"TIME\tevent-0\tinfo\ttwo\nlines\n", "TIME\tevent-0\tfail\t1.5\n"}},
		{"no such channel", map[string]string{"_LAMBDA_TELEMETRY_LOG_FD": "900"}, false, []string{"TIME\tevent-0\tinfo\ttwo\n", "lines\n"}},
		{"unformatted", map[string]string{"AWS_LAMBDA_HANDLER_LOG_FORMAT": "Unformatted"}, false, []string{"two\n", "lines\n", "1.5\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := newRuntimeAPI(t, http.Header{"Lambda-Runtime-Trace-Id": {"Root=1-a"}}, http.Header{}, http.Header{})
			env := map[string]string{"_HANDLER": "app::App::Handle"}
			for name, value := range c.env {
				env[name] = value
			}
			end := startClient(t, rt, api, code, env)
			if p := api.post(t); p.path != "invocation/event-0/response" || p.body != "Root=1-a|" || p.header.Get("Content-Type") != "application/json" {
				t.Errorf("first: %+v", p)
			}
			p := api.post(t)
			var failed struct {
				ErrorType string
				Causes    []struct{ ErrorType string }
			}
			if err := json.Unmarshal([]byte(p.body), &failed); err != nil || p.path != "invocation/event-1/error" || failed.ErrorType != "AggregateException" ||
				len(failed.Causes) != 2 || failed.Causes[1].ErrorType != "IOException" || p.header.Get("Lambda-Runtime-Function-Error-Type") != "AggregateException" {
				t.Errorf("error: %v %+v", err, p)
			}
			checkCause(t, p, true)
			if p := api.post(t); p.body != "|" {
				t.Errorf("a trace of another event: %+v", p)
			}
			written, output := end()
			messages := frames(t, written)
			if !c.channel {
				messages = slices.Collect(strings.Lines(output))
			}
			for i, want := range c.messages {
				if len(messages) <= i || strings.Replace(want, "TIME", messages[i][:max(0, strings.IndexByte(messages[i], '\t'))], 1) != messages[i] {
					t.Errorf("messages are %q, want %q", messages, c.messages)
					break
				}
			}
		})
	}
}

// AWS's own client is used where NuGet has put it. This one has its name, its entry and its place only.
func TestDotnetPublishedClient(t *testing.T) {
	rt, code := dotnetClient(t)
	packages := t.TempDir()
	for _, version := range []string{"1.9.0", "1.10.0", "1.11.0-beta"} {
		source := write(t, filepath.Join(t.TempDir(), "client.cs"), `
using System;
using System.Threading.Tasks;
namespace Amazon.Lambda.RuntimeSupport
{
    public class RuntimeSupportInitializer
    {
        private readonly string handler;
        public RuntimeSupportInitializer(string handler) { this.handler = handler; }
        public async Task RunLambdaBootstrap()
        {
            await Task.Yield();
            Console.WriteLine("published `+version+` for " + handler + ", core " + typeof(Amazon.Lambda.Core.ILambdaContext).Assembly.GetName().Name);
        }
    }
}`)
		out := filepath.Join(packages, "amazon.lambda.runtimesupport", version, "lib", "netstandard2.0", runtimeSupport)
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			t.Fatal(err)
		}
		c := CSharp{Out: out, Sources: []string{source}, References: []string{filepath.Join(rt.Dir, lambdaCore)}}
		if err := c.Compile(t.Context(), Options{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("NUGET_PACKAGES", packages)
	published := locatePublishedClient(8)
	if want := filepath.Join(packages, "amazon.lambda.runtimesupport", "1.10.0", "lib", "netstandard2.0", runtimeSupport); published.client != want || published.core != "" {
		t.Fatalf("found %+v", published)
	}
	in, err := newInstaller(Options{})
	if err != nil {
		t.Fatal(err)
	}
	core, err := in.coreCLR(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rt.Dir = filepath.Join(t.TempDir(), "runtime")
	if err := in.makeDotnetClient(t.Context(), core, published, rt.Dir); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", "dotnet"), "exec", "--depsfile", filepath.Join(code, "app.deps.json"),
		"--runtimeconfig", filepath.Join(code, "app.runtimeconfig.json"), filepath.Join(rt.Dir, runtimeSupport), "app::App::Handle")
	cmd.Env = append(os.Environ(), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || out.String() != "published 1.10.0 for app::App::Handle, core Amazon.Lambda.Core\n" {
		t.Errorf("%v, %s", err, out.String())
	}
}

// A .NET of the machine is found by its folders, and what functions need of it is copied.
func TestLocateDotnet(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "dotnet"), "#!/bin/sh\n")
	write(t, filepath.Join(root, "host", "fxr", "8.0.11", "libhostfxr.so"), "")
	for _, version := range []string{"6.0.36", "8.0.9", "8.0.11", "9.0.0-rc.1"} {
		write(t, filepath.Join(root, "shared", "Microsoft.NETCore.App", version, "System.dll"), "")
	}
	write(t, filepath.Join(root, "shared", "Microsoft.AspNetCore.App", "8.0.11", "Web.dll"), "")
	write(t, filepath.Join(root, "sdk", "8.0.404", "dotnet.dll"), "")
	t.Setenv("DOTNET_ROOT", root)
	d, ok := locateDotnet(8)
	if want := (dotnet{root: root, version: "8.0.11", asp: "8.0.11"}); !ok || d != want {
		t.Fatalf("found %+v", d)
	}
	if d, ok := locateDotnet(9); ok && d.root == root {
		t.Errorf("a preview was found: %+v", d)
	}
	to := filepath.Join(t.TempDir(), "bin")
	if err := d.copyTo(to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(to, "dotnet")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("the program: %v %v", info, err)
	}
	for path, is := range map[string]bool{
		"shared/Microsoft.NETCore.App/8.0.11/System.dll": true, "shared/Microsoft.AspNetCore.App/8.0.11/Web.dll": true,
		"host/fxr/8.0.11/libhostfxr.so": true, "shared/Microsoft.NETCore.App/6.0.36": false, "sdk": false,
	} {
		if _, err := os.Stat(filepath.Join(to, path)); (err == nil) != is {
			t.Errorf("%s: %v", path, err)
		}
	}
}
