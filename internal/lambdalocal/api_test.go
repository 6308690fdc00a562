package lambdalocal

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// apiRig is the API server with a generation whose processes are this test.
type apiRig struct {
	t *testing.T
	a *apiServer
	g *generation
}

func newAPIRig(t *testing.T, external ...string) *apiRig {
	a, err := newAPIServer(Function{Name: "orders", Handler: "app.handler", Account: "123456789012"}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	g := newGeneration()
	for _, name := range external {
		g.extensions = append(g.extensions, &extension{id: newUUID(), name: name, external: true, state: extensionStarted})
	}
	a.current.Store(g)
	return &apiRig{t, a, g}
}

type answer struct {
	status    int
	errorType string
	message   string
	header    http.Header
	body      []byte
}

func (r *apiRig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	a, err := r.try(method, path, body, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *apiRig) try(method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+r.a.addr()+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	var refusal apiError
	_ = json.Unmarshal(b, &refusal) // a body of another form has no error type
	return answer{res.StatusCode, refusal.ErrorType, refusal.ErrorMessage, res.Header, b}, nil
}

func (r *apiRig) register(name, body string) answer {
	return r.do("POST", "/2020-01-01/extension/register", body, "Lambda-Extension-Name", name)
}

func (r *apiRig) mustRegister(name, body string) (id string) {
	r.t.Helper()
	a := r.register(name, body)
	if a.status != http.StatusOK {
		r.t.Fatalf("register %s: %d %s", name, a.status, a.body)
	}
	return a.header.Get("Lambda-Extension-Identifier")
}

// next calls next in the background and returns once it is outstanding.
func (r *apiRig) next(id string) <-chan answer {
	r.t.Helper()
	out := make(chan answer, 1)
	go func() {
		// It is cut off at the end of a test that sends no event.
		a, _ := r.try("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
		out <- a
	}()
	eventually(r.t, "extension ready", func() bool {
		return r.g.find(func(x *extension) bool { return x.id == id && x.state == extensionReady }) != nil
	})
	return out
}

// Sources: EXT; RIE rapi/handler/agentregister.go, agentnext.go, agentiniterror.go; reference 1.1 to 1.4.
func TestExtensionsAPIRefusals(t *testing.T) {
	const register, next = "/2020-01-01/extension/register", "/2020-01-01/extension/event/next"
	const initError, exitError = "/2020-01-01/extension/init/error", "/2020-01-01/extension/exit/error"
	const some = "7fc3d2b4-0000-4000-8000-000000000000"
	for _, c := range []struct {
		name      string
		ask       func(*apiRig) answer
		status    int
		errorType string
	}{
		{"register without a name", func(r *apiRig) answer { return r.do("POST", register, "{}") }, 403, "Extension.InvalidExtensionName"},
		{"register with an empty body", func(r *apiRig) answer { return r.register("ext", "") }, 403, "InvalidRequestFormat"},
		{"register with half a body", func(r *apiRig) answer { return r.register("ext", `{"events":`) }, 403, "InvalidRequestFormat"},
		{"register with configuration keys", func(r *apiRig) answer { return r.register("ext", `{"configurationKeys":["x"]}`) }, 403, "InvalidRequestFormat"},
		{"register for an unknown event", func(r *apiRig) answer { return r.register("ext", `{"events":["INIT"]}`) }, 403, "Extension.InvalidEventType"},
		{"internal extension asks for SHUTDOWN", func(r *apiRig) answer { return r.register("other", `{"events":["SHUTDOWN"]}`) }, 403, "Extension.InvalidEventType"},
		{"external extension registers twice", func(r *apiRig) answer {
			r.mustRegister("ext", `{}`)
			return r.register("ext", `{}`)
		}, 403, "Extension.InvalidExtensionState"},
		{"internal extension registers twice", func(r *apiRig) answer {
			r.mustRegister("other", `{}`)
			return r.register("other", `{}`)
		}, 403, "Extension.InvalidExtensionState"},
		{"internal extension after init", func(r *apiRig) answer {
			r.g.update(func() { r.g.closed = true })
			return r.register("other", `{}`)
		}, 403, "Extension.RegistrationClosed"},
		{"an eleventh extension", func(r *apiRig) answer {
			for _, name := range strings.Fields("a b c d e f g h i") { // ext is the tenth
				r.mustRegister(name, `{}`)
			}
			return r.register("j", `{}`)
		}, 403, "Extension.TooManyExtensions"},
		{"next without an identifier", func(r *apiRig) answer { return r.do("GET", next, "") }, 403, "Extension.MissingExtensionIdentifier"},
		{"next with a bad identifier", func(r *apiRig) answer { return r.do("GET", next, "", "Lambda-Extension-Identifier", "x") }, 403, "Extension.InvalidExtensionIdentifier"},
		{"next with an unknown identifier", func(r *apiRig) answer { return r.do("GET", next, "", "Lambda-Extension-Identifier", some) }, 403, "Extension.UnknownExtensionIdentifier"},
		{"second next while one is outstanding", func(r *apiRig) answer {
			id := r.mustRegister("ext", `{"events":["INVOKE"]}`)
			r.next(id)
			return r.do("GET", next, "", "Lambda-Extension-Identifier", id)
		}, 403, "Extension.InvalidExtensionState"},
		{"next after init/error", func(r *apiRig) answer {
			id := r.mustRegister("ext", `{}`)
			r.do("POST", initError, "{}", "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.Bad")
			return r.do("GET", next, "", "Lambda-Extension-Identifier", id)
		}, 403, "Extension.InvalidExtensionState"},
		{"init/error without a type", func(r *apiRig) answer {
			return r.do("POST", initError, "{}", "Lambda-Extension-Identifier", r.mustRegister("ext", `{}`))
		}, 403, "Extension.MissingHeader"},
		{"exit/error without a type", func(r *apiRig) answer {
			return r.do("POST", exitError, "{}", "Lambda-Extension-Identifier", r.mustRegister("ext", `{}`))
		}, 403, "Extension.MissingHeader"},
		{"init/error after next", func(r *apiRig) answer {
			id := r.mustRegister("ext", `{}`)
			r.next(id)
			return r.do("POST", initError, "{}", "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.Bad")
		}, 403, "Extension.InvalidExtensionState"},
		{"init/error", func(r *apiRig) answer {
			return r.do("POST", initError, "{}", "Lambda-Extension-Identifier", r.mustRegister("ext", `{}`), "Lambda-Extension-Function-Error-Type", "Extension.Bad")
		}, 202, ""},
		{"init/error again", func(r *apiRig) answer {
			id := r.mustRegister("ext", `{}`)
			r.do("POST", initError, "{}", "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.Bad")
			return r.do("POST", initError, "{}", "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.Worse")
		}, 202, ""},
		{"exit/error while next is outstanding", func(r *apiRig) answer {
			id := r.mustRegister("ext", `{}`)
			r.next(id)
			return r.do("POST", exitError, "{}", "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.Bad")
		}, 202, ""},
		{"telemetry subscription", func(r *apiRig) answer { return r.do("PUT", "/2022-07-01/telemetry", "{}") }, 202, "Telemetry.NotSupported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.ask(newAPIRig(t, "ext"))
			if got.status != c.status || got.errorType != c.errorType {
				t.Errorf("got %d %q (%s), want %d %q", got.status, got.errorType, got.message, c.status, c.errorType)
			}
		})
	}
}

// Source: EXT "register"; reference 1.1.
func TestRegisterAnswer(t *testing.T) {
	for _, c := range []struct{ name, features, account string }{
		{"plain", "", ""},
		{"with accountId", "accountId", "123456789012"},
		{"with features that do not exist", "other, accountId ,more", "123456789012"},
		{"only features that do not exist", "other", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newAPIRig(t, "ext")
			got := r.do("POST", "/2020-01-01/extension/register", `{"events":["INVOKE"]}`,
				"Lambda-Extension-Name", "ext", "Lambda-Extension-Accept-Feature", c.features)
			var body map[string]string
			if err := json.Unmarshal(got.body, &body); err != nil {
				t.Fatal(err)
			}
			if body["functionName"] != "orders" || body["functionVersion"] != "$LATEST" || body["handler"] != "app.handler" || body["accountId"] != c.account {
				t.Errorf("body is %s", got.body)
			}
			if !uuidForm.MatchString(got.header.Get("Lambda-Extension-Identifier")) {
				t.Errorf("headers are %v", got.header)
			}
		})
	}
}

// Source: EXT "next", RIE rendering.go; reference 1.2.
func TestExtensionEvents(t *testing.T) {
	r := newAPIRig(t, "ext")
	id := r.mustRegister("ext", `{"events":["INVOKE","SHUTDOWN"]}`)
	waiting := r.next(id)
	in := &invocation{
		Invocation: Invocation{RequestID: "req-1", TraceHeader: "Root=1-2-3"}, arn: "arn:aws:lambda:::function:orders",
		deadline: time.UnixMilli(1_700_000_000_123),
	}
	r.g.update(func() { r.g.extensions[0].queue = append(r.g.extensions[0].queue, invokeEvent(in)) })
	got := <-waiting
	want := `{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"req-1","invokedFunctionArn":"arn:aws:lambda:::function:orders","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-2-3"}}`
	if string(got.body) != want || !uuidForm.MatchString(got.header.Get("Lambda-Extension-Event-Identifier")) {
		t.Errorf("INVOKE is %s with headers %v", got.body, got.header)
	}
	// A shutdown that comes while the extension works is not lost: its next next gets it.
	r.g.update(func() { r.g.extensions[0].queue = append(r.g.extensions[0].queue, shutdownEvent("timeout", 5)) })
	got = r.do("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
	if want := `{"eventType":"SHUTDOWN","deadlineMs":5,"shutdownReason":"timeout"}`; string(got.body) != want {
		t.Errorf("SHUTDOWN is %s", got.body)
	}
	if got.header.Get("Lambda-Extension-Event-Identifier") != "" {
		t.Error("SHUTDOWN has an event identifier")
	}
}

// invoked brings the runtime of the rig to Running.
func (r *apiRig) invoked() *invocation {
	r.t.Helper()
	in := &invocation{Invocation: Invocation{RequestID: "req-1", Payload: []byte(`{"a":1}`)}, deadline: time.Now()}
	r.g.update(func() { r.g.current, r.g.runtime.pending = in, in })
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
			r.g.update(func() { r.g.current = in })
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
			payload: `{"errorMessage":"RequestId: req-1 Error: Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`},
		{name: "streamed response that is larger", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", response, big, "Lambda-Runtime-Function-Response-Mode", "streaming")
		}, status: 202, payload: big},
		{name: "response mode that does not exist", ask: func(r *apiRig) answer {
			r.invoked()
			return r.do("POST", response, `1`, "Lambda-Runtime-Function-Response-Mode", "dripping")
		}, status: 400, errorType: "InvalidFunctionResponseMode", responseType: "Runtime.InvalidResponseModeHeader",
			payload: `{"errorMessage":"RequestId: req-1 Error: Invalid response mode \"dripping\"","errorType":"Runtime.InvalidResponseModeHeader"}`},
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
	if g.current != nil {
		res = g.current.response
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

// A stream that breaks tells so in its trailers (reference 4, "Streaming").
func TestStreamTrailers(t *testing.T) {
	r := newAPIRig(t)
	in := r.invoked()
	body := io.MultiReader(strings.NewReader("half"), strings.NewReader(" of it"))
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.a.addr()+"/2018-06-01/runtime/invocation/req-1/response", struct{ io.Reader }{body})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {"Runtime.StreamError"}, "Lambda-Runtime-Function-Error-Body": {"e30="}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := in.response; res.StatusCode != 202 || string(got.payload) != "half of it" || got.functionError != "Unhandled" || got.errorType != "Runtime.StreamError" {
		t.Errorf("status %d, response %+v", res.StatusCode, got)
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
			r.g.update(func() { r.g.current, r.g.runtime.pending = in, in })
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
