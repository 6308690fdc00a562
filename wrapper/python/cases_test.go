package python_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A caseOf is one case of tests/functions/cases: what the function does, and what the hook has to have recorded.
type caseOf struct {
	name   string
	fields map[string]any
	want   string // kinds of the invocation's records
	check  func(t *testing.T, records []spool.Record)
}

func plain(name string) caseOf {
	return caseOf{name: name, want: "invocation.start invocation.end"}
}

func fails(name, errorType string) caseOf {
	return caseOf{name: name, want: "invocation.start invocation.end " + errorType}
}

func last(records []spool.Record) spool.Record { return records[len(records)-1] }

func status(want int) func(*testing.T, []spool.Record) {
	return func(t *testing.T, records []spool.Record) {
		if got := last(records).Status; got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
}

func cases() []caseOf {
	all := []caseOf{
		{name: "proxy", want: "invocation.start invocation.end", check: func(t *testing.T, records []spool.Record) {
			status(201)(t, records)
			first := records[0]
			part, body, ok := first.Part(spool.PartEvent)
			if !ok || part.Truncated || part.Size == nil || *part.Size != int64(len(body)) || !strings.Contains(string(body), `"case":"proxy"`) {
				t.Errorf("event is %+v %s", part, body)
			}
			if first.Handler != "app.handler" || first.Trace != trace || !strings.HasSuffix(first.ARN, ":function:case") || first.Deadline == 0 {
				t.Errorf("start is %+v", first.Header)
			}
			if part, body, _ := last(records).Part(spool.PartResponse); string(body) != `{"statusCode": 201, "headers": {"X": "1"}, "body": "made"}` || part.Truncated {
				t.Errorf("response is %+v %s", part, body)
			}
		}},
		{name: "status_last", want: "invocation.start invocation.end", check: status(404)},
		{name: "status_first", want: "invocation.start invocation.end", check: status(404)},
		plain("nothing"), plain("text"), plain("binary"), plain("numbers"), plain("megabytes"), plain("mutation"),
		fails("value_error", "ValueError"), fails("odd_error", "Odd"), fails("frozen_error", "Frozen"), fails("chained_error", "RuntimeError"),
		fails("asynchronous_error", "LookupError"), fails("recursion", "RecursionError"),
		fails("unserializable", "Runtime.MarshalError"), fails("too_large", "RuntimeError"),
		{name: "request_error", want: "invocation.start call.start GET http://127.0.0.1:1/nobody?q=1 call.end ConnectionRefusedError invocation.end URLError",
			check: func(t *testing.T, records []spool.Record) {
				stack := last(records).Error.Stack
				if !strings.Contains(stack, "in request_error") || strings.Contains(stack, "afterglow") {
					t.Errorf("stack is %s", stack)
				}
			}},
		{name: "logged_request_error", want: "invocation.start call.start GET http://127.0.0.1:1/ call.end ConnectionRefusedError invocation.end"},
		plain("stack"),
		{name: "surroundings", want: "invocation.start call.start GET / call.end 200 invocation.end"},
		{name: "requests_made", want: "invocation.start call.start GET /one call.end 200 call.start POST /two call.end 200 invocation.end"},
		{name: "thread_pool", want: "invocation.start call.start GET /pool call.end 200 call.start GET /pool call.end 200 invocation.end"},
		{name: "tasks"},
		plain("leaves_thread"),
		{name: "takes_up_thread", want: "invocation.start call.start GET /own call.end 200 invocation.end"},
		{name: "child_process", want: "invocation.start invocation.end"},
		{name: "forked", want: "invocation.start call.start GET /parent call.end 200 invocation.end call.start GET /forked call.end 200"},
		{name: "patched", want: "invocation.start call.start GET /patched call.end 200 invocation.end"},
		{name: "closes_descriptors"},
		{name: "removes_spool", want: "call.start GET /after call.end 200 invocation.end loss"},
		{name: "alarm", fields: map[string]any{"times": 60}},
		{name: "exits", fields: map[string]any{"code": 0}, want: "invocation.start invocation.end SystemExit"},
		{name: "exits", fields: map[string]any{"code": 3}, want: "invocation.start invocation.end SystemExit"},
		{name: "exits_at_once", want: "invocation.start"},
		fails("keyboard_interrupt", "KeyboardInterrupt"), fails("final", "Final"), fails("unprintable", "RuntimeError"),
		{name: "killed", want: "invocation.start"},
		plain("nothing"),
	}
	return all
}

// TestCases runs every case with the hook and without: the same answer, the same log, the same requests.
func TestCases(t *testing.T) {
	for _, version := range unlike {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			rt := find(t, version)
			p := newPeer(t)
			f := function{code: "cases"}
			without, with := start(t, rt, p, f, false), start(t, rt, p, f, true)
			for i, c := range cases() {
				t.Run(c.name, func(t *testing.T) {
					id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
					fields := map[string]any{"case": c.name}
					for name, value := range c.fields {
						fields[name] = value
					}
					data := event(t, p, fields)
					compare(t, without.invoke(t, id, data), with.invoke(t, id, data))
					records := of(with.records(t), id)
					if got := kinds(records, p); c.want != "" && got != c.want {
						t.Errorf("recorded\n%s\nwant\n%s", got, c.want)
					}
					if c.check != nil && !t.Failed() {
						c.check(t, records)
					}
					for _, line := range with.told {
						t.Errorf("the hook said: %s", line)
					}
					with.told = nil
				})
			}
			checkLeftBehind(t, with.records(t), p)
		})
	}
}

