package lambdalocal

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	registerPath  = "/2020-01-01/extension/register"
	nextPath      = "/2020-01-01/extension/event/next"
	initErrorPath = "/2020-01-01/extension/init/error"
	exitErrorPath = "/2020-01-01/extension/exit/error"

	someID = "7fc3d2b4-0000-4000-8000-00000000000a"
)

// reportError calls init/error or exit/error.
func (r *apiRig) reportError(path, id, errorType string) answer {
	r.t.Helper()
	headers := []string{extensionIDHeader, id}
	if errorType != "" {
		headers = append(headers, "Lambda-Extension-Function-Error-Type", errorType)
	}
	return r.do("POST", path, "", headers...)
}

// in brings the rig's external extension, ext, to a state and gives its identifier.
func (r *apiRig) in(state string) (id string) {
	r.t.Helper()
	id = r.mustRegister("ext", `{"events":["INVOKE","SHUTDOWN"]}`)
	switch state {
	case extensionRegistered:
	case extensionReady:
		r.next(id)
	case extensionRunning:
		waiting := r.next(id)
		r.g.update(func() { r.g.extensions[0].queue = append(r.g.extensions[0].queue, shutdownEvent("x", 1)) })
		<-waiting
	case extensionInitError:
		r.reportError(initErrorPath, id, "Extension.Bad")
	case extensionExitError:
		r.reportError(exitErrorPath, id, "Extension.Bad")
	}
	if r.g.find(func(x *extension) bool { return x.id == id && x.state == state }) == nil {
		r.t.Fatalf("the extension is not %s", state)
	}
	return id
}

