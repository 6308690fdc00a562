package lambdalocal

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// invoked brings the runtime of the rig to Running.
func (r *apiRig) invoked() *invocation {
	r.t.Helper()
	in := &invocation{Invocation: Invocation{RequestID: "req-1", Payload: []byte(`{"a":1}`)}, deadline: time.Now()}
	r.g.update(func() { r.g.dispatch(in, time.Now()) })
	if got := r.do("GET", "/2018-06-01/runtime/invocation/next", ""); string(got.body) != `{"a":1}` {
		r.t.Fatalf("next: %d %s", got.status, got.body)
	}
	return in
}

// Sources: RTAPI; RIE rapi/handler/invocationresponse.go, invocationerror.go, initerror.go; reference 4.
func TestRuntimeAPI(t *testing.T) {
	const base = "/2018-06-01/runtime/"
	const response, failed, initError = base + "invocation/req-1/response", base + "invocation/req-1/error", base + "init/error"
	big := strings.Repeat("x", maxResponse+1)
	const tooBig = `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`
	for _, c := range []struct {
		name           string
		ask            func(*apiRig) answer
		status         int
		errorType      string // of the refusal
		payload        string // of the response that the caller gets
		responseType   string // of the response that the caller gets
		wantNoResponse bool
	}{
		{name: "response", ask: func(r *apiRig) answer { r.invoked(); return r.do("POST", response, `"ok"`) }, status: 202, payload: `"ok"`},
		{name: "empty response", ask: func(r *apiRig) answer { r.invoked(); return r.do("POST", response, ``) }, status: 202},
		{name: "error", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", failed, `{"errorType":"ValueError"}`, "Lambda-Runtime-Function-Error-Type", "Function.ValueError")
		}, status: 202, payload: `{"errorType":"ValueError"}`, responseType: "Function.ValueError"},
		{name: "error of a type that is not kept", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", failed, `{}`, "Lambda-Runtime-Function-Error-Type", "ValueError")
		}, status: 202, payload: `{}`, responseType: "Runtime.Unknown"},
		{name: "response to another request", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", base+"invocation/req-2/response", `1`)
		}, status: 400, errorType: "InvalidRequestID", wantNoResponse: true},
		{name: "response before any request", ask: func(r *apiRig) answer { return r.do("POST", response, `1`) }, status: 400, errorType: "InvalidRequestID", wantNoResponse: true},
		{name: "response before next", ask: func(r *apiRig) answer {
			in := &invocation{Invocation: Invocation{RequestID: "req-1"}}
			r.g.update(func() { r.g.invocations[in.RequestID] = in })
			return r.do("POST", response, `1`)
		}, status: 403, errorType: "InvalidStateTransition", wantNoResponse: true},
		{name: "second response", ask: func(r *apiRig) answer {
			r.invoked()
			r.do("POST", response, `"first"`)
			return r.do("POST", response, `"second"`)
		}, status: 403, errorType: "InvalidStateTransition", payload: `"first"`},
		{name: "error after a response", ask: func(r *apiRig) answer {
			r.invoked()
			r.do("POST", response, `"first"`)
			return r.do("POST", failed, `"second"`)
		}, status: 403, errorType: "InvalidStateTransition", payload: `"first"`},
		{name: "response of 6 MiB and 100 bytes", ask: func(r *apiRig) answer { r.invoked(); return r.do("POST", response, big[1:]) }, status: 202, payload: big[1:]},
		{name: "response that is larger", ask: func(r *apiRig) answer { r.invoked(); return r.do("POST", response, big) },
			status: 413, errorType: "RequestEntityTooLarge", responseType: "Function.ResponseSizeTooLarge",
			payload: tooBig},
		{name: "streamed response that is larger than its caller takes", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", response, big, modeHeader, "streaming")
		}, status: 413, errorType: "RequestEntityTooLarge", responseType: "Function.ResponseSizeTooLarge", payload: tooBig},
		{name: "streamed response", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", response, big[1:], modeHeader, "streaming")
		}, status: 202, payload: big[1:]},
		{name: "response mode that does not exist", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", response, `1`, "Lambda-Runtime-Function-Response-Mode", "dripping")
		}, status: 400, errorType: "InvalidFunctionResponseMode", responseType: "Runtime.InvalidResponseModeHeader",
			payload: `{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: req-1 Error: Invalid response mode \"dripping\""}`},
		{name: "next after a bad response mode", ask: func(r *apiRig) answer {
			r.invoked()
			r.do("POST", response, `1`, modeHeader, "dripping")
			return r.do("GET", base+"invocation/next", "")
		}, status: 403, errorType: "InvalidStateTransition", responseType: "Runtime.InvalidResponseModeHeader",
			payload: `{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: req-1 Error: Invalid response mode \"dripping\""}`},
		{name: "response to an old request", ask: func(r *apiRig) answer {
			in := r.invoked()
			r.do("POST", response, `"first"`)
			r.g.update(func() { r.g.release(in) })
			return r.do("POST", response, `"second"`)
		}, status: 400, errorType: "InvalidRequestID", wantNoResponse: true},
		{name: "error to an unknown request", ask: func(r *apiRig) answer { r.invoked(); return r.do("POST", base+"invocation/x/error", `{}`) },
			status: 400, errorType: "InvalidRequestID", wantNoResponse: true},
		{name: "response after an error", ask: func(r *apiRig) answer {
			r.invoked()
			r.do("POST", failed, `"first"`)
			return r.do("POST", response, `"second"`)
		}, status: 403, errorType: "InvalidStateTransition", payload: `"first"`, responseType: "Runtime.Unknown"},
		{name: "error with a body of any form", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", failed, "not JSON", errorTypeHeader, "Function.Odd1")
		}, status: 202, payload: "not JSON", responseType: "Function.Odd1"},
		{name: "error of a Function type that is not kept", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", failed, "", errorTypeHeader, "Function.odd")
		}, status: 202, responseType: "Function.Unknown"},
		{name: "error with its cause in the body", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", failed, `{"errorMessage":"m","errorType":"T","stackTrace":["a"],"errorCause":{"message":"c"},"other":1}`,
				"Content-Type", causeContentType, errorTypeHeader, "Function.Told")
		}, status: 202, payload: `{"errorMessage":"m","errorType":"T","stackTrace":["a"]}`, responseType: "Function.Told"},
		{name: "error with a body that should have its cause", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", failed, `m`, "Content-Type", causeContentType)
		}, status: 202, payload: `"Invalid error body"`, responseType: "Runtime.Unknown"},
		{name: "next after init error", ask: func(r *apiRig) answer {
			r.do("POST", initError, `{}`)
			return r.do("GET", base+"invocation/next", "")
		}, status: 403, errorType: "InvalidStateTransition", wantNoResponse: true},
		{name: "init error after a response", ask: func(r *apiRig) answer {
			r.invoked()
			r.do("POST", response, `"first"`)
			return r.do("POST", initError, `{}`)
		}, status: 403, errorType: "InvalidStateTransition", payload: `"first"`},
		{name: "next again before a response", ask: func(r *apiRig) answer { r.invoked(); return r.do("GET", base+"invocation/next", "") }, status: 200, wantNoResponse: true},
		{name: "init error", ask: func(r *apiRig) answer { return r.do("POST", initError, `{}`) }, status: 202, wantNoResponse: true},
		{name: "init error twice", ask: func(r *apiRig) answer { r.do("POST", initError, `{}`); return r.do("POST", initError, `{}`) },
			status: 403, errorType: "InvalidStateTransition", wantNoResponse: true},
		{name: "init error after next", ask: func(r *apiRig) answer { r.invoked(); return r.do("POST", initError, `{}`) },
			status: 403, errorType: "InvalidStateTransition", wantNoResponse: true},
		{name: "ping", ask: func(r *apiRig) answer { return r.do("GET", "/2018-06-01/ping", "") }, status: 200, wantNoResponse: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newAPIRig(t)
			got := c.ask(r)
			if got.status != c.status || got.errorType != c.errorType {
				t.Errorf("got %d %q (%s), want %d %q", got.status, got.errorType, got.message, c.status, c.errorType)
			}
			checkResponse(t, r.g, c.payload, c.responseType, c.wantNoResponse)
		})
	}
}

