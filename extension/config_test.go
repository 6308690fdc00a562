package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/settings"
)

// TestAnExporterThatCannotBeMade: the hooks write all the same, so somebody must keep the spool empty. And what is wrong must not be quoted.
func TestAnExporterThatCannotBeMade(t *testing.T) {
	const secret = "hunter2"
	for name, env := range map[string]map[string]string{
		"a URL that is none":   {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:" + secret + "@[::1"},
		"a value that is none": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=" + secret + "%0a"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w, err := setUp(t.Context(), func(key string) string { return env[key] }, beginning{stdout: &log}, zerolog.New(&log))
			p, ok := w.(*lifecycle.Pipeline)
			if err != nil || !ok || p.Delivery != nil {
				t.Errorf("got %T %v", w, err)
			}
			if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "nothing is exported") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// TestWrongSettingsOfMaskingAndLimits: each is a warning that names it and what to write, shows no secret, and changes nothing.
func TestWrongSettingsOfMaskingAndLimits(t *testing.T) {
	const secret = "hunter2hunter2hunter2"
	for name, remedy := range map[string]string{
		"AFTERGLOW_MASK_PRESET":            "strict",
		"AFTERGLOW_MASK_UNKNOWN":           "drop",
		"AFTERGLOW_MASK_ALL":               "request_body",
		"AFTERGLOW_MASK_DETECTORS_OFF":     "cards",
		"AFTERGLOW_LIMIT_FIELD_BYTES":      "2048",
		"AFTERGLOW_LIMIT_CALL_BYTES":       "65536",
		"AFTERGLOW_LIMIT_INVOCATION_BYTES": "524288",
		"AFTERGLOW_LIMIT_BATCH_BYTES":      "1048576",
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w, err := setUp(t.Context(), func(key string) string {
				if key == name {
					return secret
				}
				return ""
			}, beginning{stdout: &log}, zerolog.New(&log))
			if err != nil || w == nil {
				t.Fatalf("got %T %v", w, err)
			}
			if got := log.String(); strings.Contains(got, secret) || !strings.Contains(got, name) || !strings.Contains(got, remedy) {
				t.Errorf("log: %s", got)
			}
			v := settings.Read(func(string) string { return "" })
			if l := limits(v); l.FieldBytes != 2048 || l.CallBytes != 1<<16 || l.InvocationBytes != 1<<19 {
				t.Errorf("limits: %+v", l)
			}
		})
	}
}

// TestSettingsOfMaskingReachTheMasker: each one changes what is shown of the same call.
func TestSettingsOfMaskingReachTheMasker(t *testing.T) {
	inv := event.Invocation{Calls: []event.Call{{
		URL: event.TextOf("https://h/?q=word"), RequestHeaders: []event.Header{{Name: "X-A", Value: event.TextOf("word")}},
		Request:  event.Body{Data: event.BytesOf([]byte(`{"a":{"b":"word"},"token":"word","n":"4111111111111111"}`))},
		Response: event.Body{Data: event.BytesOf([]byte("word"))},
	}}}
	shown := func(env map[string]string) string {
		getenv := func(key string) string { return env[key] }
		v := settings.Read(getenv)
		got := fmt.Sprintf("%+v", masker(v, getenv).Apply(inv).Calls)
		if len(v.Warnings()) > 0 {
			t.Errorf("%v: %v", env, v.Warnings())
		}
		return got
	}
	plain := shown(nil)
	for name, value := range map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://H/credentials",
		"AFTERGLOW_MASK_PRESET":              "strict", "AFTERGLOW_MASK_KEYS": "b", "AFTERGLOW_MASK_ALLOW_KEYS": "token", "AFTERGLOW_MASK_PATHS": "x,A.B", "AFTERGLOW_MASK_ALL": "query",
		"AFTERGLOW_MASK_DETECTORS_OFF": "cards", "AFTERGLOW_MASK_DOMAINS": "h", "AFTERGLOW_MASK_HEADERS_ONLY_DOMAINS": "h", "AFTERGLOW_MASK_UNKNOWN": "drop",
	} {
		if got := shown(map[string]string{name: value}); got == plain {
			t.Errorf("%s=%s changes nothing: %s", name, value, got)
		}
	}
}

// TestPortOfTheParametersExtension is the one that its own setting moves it to.
func TestPortOfTheParametersExtension(t *testing.T) {
	inv := event.Invocation{Calls: []event.Call{{URL: event.TextOf("http://localhost:2999/x"), Response: event.Body{Data: event.BytesOf([]byte("word"))}}}}
	for port, want := range map[string]string{"": "", "2999": mask.HiddenDomain} {
		getenv := func(key string) string { return map[string]string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port}[key] }
		if c := masker(settings.Read(getenv), getenv).Apply(inv).Calls[0]; c.Response.Hidden.String() != want {
			t.Errorf("port %q: %+v", port, c.Response)
		}
	}
}

// TestHostsAsPeopleWriteThem are hidden: what settings reads of one is what mask compares with.
func TestHostsAsPeopleWriteThem(t *testing.T) {
	body := event.Body{Data: event.BytesOf([]byte("word"))}
	inv := event.Invocation{Calls: []event.Call{{URL: event.TextOf("https://pay.example.com/x"), Response: body}}}
	for _, value := range []string{"*", "*.example.com", ".example.com", "*example.com", "PAY.Example.com.", "pay.example.com:443", "https://pay.example.com/x", "//pay.example.com", "http://user@pay.example.com", "pay.*.com", " a , pay.example.com"} {
		getenv := func(key string) string { return map[string]string{"AFTERGLOW_MASK_DOMAINS": value}[key] }
		v := settings.Read(getenv)
		if c := masker(v, getenv).Apply(inv).Calls[0]; c.Response.Hidden.String() != mask.HiddenDomain || len(v.Warnings()) > 0 {
			t.Errorf("%s: %+v, %v", value, c.Response, v.Warnings())
		}
	}
}

// TestDebugOutputShowsNoSecret: elsewhere, it printed the environment with the collector's token in it.
func TestDebugOutputShowsNoSecret(t *testing.T) {
	const secret = "hunter2"
	env := map[string]string{"AFTERGLOW_LOG_LEVEL": "debug", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": secret}
	for _, s := range settings.Table() {
		if _, set := env[s.Name]; !set && s.Name != "AFTERGLOW_DISABLED" && s.Type != settings.Path {
			env[s.Name] = "api-key=" + secret
		}
	}
	var out bytes.Buffer
	getenv := func(key string) string { return env[key] }
	log := newLog(getenv, &out)
	if log.GetLevel() != zerolog.DebugLevel {
		t.Fatalf("level %v", log.GetLevel())
	}
	if _, err := setUp(t.Context(), getenv, beginning{stdout: io.Discard}, log); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "AFTERGLOW_LIMIT_FIELD_BYTES") || strings.Contains(got, secret) {
		t.Errorf("log: %s", got)
	}
}
