package span_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/correlate"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

// lines makes lines of the log, a millisecond apart.
func lines(texts ...string) (ls []event.Line) {
	for n, text := range texts {
		ls = append(ls, event.Line{Time: began.Add(time.Duration(n) * time.Millisecond), Body: event.TextOf(text)})
	}
	return ls
}

func buildLogs(inv event.Invocation, o mask.Options, l limit.Limits) otlp.ResourceLogs {
	correlate.Apply(&inv, correlate.Environment{Instance: "test"})
	return span.BuildLogs(limit.Apply(mask.New(o).Apply(inv), l), resource, false)
}

func TestBuildLogs(t *testing.T) {
	tests := []struct {
		name    string
		options mask.Options
		make    func() event.Invocation
	}{
		{"logs", mask.Options{}, func() event.Invocation {
			inv := base()
			inv.Lines = lines(
				"plain text\n",
				"[ERROR]\t2026-01-02T03:04:05.678Z\t6d68ca91-49c9-448d-89b8-7ca3e6dc66aa\tpayment refused",
				"2026-01-02T03:04:05.678Z\t6d68ca91-49c9-448d-89b8-7ca3e6dc66aa\tWARN\tslow",
				`{"level":"DEBUG","message":"asked","password":"hunter2"}`,
				`{"timestamp":"2026-01-02T03:04:05.678Z","severity":"critical"}`,
				"password=hunter2 Authorization: Bearer hunter2hunter2hunter2",
				"Traceback (most recent call last):\n  File \"app.py\", line 7\nhunter2Error: card 4111 1111 1111 1111",
				"{\"level\": 7}", "{\"level\":30,\"msg\":\"x\"}", "{\"level\":\"err",
				"[not a level] x", "",
			)
			inv.Lines[6].Level = "FATAL"
			inv.Lines = append(inv.Lines, event.Line{Time: began.Add(time.Second), Body: event.TextOf("signed with AKIAIOSFODN"), Truncated: true})
			inv.Lines = append(inv.Lines, event.Line{Time: began.Add(time.Second), Body: event.TextOf(`{"user":"a","token":"hunter2-and-no-e`), Truncated: true})
			return inv
		}},
		{"logs-long", mask.Options{}, func() event.Invocation {
			inv := base()
			for n := range 30 {
				inv.Lines = append(inv.Lines, event.Line{Time: began, Body: event.TextOf(fmt.Sprintf("%d %s", n, strings.Repeat("x", 60*(n%3+1))))})
			}
			inv.Late = true
			return inv
		}},
		{"logs-strict", mask.Options{Preset: "strict"}, func() event.Invocation {
			inv := base()
			inv.Lines = lines(`{"level":"INFO","name":"hunter2"}`, "hunter2 was here")
			inv.Lines[1].Level = "INFO"
			return inv
		}},
		{"logs-hidden", mask.Options{All: []string{"logs"}}, func() event.Invocation {
			inv := base()
			inv.Lines = lines(`{"level":"INFO","name":"hunter2"}`, "hunter2 was here")
			return inv
		}},
		{"logs-of-no-invocation", mask.Options{}, func() event.Invocation {
			return event.Invocation{ID: "none", Late: true, Lines: lines("who prints this?")}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			built := buildLogs(test.make(), test.options, limit.Limits{LineBytes: 100, InvocationBytes: 4096})
			got := showLogs(built)
			for _, secret := range []string{"hunter2 ", "hunter2\"", "hunter2h", "4111", "hunter2-", "AKIAI"} {
				if strings.Contains(got, secret) {
					t.Errorf("%q survives", secret)
				}
			}
			golden(t, filepath.Join("testdata", test.name+".golden"), got)
		})
	}
}

// TestALineHasTheSpanOfItsInvocation: also one that came after its span was exported.
func TestALineHasTheSpanOfItsInvocation(t *testing.T) {
	inv := base()
	inv.Lines = lines("x")
	correlated := inv
	correlate.Apply(&correlated, correlate.Environment{})
	function := new(span.Builder).Build(mask.New(mask.Options{}).Apply(correlated), resource).Spans[0]
	late := event.Invocation{ID: inv.ID, ARN: inv.ARN, Trace: inv.Trace, Deadline: inv.Deadline, Process: inv.Process, Late: true, Lines: inv.Lines}
	for _, give := range []event.Invocation{inv, late} {
		record := buildLogs(give, mask.Options{}, limit.Limits{}).Records[0]
		if record.Trace != function.Trace || record.Span != function.ID {
			t.Errorf("late %v: %x %x, want %x %x", give.Late, record.Trace, record.Span, function.Trace, function.ID)
		}
	}
}

func showLogs(r otlp.ResourceLogs) string {
	var b strings.Builder
	fmt.Fprintf(&b, "resource\n")
	showAttributes(&b, r.Resource)
	fmt.Fprintf(&b, "scope %s %s, schema %s\n", r.Scope.Name, r.Scope.Version, r.SchemaURL)
	for _, l := range r.Records {
		fmt.Fprintf(&b, "\n%d %q %q\n  at %v, trace %x span %x flags %d\n", l.Severity, l.SeverityText, l.Body.Any(), l.Time.Sub(began), l.Trace, l.Span, l.Flags)
		showAttributes(&b, l.Attributes)
	}
	return b.String()
}
