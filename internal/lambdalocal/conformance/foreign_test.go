package conformance

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// What runs here was not written by us: an extension and a runtime on AWS's own Rust crates (their main
// functions, in testdata/rust, only say what reaches them), and AWS's Lambda Web Adapter as it is.

// rustParts is the folder with the extension and the runtime.
func rustParts(t *testing.T) string {
	t.Helper()
	source, err := filepath.Abs("testdata/rust")
	if err != nil {
		t.Fatal(err)
	}
	bin, err := tools.RustParts(t.Context(), source, toolsFolder(t), testWriter{t})
	if err != nil {
		notBuilt(t, err)
	}
	return bin
}

// notBuilt skips where there is no cargo; a build that fails is a failure.
func notBuilt(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, tools.ErrNoCargo) {
		lacking(t, "cargo", err)
	}
	t.Fatal(err)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, p platform, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s never came; the log is\n%s", what, strings.Join(p.log(), "\n"))
		}
	}
}

// says tells whether the log has a line with all parts.
func says(p platform, parts ...string) bool {
	for _, line := range p.log() {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(line, part)
		}
		if found {
			return true
		}
	}
	return false
}

// foreignPlatforms are both platforms with something on their stage.
func foreignPlatforms(t *testing.T, newStage func(t *testing.T) stage, check func(t *testing.T, p platform, isRIE bool)) {
	t.Helper()
	show := func(t *testing.T, p platform) platform {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log:\n%s", strings.Join(p.log(), "\n"))
			}
		})
		return p
	}
	t.Run("lambdalocal", func(t *testing.T) { check(t, show(t, startLambdaOn(t, newStage(t), patience)), false) })
	t.Run("RIE", func(t *testing.T) {
		binary := emulator(t)
		check(t, show(t, startEmulatorOn(t, newStage(t), patience, binary)), true)
	})
}

// place puts a program onto a stage.
func place(t *testing.T, program, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, program, to)
}

// TestRustExtension: crate lambda-extension registers, gets INVOKE and SHUTDOWN, and, where there is a
// Telemetry API, the events of its subscription.
func TestRustExtension(t *testing.T) {
	bin := rustParts(t)
	setUp := func(t *testing.T) stage {
		s := newStage(t, rule{actors: map[string]string{runtimeActor: "serve work=100ms"}})
		place(t, filepath.Join(bin, "rust-extension"), filepath.Join(s.opt, "extensions", "rust-extension"))
		_, s.env["TELEMETRY_PORT"], _ = strings.Cut(freePort(t), ":")
		return s
	}
	foreignPlatforms(t, setUp, func(t *testing.T, p platform, isRIE bool) {
		for range 3 {
			if got := p.invoke(t, once[0]); got != `answer {"n":1}` {
				t.Errorf("got %s", got)
			}
		}
		eventually(t, "INVOKE", p, func() bool {
			return says(p, "rust INVOKE ", functionARN, "tracing "+traceHeader)
		})
		if !isRIE { // which says that it has no telemetry
			for _, kind := range []string{"PlatformInitStart", "PlatformInitRuntimeDone", "PlatformInitReport", "PlatformStart", "PlatformRuntimeDone", "PlatformReport"} {
				// It comes by the buffer's time, and only while the environment is not frozen.
				eventually(t, kind, p, func() bool { return says(p, "rust telemetry "+kind) || p.invoke(t, once[0]) == "" })
			}
		}
		p.shutdown(t)
		if !says(p, "rust SHUTDOWN ") {
			t.Error("no SHUTDOWN came")
		}
	})
}

// TestRustRuntime: crate lambda_runtime takes events, answers them, and reports the function's errors.
func TestRustRuntime(t *testing.T) {
	bin := rustParts(t)
	setUp := func(t *testing.T) stage {
		s := newStage(t, rule{actors: map[string]string{"ext": "register\nevents"}})
		if err := os.Remove(filepath.Join(s.opt, runtimeActor)); err != nil {
			t.Fatal(err)
		}
		place(t, filepath.Join(bin, "rust-runtime"), filepath.Join(s.opt, runtimeActor))
		return s
	}
	foreignPlatforms(t, setUp, func(t *testing.T, p platform, isRIE bool) {
		var got struct {
			Event                           map[string]int
			RequestID, ARN, Trace, Function string
			Deadline                        int64
		}
		answer := p.invoke(t, once[0])
		if err := json.Unmarshal([]byte(strings.TrimPrefix(answer, "answer ")), &got); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if got.Event["n"] != 1 || !uuidForm.MatchString(got.RequestID) || got.ARN != functionARN || got.Function != functionName ||
			got.Deadline < time.Now().UnixMilli() || !isRIE && got.Trace != traceHeader {
			t.Errorf("got %s", answer)
		}
		answer = p.invoke(t, invocation{payload: `{"fail":"no tea"}`})
		if !strings.Contains(answer, "no tea") || !isRIE && !strings.HasPrefix(answer, "Unhandled ") {
			t.Errorf("a failure gives %s", answer)
		}
		p.shutdown(t)
	})
}

// TestWebAdapter: lambda_web_adapter is an extension that registers for no event, and speaks the Runtime
// API in the place of the runtime's process, which is a web server. Its events reach the server as
// requests, buffered or streamed.
func TestWebAdapter(t *testing.T) {
	adapter, err := tools.WebAdapter(t.Context(), toolsFolder(t), testWriter{t})
	if err != nil {
		notBuilt(t, err)
	}
	request := `{"version":"2.0","rawPath":"/tea","rawQueryString":"","headers":{"host":"x"},"body":"milk","isBase64Encoded":false,
		"requestContext":{"accountId":"1","apiId":"1","domainName":"x","domainPrefix":"x","requestId":"1","routeKey":"$default","stage":"$default","time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390,
		"http":{"method":"POST","path":"/tea","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"x"}}}`
	for _, mode := range []string{"buffered", "response_stream"} {
		t.Run(mode, func(t *testing.T) {
			setUp := func(t *testing.T) stage {
				s := newStage(t, rule{actors: map[string]string{runtimeActor: "web"}})
				place(t, adapter, filepath.Join(s.opt, "extensions", "lambda-adapter"))
				_, s.env["AWS_LWA_PORT"], _ = strings.Cut(freePort(t), ":")
				s.env["AWS_LWA_INVOKE_MODE"] = mode
				return s
			}
			foreignPlatforms(t, setUp, func(t *testing.T, p platform, _ bool) {
				for range 3 {
					if answer := p.invoke(t, invocation{payload: request}); !strings.Contains(answer, "POST /tea milk") {
						t.Errorf("a request gives %s", answer)
					}
				}
				// What is no HTTP request is POSTed to a path of its own.
				p.invoke(t, invocation{payload: `{"Records":[]}`})
				if find(readTrace(t, p.trace()), "bootstrap: web POST /events ") < 0 {
					t.Error("another event does not come")
				}
				p.shutdown(t)
			})
		})
	}
}