func checkResponse(t *testing.T, g *generation, payload, errorType string, none bool) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var res *response
	for _, in := range g.invocations {
		res = in.response
	}
	switch {
	case none && res != nil:
		t.Errorf("a response came: %+v", res)
	case none:
	case res == nil:
		t.Error("no response came")
	case string(res.payload) != payload || res.errorType != errorType || (res.functionError == "Unhandled") != (errorType != ""):
		t.Errorf("response is %.200s (%s, %s)", res.payload, res.functionError, res.errorType)
	}
}

// Source: RIE core/states.go; the names are those of the message, also where they are odd.
func TestRuntimeStateMessages(t *testing.T) {
	const base = "/2018-06-01/runtime/"
	for _, c := range []struct {
		name     string
		ask      func(*apiRig) answer
		from, to string
	}{
		{"second response", func(r *apiRig) answer {
			r.invoked()
			r.do("POST", base+"invocation/req-1/response", `1`)
			return r.do("POST", base+"invocation/req-1/response", `1`)
		}, "RuntimeResponseSentState", "InvocationResponse"},
		{"error after a response", func(r *apiRig) answer {
			r.invoked()
			r.do("POST", base+"invocation/req-1/response", `1`)
			return r.do("POST", base+"invocation/req-1/error", `1`)
		}, "RuntimeResponseSentState", "InvocationErrorResponse"},
		{"init error after next", func(r *apiRig) answer { r.invoked(); return r.do("POST", base+"init/error", `1`) }, "Running", "InitError"},
		{"next after init error", func(r *apiRig) answer {
			r.do("POST", base+"init/error", `1`)
			return r.do("GET", base+"invocation/next", ``)
		}, "InitError", "Ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := "State transition from " + c.from + " to " + c.to + " failed for runtime. Error: State transition is not allowed"
			if got := c.ask(newAPIRig(t)); got.message != want {
				t.Errorf("got %q, want %q", got.message, want)
			}
		})
	}
}

