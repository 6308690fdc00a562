package python_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// suite is what a function does under sabotage: some of the cases, in one environment.
var suite = []string{"proxy", "value_error", "requests_made", "request_error", "stack", "thread_pool", "keyboard_interrupt", "forked", "nothing"}

// A sabotage is something wrong in or around the hook. The function must not notice. What every hook has to stand is in wrapper/conformance.
type sabotage struct {
	name string
	f    function
	says string // what the hook says at most once a process; "" means nothing
	want func(t *testing.T, records []spool.Record)
}

// prepared runs a line of shell before the runtime, in the process that becomes it.
func prepared(line string) function {
	return function{
		env: map[string]string{"AFTERGLOW_EXEC_WRAPPER_NEXT": "/opt/prepare"},
		layer: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "prepare"), "#!/bin/sh\n"+line+"\nexec \"$@\"\n", 0o755)
		},
	}
}

// replaced puts another text in the place of a file of the hook's, whose byte code would be taken for it otherwise.
func replaced(file, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "afterglow", filepath.FromSlash(file))
		compiled, err := filepath.Glob(filepath.Join(filepath.Dir(path), "__pycache__", strings.TrimSuffix(filepath.Base(path), ".py")+".*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range compiled {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		write(t, path, text, 0o644)
	}
}

func sabotages() []sabotage {
	all := []sabotage{
		{name: "files are limited", says: "records lost so far: ", f: prepared("ulimit -f 1")},
		{name: "nothing is captured", f: function{env: map[string]string{
			"AFTERGLOW_CAPTURE_BODY_BYTES": "0", "AFTERGLOW_CAPTURE_EVENT_BYTES": "0", "AFTERGLOW_CAPTURE_HEADER_BYTES": "0",
		}}, want: func(t *testing.T, records []spool.Record) {
			for _, r := range records {
				if len(r.Body) > 0 || len(r.Headers) > 0 {
					t.Errorf("%s has %q and %v", r.Kind, r.Body, r.Headers)
				}
			}
		}},
		{name: "another version of the client", says: "invocations are not seen", f: function{layer: replaced("python/_afterglow/handler.py", renamed)}},
	}
	// Files that are missing, unreadable, empty or garbled are stories of wrapper/conformance; a file that can be read and fails is this language's own.
	for _, file := range []string{"sitecustomize.py", "_afterglow/__init__.py", "_afterglow/start.py", "_afterglow/guard.py", "_afterglow/spool.py", "_afterglow/handler.py",
		"_afterglow/threads.py", "_afterglow/clients/call.py", "_afterglow/clients/http_client.py"} {
		all = append(all, sabotage{name: file + " raises", f: function{layer: replaced("python/"+file, "raise MemoryError()")}, says: "afterglow: "})
	}
	return all
}

// renamed is handler.py as it would be if the runtime client had other methods than it has.
var renamed = func() string {
	data, err := os.ReadFile(filepath.Join("_afterglow", "handler.py"))
	if err != nil {
		return "" // the test that uses it fails
	}
	return strings.Replace(string(data), `"wait_next_invocation": ("self",),`, `"fetch": ("self",),`, 1)
}()

// sitecustomizeError is what Python itself says of a sitecustomize.py that it cannot run. It says it on stderr, and goes on.
var sitecustomizeError = regexp.MustCompile(`(?s)^Error in sitecustomize|^(SyntaxError|ValueError|MemoryError|source code)|null bytes`)

func TestSabotage(t *testing.T) {
	rt := find(t, "3.13")
	p := newPeer(t)
	plain := tellSuite(t, start(t, rt, p, function{code: "cases"}, false))
	for _, s := range sabotages() {
		t.Run(s.name, func(t *testing.T) {
			s.f.code = "cases"
			e := start(t, rt, p, s.f, true)
			got := tellSuite(t, e)
			for i := range got {
				if strings.HasPrefix(s.name, "sitecustomize.py ") {
					got[i].Log = without(got[i].Log, sitecustomizeError)
				}
				t.Run(suite[i], func(t *testing.T) { compare(t, plain[i], got[i]) })
			}
			processes := 1 + 1 + 1 // the first, the one after the interrupt, and the forked child
			for _, line := range e.told {
				if s.says == "" || !strings.Contains(line, s.says) {
					t.Errorf("the hook said: %s", line)
				}
			}
			if limit := processes * 8; len(e.told) > limit {
				t.Errorf("the hook said %d lines", len(e.told))
			}
			if s.says != "" && s.says != "afterglow: " && len(e.told) == 0 {
				t.Errorf("the hook said nothing of %q", s.says)
			}
			if s.want != nil {
				s.want(t, e.records(t))
			}
		})
	}
}