// Sources: EXT; RIE rapi/handler/agentregister.go, agentnext.go, agentiniterror.go, agentexiterror.go,
// rapi/middleware, core/agentutil.go; reference 1.1 to 1.4.
func TestExtensionsAPIRefusals(t *testing.T) {
	for _, c := range []struct {
		name      string
		ask       func(*apiRig) answer
		errorType string
		message   string
	}{
		{"register without a name", func(r *apiRig) answer { return r.do("POST", registerPath, "{}") },
			"Extension.InvalidExtensionName", "Empty extension name"},
		{"register with an empty body", func(r *apiRig) answer { return r.register("ext", "") },
			"InvalidRequestFormat", "unexpected end of JSON input"},
		{"register with half a body", func(r *apiRig) answer { return r.register("ext", `{"events":`) },
			"InvalidRequestFormat", "unexpected end of JSON input"},
		{"register with something else", func(r *apiRig) answer { return r.register("ext", `events`) },
			"InvalidRequestFormat", "invalid character 'e' looking for beginning of value"},
		{"register with configuration keys", func(r *apiRig) answer { return r.register("ext", `{"configurationKeys":["x"]}`) },
			"InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead"},
		{"register for an unknown event", func(r *apiRig) answer { return r.register("ext", `{"events":["INIT"]}`) },
			"Extension.InvalidEventType", "INIT: ErrorInvalidEventType"},
		{"register for an event in lower case", func(r *apiRig) answer { return r.register("ext", `{"events":["INVOKE","shutdown"]}`) },
			"Extension.InvalidEventType", "shutdown: ErrorInvalidEventType"},
		{"internal extension asks for SHUTDOWN", func(r *apiRig) answer { return r.register("other", `{"events":["SHUTDOWN"]}`) },
			"Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"},
		{"internal extension asks for an unknown event", func(r *apiRig) answer { return r.register("other", `{"events":["INIT"]}`) },
			"Extension.InvalidEventType", "INIT: ErrorInvalidEventType"},
		{"external extension registers twice", func(r *apiRig) answer { r.in(extensionRegistered); return r.register("ext", `{}`) },
			"Extension.InvalidExtensionState", "State transition from Registered to Registered failed for extension ext. Error: State transition is not allowed"},
		{"external extension registers again after next", func(r *apiRig) answer { r.in(extensionReady); return r.register("ext", `{}`) },
			"Extension.InvalidExtensionState", "State transition from Ready to Registered failed for extension ext. Error: State transition is not allowed"},
		{"internal extension registers twice", func(r *apiRig) answer {
			r.mustRegister("other", `{}`)
			return r.register("other", `{}`)
		}, "Extension.InvalidExtensionState", "Extension with this name already registered"},
		{"internal extension after init", func(r *apiRig) answer {
			r.g.update(func() { r.g.closed = true })
			return r.register("other", `{}`)
		}, "Extension.RegistrationClosed", "Extension registration closed already"},
		{"an eleventh extension", func(r *apiRig) answer {
			for _, name := range strings.Fields("a b c d e f g h i") { // ext is the tenth
				r.mustRegister(name, `{}`)
			}
			return r.register("j", `{}`)
		}, "Extension.TooManyExtensions", "Extension limit (10) reached"},
		{"a name that is there already, as an eleventh", func(r *apiRig) answer {
			for _, name := range strings.Fields("a b c d e f g h i") {
				r.mustRegister(name, `{}`)
			}
			return r.register("a", `{}`)
		}, "Extension.TooManyExtensions", "Extension limit (10) reached"},

		{"next without an identifier", func(r *apiRig) answer { return r.do("GET", nextPath, "") },
			"Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"next with a bad identifier", func(r *apiRig) answer { return r.do("GET", nextPath, "", extensionIDHeader, "x") },
			"Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		{"next with an unknown identifier", func(r *apiRig) answer { return r.do("GET", nextPath, "", extensionIDHeader, someID) },
			"Extension.UnknownExtensionIdentifier", "Unknown extension " + someID},
		{"next with an unknown identifier in another form", func(r *apiRig) answer {
			return r.do("GET", nextPath, "", extensionIDHeader, "{"+strings.ToUpper(someID)+"}")
		}, "Extension.UnknownExtensionIdentifier", "Unknown extension " + someID},
		{"second next while one is outstanding", func(r *apiRig) answer { return r.do("GET", nextPath, "", extensionIDHeader, r.in(extensionReady)) },
			"Extension.InvalidExtensionState", "State transition from Ready to Ready failed for extension ID. Error: State transition is not allowed"},
		{"second next when the first one's connection is gone", func(r *apiRig) answer {
			id := r.mustRegister("ext", `{"events":["INVOKE"]}`)
			r.abandonNext(id)
			return r.do("GET", nextPath, "", extensionIDHeader, id)
		}, "Extension.InvalidExtensionState", "State transition from Ready to Ready failed for extension ID. Error: State transition is not allowed"},
		{"next after init/error", func(r *apiRig) answer { return r.do("GET", nextPath, "", extensionIDHeader, r.in(extensionInitError)) },
			"Extension.InvalidExtensionState", "State transition from InitError to Ready failed for extension ID. Error: State transition is not allowed"},
		{"next after exit/error", func(r *apiRig) answer { return r.do("GET", nextPath, "", extensionIDHeader, r.in(extensionExitError)) },
			"Extension.InvalidExtensionState", "State transition from ExitError to Ready failed for extension ID. Error: State transition is not allowed"},

		{"init/error without an identifier", func(r *apiRig) answer { return r.do("POST", initErrorPath, "{}") },
			"Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"init/error without a type", func(r *apiRig) answer { return r.reportError(initErrorPath, r.in(extensionRegistered), "") },
			"Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
		{"init/error of nobody without a type", func(r *apiRig) answer { return r.reportError(initErrorPath, someID, "") },
			"Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
		{"init/error of nobody", func(r *apiRig) answer { return r.reportError(initErrorPath, someID, "Extension.Bad") },
			"Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier"},
		{"init/error after next", func(r *apiRig) answer { return r.reportError(initErrorPath, r.in(extensionReady), "Extension.Bad") },
			"Extension.InvalidExtensionState", "State transition from Ready to InitError failed for extension ID. Error: State transition is not allowed"},
		{"init/error at work", func(r *apiRig) answer { return r.reportError(initErrorPath, r.in(extensionRunning), "Extension.Bad") },
			"Extension.InvalidExtensionState", "State transition from Running to InitError failed for extension ID. Error: State transition is not allowed"},
		{"init/error after exit/error", func(r *apiRig) answer { return r.reportError(initErrorPath, r.in(extensionExitError), "Extension.Bad") },
			"Extension.InvalidExtensionState", "State transition from ExitError to InitError failed for extension ID. Error: State transition is not allowed"},
		{"exit/error without a type", func(r *apiRig) answer { return r.reportError(exitErrorPath, r.in(extensionRegistered), "") },
			"Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
		{"exit/error of nobody", func(r *apiRig) answer { return r.reportError(exitErrorPath, someID, "Extension.Bad") },
			"Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier"},
		{"exit/error after init/error", func(r *apiRig) answer { return r.reportError(exitErrorPath, r.in(extensionInitError), "Extension.Bad") },
			"Extension.InvalidExtensionState", "State transition from InitError to Exited failed for extension ID. Error: State transition is not allowed"},
		{"telemetry subscription of nobody", func(r *apiRig) answer { return r.do("PUT", "/2022-07-01/telemetry", "{}") },
			"Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"telemetry subscription of an unknown extension", func(r *apiRig) answer { return r.do("PUT", "/2022-07-01/telemetry", "{}", extensionIDHeader, someID) },
			"Extension.UnknownExtensionIdentifier", "Unknown extension " + someID},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newAPIRig(t, "ext")
			got := c.ask(r)
			message := strings.ReplaceAll(c.message, "extension ID.", "extension "+r.g.extensions[0].id+".")
			if got.status != 403 || got.errorType != c.errorType || got.message != message {
				t.Errorf("got %d %s %q, want 403 %s %q", got.status, got.errorType, got.message, c.errorType, message)
			}
			if kind := got.header.Get("Content-Type"); kind != "application/json" {
				t.Errorf("content type is %q", kind)
			}
		})
	}
}

// Sources: RIE core/externalagent_states.go: what may be told in which state, and that only the first one
// counts; RIE rendering.go RenderAccepted.
func TestExtensionErrorReports(t *testing.T) {
	for _, c := range []struct{ name, path, state, repeat, fatal string }{
		{"init/error", initErrorPath, extensionRegistered, extensionInitError, "Extension.InitError"},
		{"exit/error after register", exitErrorPath, extensionRegistered, extensionExitError, "Extension.ExitError"},
		{"exit/error in next", exitErrorPath, extensionReady, extensionExitError, "Extension.ExitError"},
		{"exit/error at work", exitErrorPath, extensionRunning, extensionExitError, "Extension.ExitError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newAPIRig(t, "ext")
			id := r.in(c.state)
			for _, errorType := range []string{"Extension.First", "of any form"} {
				if got := r.reportError(c.path, id, errorType); got.status != 202 || string(got.body) != `{"status":"OK"}`+"\n" {
					t.Errorf("%s: %d %s", errorType, got.status, got.body)
				}
			}
			x := r.g.extensions[0]
			if x.state != c.repeat || x.errorType != "Extension.First" {
				t.Errorf("extension is %s, %s", x.state, x.errorType)
			}
			// What the extension told is the reason of whatever happens now (StoreFirstFatalError).
			r.g.fail(failure{errorType: "Runtime.ExitError"})
			if got := r.g.failure.errorType; got != c.fatal {
				t.Errorf("the failure is %s, want %s", got, c.fatal)
			}
		})
	}
}