// Source: RTAPI "next"; a client that hangs up in next and asks again gets the event, and gets it once more
// if it asks before it has answered.
func TestNextAgain(t *testing.T) {
	r := newAPIRig(t)
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.a.addr()+"/2018-06-01/runtime/invocation/next", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(req)
		done <- err
	}()
	eventually(t, "runtime ready", func() bool {
		r.g.mu.Lock()
		defer r.g.mu.Unlock()
		return r.g.runtime.name == runtimeReady
	})
	hangUp()
	if <-done == nil {
		t.Fatal("next was answered")
	}
	r.invoked()
	if got := r.do("GET", "/2018-06-01/runtime/invocation/next", ""); string(got.body) != `{"a":1}` {
		t.Errorf("next again: %d %s", got.status, got.body)
	}
}

// Source: RIE rapi/model/error_cause.go, error_cause_compactor.go.
func TestErrorCause(t *testing.T) {
	frames := strings.Repeat(`{"message":"m","type":"T","stack":[{"path":"p","line":1,"label":"l"}]},`, 2000)
	for _, c := range []struct {
		name, given string
		check       func(cause []byte) bool
	}{
		{"small", `{"exceptions":[{"message":"m"}],"working_directory":"/var/task","paths":["a"],"more":1}`, func(cause []byte) bool {
			return string(cause) == `{"exceptions":[{"message":"m"}],"working_directory":"/var/task","paths":["a"]}`
		}},
		{"only a message", `{"message":"m"}`, func(cause []byte) bool { return strings.Contains(string(cause), `"message":"m"`) }},
		{"none", `{}`, func(cause []byte) bool { return cause == nil }},
		{"no JSON", `{`, func(cause []byte) bool { return cause == nil }},
		{"too many exceptions", `{"exceptions":[` + frames[:len(frames)-1] + `],"message":"kept"}`, func(cause []byte) bool {
			n := strings.Count(string(cause), `"stack"`)
			return len(cause) <= maxErrorCause && n > 0 && n < 2000 && strings.Contains(string(cause), "kept")
		}},
		{"too long a message", `{"exceptions":[{"message":"m"}],"message":"` + strings.Repeat("x", 2*maxErrorCause) + `"}`, func(cause []byte) bool {
			return len(cause) <= maxErrorCause && strings.HasSuffix(string(cause), `..."}`) && len(cause) > maxErrorCause/3
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newAPIRig(t)
			in := r.invoked()
			if got := r.do("POST", "/2018-06-01/runtime/invocation/req-1/error", `{"errorType":"T"}`, errorCauseHeader, c.given); got.status != 202 {
				t.Fatalf("refused: %d %s", got.status, got.body)
			}
			if cause := in.response.cause; !c.check(cause) || string(in.response.payload) != `{"errorType":"T"}` {
				t.Errorf("cause is %.200s (%d bytes)", cause, len(cause))
			}
		})
	}
}