// checkLeftBehind looks at what belongs to another invocation than the one that ran, or to none.
func checkLeftBehind(t *testing.T, records []spool.Record, p *peer) {
	t.Helper()
	started := map[string]string{}
	for _, r := range records {
		if r.Kind == spool.KindInvocationStart {
			_, body, _ := r.Part(spool.PartEvent)
			var fields struct{ Case string }
			if err := json.Unmarshal(body, &fields); err != nil {
				t.Error(err)
			}
			started[r.Invocation] = fields.Case
		}
		if r.Kind == spool.KindCallStart {
			switch path := strings.TrimPrefix(r.URL, p.URL); {
			case path == "/left-behind" && started[r.Invocation] != "leaves_thread":
				t.Errorf("the thread that was left behind is counted to %q", r.Invocation)
			case path == "/child" && r.Invocation != spool.InvocationNone:
				t.Errorf("the child process is counted to %q", r.Invocation)
			}
		}
	}
}

func compare(t *testing.T, without, with outcome) {
	t.Helper()
	if !reflect.DeepEqual(without, with) {
		t.Errorf("without the hook (-) and with it (+):\n%s", difference(shown(without), shown(with)))
	}
}

// shown makes lines of an outcome.
func shown(o outcome) []string {
	const most = 3000
	if len(o.Payload) > most {
		o.Payload = fmt.Sprintf("%s… %d bytes, sum %x", o.Payload[:most], len(o.Payload), sha256.Sum256([]byte(o.Payload)))
	}
	return slices.Concat([]string{"error " + o.Error, "payload " + o.Payload}, o.Log, o.Requests)
}

// difference gives the lines that only one of two has.
func difference(a, b []string) string {
	var lines []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			lines = append(lines, "+ "+line)
		}
	}
	if len(lines) == 0 {
		lines = []string{fmt.Sprintf("the same lines, but %d and %d of them", len(a), len(b))}
	}
	return strings.Join(lines, "\n")
}

// TestInit has functions that fail before their first invocation, or do something before it.
func TestInit(t *testing.T) {
	cases := map[string]struct {
		handler string
		want    string // what is recorded of the init
	}{
		"import_error": {want: "init.error Runtime.ImportModuleError"},
		"syntax_error": {want: "init.error Runtime.UserCodeSyntaxError"},
		"init_raises":  {want: "init.error ValueError"},
		"init_exits":   {want: "init.error SystemExit"},
		"cases":        {handler: "app.missing", want: "init.error Runtime.HandlerNotFound"},
		"init_calls":   {want: "call.start GET /at-init call.end 200"},
	}
	for _, version := range []string{"3.9", "3.14"} { // stories of wrapper/conformance fail on the others
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			rt := find(t, version)
			for code, c := range cases {
				t.Run(code, func(t *testing.T) {
					p := newPeer(t)
					f := function{code: code, handler: c.handler}
					const id = "00000000-0000-4000-8000-000000000001"
					without := start(t, rt, p, f, false).invoke(t, id, []byte("{}"))
					with := start(t, rt, p, f, true)
					compare(t, without, with.invoke(t, id, []byte("{}")))
					// A failed init is tried again for the invocation.
					got := kinds(of(with.records(t), spool.InvocationInit), p)
					if got != c.want && got != c.want+" "+c.want {
						t.Errorf("recorded %s, want %s", got, c.want)
					}
					if len(with.told) > 0 {
						t.Errorf("the hook said: %q", with.told)
					}
				})
			}
		})
	}
}

// TestEarlyImport has a layer whose .pth file loads http.client before the runtime client is.
func TestEarlyImport(t *testing.T) {
	rt := find(t, "3.13")
	p := newPeer(t)
	f := function{code: "init_calls", layer: func(t *testing.T, dir string) {
		if err := os.Mkdir(filepath.Join(dir, "python"), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "python", "early.pth"), "import http.client\n", 0o644)
	}}
	const id = "00000000-0000-4000-8000-000000000001"
	e := start(t, rt, p, f, true)
	if got := e.invoke(t, id, []byte("{}")); got.Payload != `"answer to /at-init"` {
		t.Errorf("answer is %s", got.Payload)
	}
	records := e.records(t)
	if got := kinds(of(records, spool.InvocationInit), p); got != "call.start GET /at-init call.end 200" {
		t.Errorf("recorded %s", got)
	}
	if got := kinds(of(records, id), p); got != "invocation.start invocation.end" {
		t.Errorf("recorded %s", got)
	}
}
