package main

import (
	"os"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// reset gives the next life of an environment: another process, the same /tmp.
func (l *lambda) reset() *lambda {
	next := newLambda(l.t)
	next.env = append(next.env, l.env[2:]...) // but for the address of Lambda
	next.dir = l.dir
	return next
}

// TestWhatWasNotAcceptedSurvivesAReset: the next process sends it, once, whatever ended this one.
func TestWhatWasNotAcceptedSurvivesAReset(t *testing.T) {
	for name, end := range map[string]func(*lambda){
		"killed":  func(l *lambda) { l.cmd.Process.Kill(); <-l.ended },
		"timeout": func(l *lambda) { l.end("timeout") },
		"FAILURE": func(l *lambda) { l.end("FAILURE") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := collector(t)
			r.Otherwise(otlptest.Answer{Status: 503})
			l := newLambda(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+r.URL()+"/v1/traces")
			l.start().ready()
			l.hook("A", true)
			l.invoke("A", patience)
			l.awaitNext()
			if left, _ := os.ReadDir(l.dir); len(left) > 1 { // the init file of the process that goes on
				t.Errorf("left in the spool: %v", left)
			}
			end(l)
			if kept, err := os.ReadDir(l.dir + "-outbox"); err != nil || len(kept) == 0 {
				t.Fatalf("kept %v, %v", kept, err)
			}
			r.Otherwise(otlptest.Answer{})
			next := l.reset()
			next.start().ready()
			next.hook("B", true)
			next.invoke("B", patience)
			next.awaitNext()
			next.shutdown()
			spans(t, r, 4)
			ids := map[string]bool{}
			for _, s := range r.Spans() {
				ids[s.SpanID] = true
			}
			if len(ids) != 4 {
				t.Errorf("%d ids", len(ids))
			}
			if kept, _ := os.ReadDir(l.dir + "-outbox"); len(kept) != 0 {
				t.Errorf("kept %v", kept)
			}
		})
	}
}

// TestUndelivered: what nobody has accepted when the environment ends goes to the log, or its number does.
func TestUndelivered(t *testing.T) {
	for how, want := range map[string]int{"log": 2, "drop": 0} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := collector(t)
			r.Otherwise(otlptest.Answer{Status: 503})
			l := newLambda(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+r.URL()+"/v1/traces", "AFTERGLOW_UNDELIVERED="+how)
			l.start().ready()
			l.hook("A", true)
			l.invoke("A", patience)
			l.awaitNext()
			l.shutdown()
			var d otlplog.Decoder
			again := collector(t)
			for line := range strings.Lines(l.output.String()) {
				b, err := d.Decode(line)
				if err != nil {
					t.Error(err)
				}
				if b != nil && b.Signal == otlplog.Traces {
					post(t, again, b.Payload)
				}
			}
			spans(t, again, want)
			if said := strings.Contains(l.output.String(), `"traces":2`); said != (want == 0) {
				t.Errorf("said %s", l.output.String())
			}
		})
	}
}