// A response whose connection breaks is a truncated one (RIE ErrTruncatedResponse).
func TestTruncatedResponse(t *testing.T) {
	r := newAPIRig(t)
	in := r.invoked()
	conn, err := net.Dial("tcp", r.a.addr())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST /2018-06-01/runtime/invocation/req-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	conn.Close()
	eventually(t, "a response", func() bool {
		r.g.mu.Lock()
		defer r.g.mu.Unlock()
		return in.response != nil
	})
	if in.response.errorType != "Runtime.TruncatedResponse" {
		t.Errorf("response is %+v", in.response)
	}
}

// Source: RTAPI; RIE rendering.go renderInvokeHeaders: headers only when not empty.
func TestNextHeaders(t *testing.T) {
	full := Invocation{
		RequestID: "req-1", Payload: []byte("{}"), TraceHeader: "Root=1-2-3;Parent=4;Sampled=0", ClientContext: `{"client":1}`,
		CognitoIdentity: `{"cognitoIdentityId":"x"}`, TenantID: "blue",
	}
	for _, c := range []struct {
		name string
		in   Invocation
		want map[string]string
	}{
		{"everything", full, map[string]string{
			"Lambda-Runtime-Aws-Request-Id": "req-1", "Lambda-Runtime-Trace-Id": full.TraceHeader,
			"Lambda-Runtime-Client-Context": full.ClientContext, "Lambda-Runtime-Cognito-Identity": full.CognitoIdentity,
			"Lambda-Runtime-Aws-Tenant-Id": "blue", "Lambda-Runtime-Invoked-Function-Arn": "arn:x",
			"Lambda-Runtime-Deadline-Ms": "1700000000123", "Content-Type": "application/json",
		}},
		{"only what must be", Invocation{RequestID: "req-1", Payload: []byte("{}")}, map[string]string{
			"Lambda-Runtime-Aws-Request-Id": "req-1", "Lambda-Runtime-Trace-Id": "", "Lambda-Runtime-Client-Context": "",
			"Lambda-Runtime-Aws-Tenant-Id": "", "Lambda-Runtime-Deadline-Ms": "1700000000123",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newAPIRig(t)
			in := &invocation{Invocation: c.in, arn: "arn:x", deadline: time.UnixMilli(1_700_000_000_123)}
			r.g.update(func() { r.g.dispatch(in, time.Now()) })
			got := r.do("GET", "/2018-06-01/runtime/invocation/next", "")
			for name, want := range c.want {
				if got.header.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
				}
			}
			if !bytes.Equal(got.body, c.in.Payload) {
				t.Errorf("body is %s", got.body)
			}
			if slices.Contains(got.header.Values("Lambda-Runtime-Trace-Id"), "") {
				t.Error("an empty header was sent")
			}
		})
	}
}
