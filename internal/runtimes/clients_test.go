package runtimes

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait of these tests: what has not come by then will not come.
const patience = 20 * time.Second

// runtimeAPI is a Runtime API that a client is watched through: what it sends, and what it does with what no
// local Lambda sends.
type runtimeAPI struct {
	*httptest.Server
	events chan http.Header // of each event; its body is {}
	posts  chan post
}

type post struct {
	path   string
	header http.Header
	body   string
}

func newRuntimeAPI(t *testing.T, events ...http.Header) *runtimeAPI {
	api := &runtimeAPI{events: make(chan http.Header, len(events)), posts: make(chan post, 10)}
	for i, e := range events {
		e.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("event-%d", i))
		api.events <- e
	}
	api.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			select {
			case e := <-api.events:
				for name := range e {
					w.Header().Set(name, e.Get(name))
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, "{}")
			case <-r.Context().Done():
			}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read what the client sent: %v", err)
		}
		api.posts <- post{strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/"), r.Header, string(body)}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(api.Close)
	return api
}

func (a *runtimeAPI) post(t *testing.T) post {
	t.Helper()
	select {
	case p := <-a.posts:
		return p
	case <-time.After(patience):
		t.Fatal("the client sent nothing")
		return post{}
	}
}

// startClient runs a runtime in its folders as they are, without a local Lambda around it. The function
// returned ends it and gives what it wrote to descriptor 3 and to the standard outputs.
func startClient(t *testing.T, rt Runtime, api *runtimeAPI, code string, env map[string]string) (end func() (channel []byte, output string)) {
	t.Helper()
	real := func(path string) string {
		for seen, is := range map[string]string{"/var/lang": rt.Lang, "/var/runtime": rt.Dir} {
			if rest, ok := strings.CutPrefix(path, seen); ok {
				return is + rest
			}
		}
		return path
	}
	argv := []string{"-c", rt.Script + `exec "$@"`, "bootstrap"}
	for _, a := range rt.Command {
		argv = append(argv, real(a))
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/bin/sh", argv...)
	cmd.Dir = code
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LAMBDA_TASK_ROOT=" + code, "LAMBDA_RUNTIME_DIR=" + rt.Dir,
		"AWS_LAMBDA_RUNTIME_API=" + api.Listener.Addr().String(),
		"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1", // which the client must not take
	}
	for name, value := range rt.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	channel, err := os.Create(filepath.Join(t.TempDir(), "channel"))
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	var output bytes.Buffer
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{channel}, &output, &output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() ([]byte, string) {
		t.Helper()
		cancel()
		_ = cmd.Wait() // it was killed, unless it has ended by itself
		written, err := os.ReadFile(channel.Name())
		if err != nil {
			t.Fatal(err)
		}
		return written, output.String()
	}
}

