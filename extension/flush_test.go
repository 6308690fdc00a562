package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/spool"
)

// functionSpans counts the spans of invocations by their request ids.
func functionSpans(r *otlptest.Receiver) map[string]int {
	n := map[string]int{}
	for _, s := range r.Spans() {
		if id, ok := s.Attributes["faas.invocation_id"].(string); ok {
			n[id]++
		}
	}
	return n
}

// TestFrequentInvocationsAreExportedTogether: the spool is left alone while they come, and everything arrives once in the end.
func TestFrequentInvocationsAreExportedTogether(t *testing.T) {
	const invocations = 60
	tests := []struct {
		name, setting string
		most          int // trace requests
		least         int
	}{
		{"adaptive", "", 20, 2},
		{"at the end of each", "AFTERGLOW_FLUSH=end", invocations + 1, invocations},
		{"every interval", "AFTERGLOW_FLUSH=interval", 10, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := collector(t)
			l := newLambda(t, test.setting)
			l.collect(r.URL())
			l.start().ready()
			for n := range invocations {
				id := fmt.Sprintf("R%d", n)
				l.hook(id, true)
				l.invoke(id, patience)
				l.awaitNext()
			}
			l.shutdown()
			arrived := functionSpans(r)
			for n := range invocations {
				if id := fmt.Sprintf("R%d", n); arrived[id] != 1 {
					t.Errorf("%s arrived %d times", id, arrived[id])
				}
			}
			requests := 0
			for _, q := range r.Requests() {
				if q.Path == "/v1/traces" {
					requests++
				}
			}
			if requests > test.most || requests < test.least {
				t.Errorf("%d requests for %d invocations", requests, invocations)
			}
		})
	}
}

// TestWhyTheEnvironmentEnds is part of what is told of the invocation that had no end, in either casing: the documentation prints the reasons in upper case,
// Lambda's own code sends them in lower case.
func TestWhyTheEnvironmentEnds(t *testing.T) {
	for reason, want := range map[string]any{"timeout": "timeout", "TIMEOUT": "timeout", "FAILURE": "killed", "spindown": nil} {
		t.Run(reason, func(t *testing.T) {
			r := collector(t)
			l := newLambda(t, "AFTERGLOW_FLUSH=interval") // the end of the only invocation is not waited for
			l.collect(r.URL())
			l.start().ready()
			l.begin("A")
			l.invoke("A", patience)
			l.awaitNext()
			l.end(reason)
			for _, s := range spans(t, r, 1) {
				if s.Attributes["faas.invocation_id"] == "A" && s.Attributes["afterglow.outcome"] != want {
					t.Errorf("outcome %v, want %v", s.Attributes["afterglow.outcome"], want)
				}
			}
			if n := functionSpans(r)["A"]; n != 1 {
				t.Errorf("it arrived %d times: %s", n, strings.TrimSpace(l.output.String()))
			}
		})
	}
}

// begin makes the file of an invocation that has only begun.
func (l *lambda) begin(id string) {
	l.t.Helper()
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	l.files++
	l.file(spool.Name{Invocation: id, PID: 17, Number: l.files, State: spool.StateOpen}, false,
		spool.Header{Kind: spool.KindInvocationStart, Invocation: id, Time: time.Now().UnixMicro()})
}
