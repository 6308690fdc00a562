package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestSubscribing: whatever Lambda answers, the extension registers, asks for the first event, and works.
func TestSubscribing(t *testing.T) {
	answer := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	const none, open, closed = "nothing is subscribed to", "the port is open", "the port is closed"
	tests := []struct {
		name   string
		env    []string
		answer func(http.ResponseWriter)
		port   string
		schema string // and the types
		said   string // in the log; "" means nothing at all
	}{
		{"accepted", nil, nil, open, "2022-12-13 [platform]", ""},
		{"on managed instances", []string{"AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances"}, nil, open, "2025-01-29 [platform]", ""},
		{"with logs", []string{"AFTERGLOW_SIGNALS=traces,logs"}, nil, open, "2022-12-13 [platform function]", ""},
		{"there is none", nil, answer(202, `{"errorType":"Telemetry.NotSupported","errorMessage":"Telemetry API is not supported"}`), closed, "2022-12-13 [platform]", ""},
		{"not understood", nil, answer(400, `{"errorType":"ValidationError","errorMessage":"types should not be empty"}`), open, "2022-12-13 [platform]", "400 ValidationError: types should not be empty"},
		{"broken", nil, answer(500, ``), open, "2022-12-13 [platform]", "lambda answered 500"},
		{"a connection that breaks", nil, func(w http.ResponseWriter) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}, open, "2022-12-13 [platform]", "subscribe to telemetry"},
		{"switched off", []string{"AFTERGLOW_TELEMETRY=false"}, nil, none, "", ""},
		{"all of it is switched off", []string{"AFTERGLOW_DISABLED=true"}, nil, none, "", ""},
		{"nothing goes out", []string{"AFTERGLOW_EXPORTERS=none"}, nil, none, "", ""},
		{"lines to who takes none", []string{"AFTERGLOW_EXPORTERS=xray", "AFTERGLOW_SIGNALS=traces,logs"}, nil, open, "2022-12-13 [platform]", "nobody takes a signal"},
		{"lines to one who does, and to one who does not", []string{"AFTERGLOW_EXPORTERS=xray,log", "AFTERGLOW_SIGNALS=logs"}, nil, open, "2022-12-13 [platform function]", ""},
		{"a setting that is nonsense", []string{"AFTERGLOW_TELEMETRY=perhaps"}, nil, open, "2022-12-13 [platform]", "AFTERGLOW_TELEMETRY"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLambda(t, test.env...)
			l.collect(collector(t).URL())
			if l.subscribe = test.answer; l.subscribe == nil {
				l.subscribe = tells
			}
			l.start().ready()
			got := none
			if len(l.subscribed) > 0 {
				schema, address := subscription(t, l)
				if schema != test.schema {
					t.Errorf("schema %s", schema)
				}
				got = closed
				if conn, err := net.Dial("tcp", address); err == nil {
					conn.Close()
					got = open
				}
			}
			if got != test.port {
				t.Errorf("%s, not: %s", got, test.port)
			}
			l.shutdown()
			said := l.output.String()
			if test.said == "" && said != "" || !strings.Contains(said, test.said) || strings.Count(said, "\n") > 1 {
				t.Errorf("said: %s", said)
			}
		})
	}
}

// subscription gives the schema that was asked for and the address to post to.
func subscription(t *testing.T, l *lambda) (schema, address string) {
	t.Helper()
	var s struct {
		SchemaVersion string
		Types         []string
		Destination   struct{ URI string }
	}
	if err := json.Unmarshal([]byte(wait(t, l.subscribed, "a subscription")), &s); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.Destination.URI)
	if err != nil || u.Hostname() != "sandbox.localdomain" {
		t.Fatalf("destination %q %v", s.Destination.URI, err)
	}
	return fmt.Sprint(s.SchemaVersion, " ", s.Types), net.JoinHostPort("127.0.0.1", u.Port())
}

// TestEndThatOnlyLambdaTellsOf: of an invocation without a hook, for which the extension waits as long as it may.
func TestEndThatOnlyLambdaTellsOf(t *testing.T) {
	l := newLambda(t)
	l.subscribe = tells
	l.collect(collector(t).URL())
	l.start().ready()
	_, address := subscription(t, l)
	tell := func(kind, record string) {
		t.Helper()
		event := fmt.Sprintf(`[{"time":%q,"type":%q,"record":%s}]`, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, record)
		response, err := http.Post("http://"+address+"/", "application/json", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	tell("platform.initStart", `{"initializationType":"on-demand","phase":"init"}`)
	for _, id := range []string{"A", "B"} {
		l.invoke(id, time.Hour) // nobody's patience
		tell("platform.start", `{"requestId":"`+id+`"}`)
		tell("platform.runtimeDone", `{"requestId":"`+id+`","status":"success"}`)
		l.awaitNext()
	}
	l.shutdown()
}