// frames takes the messages out of what was written to a log channel.
func frames(t *testing.T, channel []byte) []string {
	t.Helper()
	var messages []string
	for len(channel) > 0 {
		if len(channel) < 16 {
			t.Fatalf("half a head: %q", channel)
		}
		size := int(binary.BigEndian.Uint32(channel[4:]))
		at := time.UnixMicro(int64(binary.BigEndian.Uint64(channel[8:])))
		if kind := binary.BigEndian.Uint32(channel); kind != 0xa55a0003 || len(channel) < 16+size || time.Since(at).Abs() > time.Hour {
			t.Fatalf("head of kind %#x, %d bytes, of %v", kind, size, at)
		}
		messages = append(messages, string(channel[16:16+size]))
		channel = channel[16+size:]
	}
	return messages
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const rubyClientApp = `
require "logger"
LOG = Logger.new($stdout)
def handler(event:, context:)
  puts "two", ["lines"]
  LOG.info("logged")
  case context.aws_request_id
  when "event-1" then raise ArgumentError, "bad"
  when "event-2" then raise IOError, "disk"
  end
  { trace: ENV["_X_AMZN_TRACE_ID"], channel: ENV["_LAMBDA_TELEMETRY_LOG_FD"] }
end
`

// Sources: RTAPI; RUBYRIC: the trace's variable is set only when there is a trace; the names of errors; the
// frames of the log channel.
func TestRubyClient(t *testing.T) {
	rt := here(t, "ruby3.4")
	code := t.TempDir()
	write(t, filepath.Join(code, "app.rb"), rubyClientApp)
	api := newRuntimeAPI(t, http.Header{"Lambda-Runtime-Trace-Id": {"Root=1-a"}}, http.Header{}, http.Header{}, http.Header{})
	end := startClient(t, rt, api, code, map[string]string{"_HANDLER": "app.handler", "_LAMBDA_TELEMETRY_LOG_FD": "3"})
	for i, want := range []struct{ path, errorType, body string }{
		{"invocation/event-0/response", "", `{"trace":"Root=1-a","channel":null}`},
		{"invocation/event-1/error", "Function<ArgumentError>", `{"errorMessage":"bad","errorType":"Function<ArgumentError>","stackTrace":["` + code + `/app.rb:`},
		{"invocation/event-2/error", "Function<UserException>", `{"errorMessage":"disk","errorType":"Function<IOError>"`},
		{"invocation/event-3/response", "", `{"trace":"Root=1-a","channel":null}`},
	} {
		p := api.post(t)
		if p.path != want.path || !strings.HasPrefix(p.body, want.body) || p.header.Get("Lambda-Runtime-Function-Error-Type") != want.errorType {
			t.Errorf("%d: %+v", i, p)
		}
		if !strings.HasPrefix(p.header.Get("User-Agent"), "aws-lambda-ruby/") {
			t.Errorf("user agent is %q", p.header.Get("User-Agent"))
		}
		checkCause(t, p, want.errorType != "")
	}
	channel, output := end()
	messages := frames(t, channel)
	if len(messages) < 2 || messages[0] != "two\nlines\n" || !strings.HasPrefix(messages[1], "I, [") || !strings.HasSuffix(messages[1], "  INFO event-0 -- : logged") {
		t.Errorf("messages are %q", messages)
	}
	if output != "" {
		t.Errorf("beside the channel there was %q", output)
	}
}

// checkCause looks whether an error, and nothing else, carries what X-Ray is told.
func checkCause(t *testing.T, p post, is bool) {
	t.Helper()
	cause := p.header.Get("Lambda-Runtime-Function-XRay-Error-Cause")
	if !is {
		if cause != "" {
			t.Errorf("a cause of nothing: %s", cause)
		}
		return
	}
	var got struct {
		Dir        string `json:"working_directory"`
		Exceptions []struct {
			Message string
			Stack   []struct {
				Path, Label string
				Line        int
			}
		}
	}
	if err := json.Unmarshal([]byte(cause), &got); err != nil || got.Dir == "" || len(got.Exceptions) != 1 || len(got.Exceptions[0].Stack) == 0 {
		t.Errorf("cause is %s (%v)", cause, err)
	}
}

// AWS's own gem is used where an interpreter has it. This one has its name only.
func TestRubyGem(t *testing.T) {
	rt := here(t, "ruby3.4")
	home := t.TempDir()
	write(t, filepath.Join(home, "gems", "aws_lambda_ric-9.9.9", "lib", "aws_lambda_ric.rb"),
		"module AwsLambdaRIC; class Bootstrap; def start = puts('the gem, ' + __dir__); end; end\n")
	write(t, filepath.Join(home, "specifications", "aws_lambda_ric-9.9.9.gemspec"),
		"Gem::Specification.new { |s| s.name = 'aws_lambda_ric'; s.version = '9.9.9'; s.summary = 's'; s.authors = ['a'] }\n")
	t.Setenv("GEM_PATH", home)
	_, version := split(rt.Name)
	r, ok := locateRubies(t.Context())[version]
	if !ok || r.gem != filepath.Join(home, "gems", "aws_lambda_ric-9.9.9") {
		t.Fatalf("found %+v", r)
	}
	rt.Dir = filepath.Join(t.TempDir(), "runtime")
	if err := placeRubyClient(r, rt.Dir); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", "ruby"), filepath.Join(rt.Dir, "index.rb"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || out.String() != "the gem, "+filepath.Join(rt.Dir, "gems", "aws_lambda_ric-9.9.9", "lib")+"\n" {
		t.Errorf("%v, %s", err, out.String())
	}
	if stamp, err := rubyStamp(r); err != nil || !strings.Contains(stamp, r.gem) {
		t.Errorf("a gem that comes later would not be taken: %q %v", stamp, err)
	}
}

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
	write(t, filepath.Join(code, "app.runtimeconfig.json"), `{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`)
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
