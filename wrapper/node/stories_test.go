package node_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// told makes one event for each name of a story.
func told(names ...string) []string {
	var events []string
	for _, name := range names {
		events = append(events, fmt.Sprintf(`{"story":%q,"list":[]}`, name))
	}
	return events
}

// TestFaithful runs functions with and without the hook. Whatever can be seen from outside has to be the same to the byte:
// what was posted to the Runtime API, what was printed, how the process ended.
func TestFaithful(t *testing.T) {
	big := `{"story":"mutates","list":[{"text":"` + strings.Repeat("x", 1<<20) + `"}]}`
	tests := []struct {
		name  string
		story story
		only  string // the runtimes that can tell this story
	}{
		{name: "results", story: story{handler: "styles.handler", events: told("value", "nothing", "text", "number", "proxy", "large", "toJSON",
			"thenable", "later", "microtasks", "environment", "mutates", "context", "value")}},
		{name: "surroundings", story: story{handler: "styles.handler", events: told("surroundings", "surroundings")}},
		{name: "errors", story: story{handler: "styles.handler", events: told("throws", "rejects", "deep", "string", "undefined", "object",
			"frozen", "stackless", "getters", "aggregate", "cause", "del", "unknown")}},
		{name: "null is thrown", story: story{handler: "styles.handler", events: told("null", "value")}},
		{name: "an error that throws", story: story{handler: "styles.handler", events: told("trap", "value")}},
		{name: "circular", story: story{handler: "styles.handler", events: told("circular")}},
		{name: "bigint", story: story{handler: "styles.handler", events: told("bigint")}},
		{name: "a large event", story: story{handler: "styles.handler", events: []string{big, big}}},
		{name: "an event that is no JSON", story: story{handler: "styles.handler", events: []string{`{"list":[` + strings.Repeat("1,\n", 30000) + `}`}}},
		{name: "events that are no objects", story: story{handler: "common.handler", events: []string{`null`, `"text"`, `17`, `[]`, ` {"a" : 1} `}}},
		{name: "uncaught", story: story{handler: "styles.handler", events: told("value", "uncaught")}},
		{name: "unhandled", story: story{handler: "styles.handler", events: told("unhandled")}},
		{name: "exits", story: story{handler: "styles.handler", events: told("exits")}},
		{name: "exits later", story: story{handler: "styles.handler", events: told("exitCode")}},
		{name: "is killed", story: story{handler: "styles.handler", events: told("kills")}},
		{name: "survives", story: story{handler: "styles.handler", events: told("survives", "value")}},
		{name: "callback is refused", story: story{handler: "styles.callback", events: told("success")}, only: "nodejs22.x nodejs24.x"},
		{name: "callbacks", story: story{handler: "styles.callback", events: told("success", "failure", "text", "late", "waits", "hurries", "succeed",
			"fail", "done", "never", "twice", "throws", "promise")}, only: "nodejs20.x"},

		{name: "nested", story: story{handler: "styles.nested.inner.handler", events: told("x")}},
		{name: "absolute", story: story{handler: filepath.Join(taskRoot(t), "deep/app.handler"), events: told("x")}},
		{name: "relative", story: story{handler: "deep/app.handler", events: told("x")}},
		{name: "ES module", story: story{handler: "module.handler", events: told("value", "throws")}},
		{name: "default export", story: story{handler: "module.inner.handler", events: told("x")}},
		{name: "type module", story: story{handler: "typemodule/app.handler", events: told("x")}},
		{name: "CommonJS by name", story: story{handler: "common.handler", events: told("x")}},
		{name: "bundle", story: story{handler: "bundle.handler", events: told("x")}},
		{name: "no such export", story: story{handler: "styles.nothing", events: told("x")}},
		{name: "undefined export", story: story{handler: "styles.none", events: told("x")}},
		{name: "not a function", story: story{handler: "styles.wrong", events: told("x")}},
		{name: "no such module", story: story{handler: "nosuch.handler", events: told("x")}},
		{name: "no dot", story: story{handler: "styles", events: told("x")}},
		{name: "dots", story: story{handler: "../functions/styles.handler", events: told("x")}},
		{name: "init throws", story: story{handler: "initthrows.handler", events: told("x")}},
		{name: "init rejects", story: story{handler: "initrejects.handler", events: told("x")}},
		{name: "init exits", story: story{handler: "initexits.handler", events: told("x")}},
		{name: "syntax", story: story{handler: "syntax.handler", events: told("x")}},
		{name: "missing module", story: story{handler: "missing.handler", events: told("x")}},

		{name: "streaming", story: story{handler: "streaming.handler", events: told("text", "piped", "http", "large", "empty", "returns", "late", "text")}},
		{name: "streaming throws", story: story{handler: "streaming.handler", events: told("throws")}},
		{name: "streaming without a promise", story: story{handler: "streaming.handler", events: told("sync")}},
		{name: "streaming with a mark", story: story{handler: "streaming.wide", events: told("x", "y")}},
		{name: "alternative client", story: story{handler: "styles.handler", events: told("value", "throws", "large"), env: map[string]string{"AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1": "true"}}},
		{name: "no globals", story: story{handler: "styles.handler", events: told("value"), env: map[string]string{"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "true"}}},
		{name: "JSON log", story: story{handler: "styles.handler", events: told("throws", "value"), env: map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON"}}},
		{name: "own NODE_OPTIONS", story: story{handler: "styles.handler", events: told("environment", "throws"), env: map[string]string{"NODE_OPTIONS": "--enable-source-maps --no-warnings"}}},
	}
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				if test.only != "" && !strings.Contains(test.only, rt.Name) {
					return
				}
				compare(t, rt, test.story)
			})
		}
	})
}

// compare runs a story twice and gives what the hook recorded of the second run.
func compare(t *testing.T, rt runtimes.Runtime, s story) []spool.Record {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	without := run(t, rt, s, false, dir)
	with := run(t, rt, s, true, dir)
	if d := differences(pretty(without), pretty(with)); d != "" {
		t.Errorf("the hook changed %s:\n%s", s.handler, d)
	}
	return spooled(t, dir)
}

func pretty(r result) string {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// differences gives the lines that two texts do not share, shortened to where they begin to differ.
func differences(a, b string) string {
	if a == b {
		return ""
	}
	const shown = 400
	var out strings.Builder
	left, right := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		if l == r {
			continue
		}
		same := 0
		for same < min(len(l), len(r)) && l[same] == r[same] {
			same++
		}
		from := max(0, same-shown/2)
		fmt.Fprintf(&out, "- %s\n+ %s\n", l[from:min(len(l), from+shown)], r[from:min(len(r), from+shown)])
	}
	return out.String()
}
