package lambdalocal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

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
		{"telemetry subscription of nobody", func(r *apiRig) answer { return r.do("PUT", "/2022-07-01/telemetry", "{}") }, 403, "Extension.MissingExtensionIdentifier"},
		{"telemetry subscription where there is no telemetry", func(r *apiRig) answer {
			r.g.noTelemetry = true
			return r.do("PUT", "/2022-07-01/telemetry", "{}")
		}, 202, "Telemetry.NotSupported"},
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