func without(lines []string, pattern *regexp.Regexp) []string {
	var kept []string
	for _, line := range lines {
		if !pattern.MatchString(line) {
			kept = append(kept, line)
		}
	}
	return kept
}

func tellSuite(t *testing.T, e *environment) []outcome {
	t.Helper()
	var outcomes []outcome
	for i, name := range suite {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
		outcomes = append(outcomes, e.invoke(t, id, event(t, e.peer, map[string]any{"case": name})))
	}
	return outcomes
}

// TestFaults breaks every observer of handler.py and threads.py, one at a time.
func TestFaults(t *testing.T) {
	rt := find(t, "3.13")
	p := newPeer(t)
	plain := tellSuite(t, start(t, rt, p, function{code: "cases"}, false))
	observer := regexp.MustCompile(`@guard\.observer\ndef (\w+)\(.*\):\n(?:    """[^"]*"""\n)?`)
	for _, file := range []string{"handler.py", "threads.py"} {
		data, err := os.ReadFile(filepath.Join("_afterglow", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range observer.FindAllSubmatchIndex(data, -1) {
			name := string(data[place[2]:place[3]])
			t.Run(name, func(t *testing.T) {
				text := string(data[:place[1]]) + "    raise ZeroDivisionError('content')\n" + string(data[place[1]:])
				e := start(t, rt, p, function{code: "cases", layer: replaced("python/_afterglow/"+file, text)}, true)
				for i, got := range tellSuite(t, e) {
					t.Run(suite[i], func(t *testing.T) { compare(t, plain[i], got) })
				}
				// What the suite does not enter: the parsing of a large event, an answer that cannot be posted, an init that fails.
				entered := !strings.Contains("_awaits_parsing _parsed _unanswered _init_failed exited", name)
				if said := strings.Join(e.told, "\n"); entered && !strings.Contains(said, name+" failed: ZeroDivisionError") || strings.Contains(said, "content") {
					t.Errorf("the hook said: %s", said)
				}
			})
		}
	}
}

// TestLargeEvent has events around and far beyond the budget: of many messages the first ones are kept as they came, of large ones each one's beginning.
func TestLargeEvent(t *testing.T) {
	rt := find(t, "3.13")
	p := newPeer(t)
	e := start(t, rt, p, function{code: "cases"}, true)
	messageID := regexp.MustCompile(`"messageId":"\d{34}(\d\d)`)
	for i, c := range []struct {
		count, characters, kept int
		truncated, shortened    bool
	}{
		{count: 1, characters: 400, kept: 1}, {count: 45, characters: 400, kept: 45},
		{count: 99, characters: 400, kept: 48, truncated: true}, {count: 5000, characters: 400, kept: 48, truncated: true},
		{count: 10, characters: 30000, kept: 10, truncated: true, shortened: true},
	} {
		t.Run(fmt.Sprint(c.count, " of ", c.characters), func(t *testing.T) {
			var messages []map[string]any
			for n := range c.count {
				messages = append(messages, map[string]any{"messageId": fmt.Sprintf("%036d", n), "body": strings.Repeat("€", c.characters)})
			}
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
			data := event(t, p, map[string]any{"case": "echo", "Records": messages})
			answer := e.invoke(t, id, data)
			if want := fmt.Sprintf(`{"first": "%036d", "last": "%036d", "count": %d}`, 0, c.count-1, c.count); answer.Payload != want {
				t.Errorf("answer is %s", answer.Payload)
			}
			records := of(e.records(t), id)
			if got := kinds(records, p); got != "invocation.start invocation.end" {
				t.Fatalf("recorded %s", got)
			}
			part, body, _ := records[0].Part(spool.PartEvent)
			if *part.Size != int64(len(data)) || part.Truncated != c.truncated || part.Shortened != c.shortened || len(body) > 68000 {
				t.Errorf("%d bytes became %+v (size %d)", len(data), part, *part.Size)
			}
			if !c.shortened && !bytes.HasPrefix(data, body) || c.shortened && !json.Valid(body) {
				t.Errorf("what is kept is neither the beginning nor whole: %.100s", body)
			}
			ids := messageID.FindAllSubmatch(body, -1)
			if len(ids) < c.kept || string(ids[c.kept-1][1]) != fmt.Sprintf("%02d", (c.kept-1)%100) {
				t.Errorf("%d messages are left", len(ids))
			}
		})
	}
}