// Source: TELREF "202: request accepted … in local testing environment".
func TestNoTelemetry(t *testing.T) {
	r := newAPIRig(t, "ext")
	r.g.noTelemetry = true
	for path, errorType := range map[string]string{"/2022-07-01/telemetry": "Telemetry.NotSupported", "/2020-08-15/logs": "Logs.NotSupported"} {
		if got := r.do("PUT", path, "{}"); got.status != 202 || got.errorType != errorType {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// Sources: RIE rapi/router.go: unknown paths and other methods, as its router answers them.
func TestPathsAndMethods(t *testing.T) {
	const notFound = "404 page not found\n"
	for _, c := range []struct {
		method, path string
		status       int
		body, allow  string
	}{
		{"GET", registerPath, 405, "", "POST"},
		{"PUT", registerPath, 405, "", "POST"},
		{"POST", nextPath, 405, "", "GET"},
		{"HEAD", nextPath, 405, "", "GET"},
		{"GET", initErrorPath, 405, "", "POST"},
		{"DELETE", exitErrorPath, 405, "", "POST"},
		{"GET", "/2020-01-01/extension/nothing", 404, notFound, ""},
		{"GET", "/2020-01-01/", 404, notFound, ""},
		{"GET", "/", 404, notFound, ""},
		{"POST", "/2018-06-01/runtime/invocation/next", 405, "", "GET"},
		{"GET", "/2018-06-01/runtime/invocation/req-1/response", 405, "", "POST"},
		{"PUT", "/2018-06-01/runtime/invocation/req-1/error", 405, "", "POST"},
		{"GET", "/2018-06-01/runtime/init/error", 405, "", "POST"},
		{"POST", "/2022-07-01/telemetry", 405, "", "PUT"},
		{"GET", "/2018-06-01/runtime/invocation/req-1/other", 404, notFound, ""},
		{"GET", "/2018-06-01/runtime", 404, notFound, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			got := newAPIRig(t, "ext").do(c.method, c.path, "")
			if got.status != c.status || string(got.body) != c.body || got.header.Get("Allow") != c.allow {
				t.Errorf("got %d %q, Allow %q", got.status, got.body, got.header.Get("Allow"))
			}
		})
	}
}

// Source: RIE rapi/middleware AllowIfExtensionsEnabled, extensions/extensions.go.
func TestExtensionsTurnedOff(t *testing.T) {
	layers := func(f *Function, _ *Options) {
		more := t.TempDir()
		writeFile(t, filepath.Join(more, "disable-extensions-jwigqn8j"), "", 0o644)
		f.Layers = append(f.Layers, more)
	}
	e, log := lambda{bootstrap: "register=INVOKE@other loop", extensions: map[string]string{"ext": ""}, change: layers}.start(t)
	if r, _ := invoke(t, e, `{}`); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	log.wait(t, "call /2020-01-01/extension/register 404")
	if log.has("EXTENSION") {
		t.Error("an extension was started")
	}
}

// Source: the UUID forms that RIE's parser (package uuid) takes.
func TestParseUUID(t *testing.T) {
	for _, c := range []struct {
		name, given string
		ok          bool
	}{
		{"plain", someID, true},
		{"upper case", strings.ToUpper(someID), true},
		{"urn", "urn:uuid:" + someID, true},
		{"braces", "{" + someID + "}", true},
		{"without hyphens", strings.ReplaceAll(someID, "-", ""), true},
		{"one brace", "{" + someID, false},
		{"some hyphens", strings.Replace(someID, "-", "", 1), false},
		{"urn and braces", "urn:uuid:{" + someID + "}", false},
		{"too short", someID[1:], false},
		{"no hexadecimal digit", "g" + someID[1:], false},
		{"empty", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := parseUUID(c.given); ok != c.ok || ok && got != someID {
				t.Errorf("got %q %v", got, ok)
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
		{"with an empty feature", "accountId,", "123456789012"},
		{"in another case", "accountid", ""},
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
			if _, ok := parseUUID(got.header.Get(extensionIDHeader)); !ok || got.header.Get("Content-Type") != "application/json" {
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
	_, isID := parseUUID(got.header.Get("Lambda-Extension-Event-Identifier"))
	if string(got.body) != want || !isID || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("INVOKE is %s with headers %v", got.body, got.header)
	}
	// A shutdown that comes while the extension works is not lost: its next next gets it.
	r.g.update(func() { r.g.extensions[0].queue = append(r.g.extensions[0].queue, shutdownEvent("timeout", 5)) })
	got = r.do("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
	if want := `{"eventType":"SHUTDOWN","deadlineMs":5,"shutdownReason":"timeout"}`; string(got.body) != want {
		t.Errorf("SHUTDOWN is %s", got.body)
	}
	if got.header.Get("Lambda-Extension-Event-Identifier") != "" || got.header.Get("Content-Type") == "application/json" {
		t.Errorf("SHUTDOWN has headers %v", got.header)
	}
}
