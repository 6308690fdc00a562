package lambdalocal

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// goFunction is a function of testdata/gofunction, built with AWS's own Go client, on provided.al2023.
func goFunction(t *testing.T) lambda {
	t.Helper()
	code := t.TempDir()
	// The tag leaves out what only the retired go1.x runtime needs; streaming works with it only.
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(code, "bootstrap"), "./testdata/gofunction")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build function: %v\n%s", err, out)
	}
	return lambda{change: func(f *Function, _ *Options) { f.Code, f.Handler, f.MemoryMB = code, "orders", 256 }}
}

// fails invokes and decodes the error that the client reports, with its own type.
func fails(t *testing.T, e *Environment, payload string) (messages.InvokeResponse_Error, Result) {
	t.Helper()
	r, _ := invoke(t, e, payload)
	var out messages.InvokeResponse_Error
	if err := json.Unmarshal(r.Payload, &out); err != nil {
		t.Fatalf("answer is %s: %v", r.Payload, err)
	}
	if r.FunctionError != "Unhandled" {
		t.Errorf("function error is %q", r.FunctionError)
	}
	return out, r
}

// Sources: RTAPI (headers of next), ENV (no AWS_EXECUTION_ENV on provided.*), GORT (trace header).
func TestGo(t *testing.T) {
	if os.Getenv(byPathSetting) != "" {
		t.Skip("TestRuntimesByPath is enough")
	}
	e, log := goFunction(t).start(t)
	r, err := e.Invoke(t.Context(), Invocation{LogTail: true, Payload: []byte(`{}`), TenantID: "blue", ClientContext: `{"custom":{"a":"b"}}`,
		CognitoIdentity: `{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}`})
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, r)
	for name, value := range map[string]any{
		"request": r.RequestID, "arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe", "tenant": "blue", "client": "b",
		"identity": "me", "execution": "", "path": osOnlyPath, "function": "probe", "memory": 256.0,
	} {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if args := got["args"].([]any); len(args) != 1 || args[0] != "/var/task/bootstrap" {
		t.Errorf("argv is %v", args)
	}
	if left := got["remaining"].(float64); left <= 0 || left > float64(patience.Milliseconds()) {
		t.Errorf("remaining time is %v", left)
	}
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.Contains(trace, ";Sampled=0;") {
		t.Errorf("trace is %v", got["trace"])
	}
	if tail := string(r.LogTail); !strings.Contains(tail, "handling "+r.RequestID+"\n") || strings.Contains(tail, "loading") {
		t.Errorf("tail is %q", tail)
	}
	log.wait(t, "loading")
}

// Sources: RTAPI; GORT: an error keeps the environment, a panic is reported and ends it.
func TestGoErrors(t *testing.T) {
	app := goFunction(t)
	t.Run("error", func(t *testing.T) {
		e, _ := app.start(t)
		if got, r := fails(t, e, `{"fail":"bad order"}`); got.Type != "wrapError" || got.Message != "order: bad order" {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init != 0 {
			t.Errorf("after an error the environment is gone: %s", r.Payload)
		}
	})
	t.Run("panic", func(t *testing.T) {
		e, _ := app.start(t)
		got, r := fails(t, e, `{"panic":"no way"}`)
		if got.Type != "string" || got.Message != "no way" || !slices.ContainsFunc(got.StackTrace, func(f *messages.InvokeResponse_Error_StackFrame) bool {
			return f.Label == "orders"
		}) {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init == 0 {
			t.Errorf("after a panic: %s", r.Payload)
		}
	})
	t.Run("exit", func(t *testing.T) {
		e, _ := app.start(t)
		if got, r := fails(t, e, `{"exit":7}`); got.Type != "Runtime.ExitError" || got.Message != "RequestId: "+r.RequestID+" Error: Runtime exited with error: exit status 7" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
	t.Run("panic in main", func(t *testing.T) {
		e, log := app.also(func(f *Function, _ *Options) { f.Handler = "missing" }).start(t)
		if got, r := fails(t, e, `{}`); got.Type != "Runtime.ExitError" || !strings.HasSuffix(got.Message, "exit status 2") {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "panic: no handler missing")
		log.wait(t, "Error Type: Runtime.ExitError")
	})
	t.Run("deadline", func(t *testing.T) {
		e, log := app.also(func(f *Function, _ *Options) { f.Timeout = time.Second }).start(t)
		if _, r := fails(t, e, `{"wait":true}`); !strings.Contains(string(r.Payload), "Task timed out after 1.00 seconds") {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "the deadline has passed: context deadline exceeded")
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init == 0 {
			t.Errorf("after a timeout: %s", r.Payload)
		}
	})
}

// Sources: reference 4 "Streaming"; GORT: the client always sends chunks, announces trailers and never names a
// response mode. So, as in RIE core/directinvoke, a call that does not ask for a stream gets what came, and a
// stream that breaks is no error for it.
func TestGoStreaming(t *testing.T) {
	app := goFunction(t)
	for _, c := range []struct{ name, handler, event, want string }{
		{"stream", "stream", "false", "first second second second third"},
		{"stream that breaks", "stream", "true", "first second second second third"},
		{"function URL", "page", "{}", `{"statusCode":201,"headers":{"X-Kind":"page"},"cookies":["a=b"]}` + strings.Repeat("\x00", 8) + "<p>hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := app.also(func(f *Function, _ *Options) { f.Handler = c.handler }).start(t)
			for range 2 {
				if r, _ := invoke(t, e, c.event); string(r.Payload) != c.want || r.FunctionError != "" {
					t.Errorf("answer is %q %s", r.Payload, r.FunctionError)
				}
			}
		})
	}
}

// Sources: RIE core/directinvoke sendStreamingInvokeResponse: whoever asks for a stream gets the pieces as they
// come, and the trailers whatever mode the client names; GORT: a break tells the error in them.
func TestGoInvokeWithResponseStream(t *testing.T) {
	e, _ := goFunction(t).also(func(f *Function, _ *Options) { f.Handler = "stream" }).start(t)
	for _, c := range []struct{ name, event, functionError, message string }{
		{"whole", "false", "", ""},
		{"breaks", "true", "Unhandled", "no more paper"},
		{"whole again", "false", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			var head StreamHead
			r, err := e.Invoke(t.Context(), Invocation{Payload: []byte(c.event), Stream: func(h StreamHead) io.Writer {
				head = h
				return &got
			}})
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != "first second second second third" || head.ContentType != "application/octet-stream" {
				t.Errorf("the stream was %q of %+v", got.String(), head)
			}
			if r.FunctionError != c.functionError || !strings.Contains(string(r.Payload), c.message) {
				t.Errorf("result is %s %q", r.FunctionError, r.Payload)
			}
		})
	}
}

// Source: LRE: with an extension the runtime gets SIGTERM at a shutdown; GORT registers one of its own then.
func TestGoShutdown(t *testing.T) {
	fn, opt, log := goFunction(t).make(t)
	e, err := Start(t.Context(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	if r, _ := invoke(t, e, `{}`); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "told to end")
}
