package node_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// TestInvocations looks at what the hook tells of invocations: the trigger, the outcome, the error, the files' names.
func TestInvocations(t *testing.T) {
	const cold, warm = ` cold event`, ` event`
	event := func(name string) string {
		return fmt.Sprintf(" %d %q", len(told(name)[0]), told(name)[0][:min(24, len(told(name)[0]))])
	}
	tests := []struct {
		name  string
		story story
		want  []string
		files string // states of the invocations' files, in order
		only  string
	}{
		{
			name:  "outcomes",
			story: story{handler: "styles.handler", events: told("value", "proxy", "nothing", "large", "throws")},
			want: []string{
				"start" + cold + event("value"), `end response 32 "{\"a\":[1,\"zwei\",null,{\"b\""`,
				"start" + warm + event("proxy"), `end 404 response 52 "{\"statusCode\":404,\"heade"`,
				"start" + warm + event("nothing"), `end response 4 "null"`,
				"start" + warm + event("large"), `end response 65536 of 300002 "\"xxxxxxxxxxxxxxxxxxxxxxx"`,
				"start" + warm + event("throws"), "end error TypeError: sync at Object.throws",
			},
			files: "done done done done done",
		},
		{
			name:  "other errors",
			story: story{handler: "styles.handler", events: told("rejects", "string", "undefined", "getters", "del")},
			want: []string{
				"start" + cold + event("rejects"), "end error OrderError: rejected at Object.rejects",
				"start" + warm + event("string"), "end error string: just text",
				"start" + warm + event("undefined"), "end error undefined: undefined",
				"start" + warm + event("getters"), "end error Computed: own getters at tricky",
				"start" + warm + event("del"), "end error Error: with %7F in it at Object.del",
			},
			files: "done done done done done",
			only:  "nodejs22.x nodejs24.x",
		},
		{
			name:  "uncaught, client 4",
			story: story{handler: "styles.handler", events: told("value", "uncaught")},
			want: []string{
				"start" + cold + event("value"), `end response 32 "{\"a\":[1,\"zwei\",null,{\"b\""`,
				"start" + warm + event("uncaught"), "end error OrderError: from a timer at Timeout._onTimeout",
			},
			files: "done done",
			only:  "nodejs22.x nodejs24.x",
		},
		{
			name:  "uncaught, client 3",
			story: story{handler: "styles.handler", events: told("uncaught")},
			want:  []string{"start" + cold + event("uncaught"), "end error OrderError: from a timer at Timeout._onTimeout"},
			files: "done",
			only:  "nodejs20.x",
		},
		{
			name:  "unhandled, client 3",
			story: story{handler: "styles.handler", events: told("unhandled")},
			want:  []string{"start" + cold + event("unhandled"), "end error Runtime.UnhandledPromiseRejection: OrderError: nobody looks at process.<anonymous>"},
			files: "done",
			only:  "nodejs20.x",
		},
		{
			name:  "unhandled, client 4",
			story: story{handler: "styles.handler", events: told("unhandled")},
			want:  []string{"start" + cold + event("unhandled"), "end error OrderError: nobody looks at"},
			files: "done",
			only:  "nodejs22.x nodejs24.x",
		},
		{
			name:  "exits",
			story: story{handler: "styles.handler", events: told("exits")},
			want:  []string{"start" + cold + event("exits"), "end error Runtime.ExitError: the process exited with code 3"},
			files: "done",
		},
		{
			name:  "is killed",
			story: story{handler: "styles.handler", events: told("kills")},
			want:  []string{"start" + cold + event("kills")},
			files: "open",
		},
		{
			name:  "streams",
			story: story{handler: "streaming.handler", events: told("text", "http", "large", "throws")},
			want: []string{
				"start" + cold + event("text"), `end streaming response 7 "one two"`,
				"start" + warm + event("http"), `end 418 streaming response 54 "{\"statusCode\":418,\"heade"`,
				"start" + warm + event("large"), `end streaming response 65536 of 400000 "yyyyyyyyyyyyyyyyyyyyyyyy"`,
				"start" + warm + event("throws"), `end streaming response 4 "half" error TypeError: in the middle at Object.throws`,
			},
			files: "done done done done",
		},
		{
			name:  "alternative client",
			story: story{handler: "styles.handler", events: told("value", "throws"), env: map[string]string{"AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1": "true"}},
			want: []string{
				"start" + cold + event("value"), `end response 32 "{\"a\":[1,\"zwei\",null,{\"b\""`,
				"start" + warm + event("throws"), "end error TypeError: sync at Object.throws",
			},
			files: "done done",
		},
		{
			name:  "init throws",
			story: story{handler: "initthrows.handler", events: told("x")},
			want:  []string{"init error ConfigError: TABLE is not set at load"},
		},
		{
			name:  "no such module",
			story: story{handler: "nosuch.handler", events: told("x")},
			want:  []string{"init error Runtime.ImportModuleError: Error: Cannot find module 'nosuch'"},
		},
		{
			name:  "nothing is kept",
			story: story{handler: "styles.handler", events: told("value"), env: map[string]string{"AFTERGLOW_CAPTURE_EVENT_BYTES": "0", "AFTERGLOW_CAPTURE_BODY_BYTES": "0"}},
			want:  []string{"start cold", "end"},
			files: "done",
		},
	}
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		for _, test := range tests {
			if test.only != "" && !strings.Contains(test.only, rt.Name) {
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "spool")
				run(t, rt, test.story, true, dir)
				records := spooled(t, dir)
				if got := invocations(t, records); !slices.EqualFunc(got, test.want, strings.HasPrefix) {
					t.Errorf("recorded:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
				}
				if got := states(t, dir); got != test.files {
					t.Errorf("files are %s, want %s", got, test.files)
				}
				for _, r := range of(records, spool.KindInvocationStart) {
					if r.ARN != arn || r.Trace != trace || r.Tenant != "tenant-1" || r.Deadline < r.Time/1000 || r.Handler != test.story.handler {
						t.Errorf("facts of an invocation: %+v", r.Header)
					}
				}
			})
		}
	})
}

// invocations tells what the records say about invocations, a line each.
func invocations(t *testing.T, records []spool.Record) []string {
	t.Helper()
	var out []string
	for _, r := range of(records, spool.KindInvocationStart, spool.KindInvocationEnd, spool.KindInitError, spool.KindLoss) {
		s := map[string]string{spool.KindInvocationStart: "start", spool.KindInvocationEnd: "end", spool.KindInitError: "init"}[r.Kind]
		if r.Kind == spool.KindLoss {
			s = "loss " + r.Reason
		}
		if r.Cold {
			s += " cold"
		}
		if r.Status > 0 {
			s += fmt.Sprintf(" %d", r.Status)
		}
		if r.Streaming {
			s += " streaming"
		}
		s += piece(r, spool.PartEvent) + piece(r, spool.PartResponse)
		if r.Error != nil {
			s += " error " + r.Error.Type + ": " + r.Error.Message
			if _, frames, ok := strings.Cut(r.Error.Stack, "\n    at "); ok {
				s += " at " + frames
			}
		}
		out = append(out, s)
	}
	return out
}

// states tells the states of the invocations' files in the order of their numbers.
func states(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	byNumber := map[int]string{}
	for _, e := range entries {
		if n, ok := spool.ParseName(e.Name()); ok && n.Invocation != spool.InvocationInit {
			byNumber[n.Number] = n.State
		}
	}
	var all []string
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		all = append(all, byNumber[n])
	}
	return strings.Join(all, " ")
}

// TestProcess looks at the record that stands first in every file.
func TestProcess(t *testing.T) {
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		dir := filepath.Join(t.TempDir(), "not", "there", "yet")
		run(t, rt, story{handler: "styles.handler", events: told("value")}, true, dir)
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode of the spool's directory is %v (%v), want 0700", info.Mode(), err)
		}
		p := of(spooled(t, dir), spool.KindProcess)[0].Process
		want := map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_" + rt.Name, "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
			"AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0", "_HANDLER": "styles.handler"}
		if p.Runtime != "nodejs" || !strings.HasPrefix("nodejs"+p.Version, strings.TrimSuffix(rt.Name, "x")) || p.PID == 0 || !maps.Equal(p.Env, want) {
			t.Errorf("process is %+v", p)
		}
	})
}

// TestLargeEvent looks at what is kept of an event that is larger than the budget: whole JSON with the ids of all messages, or the beginning of a batch of small ones.
func TestLargeEvent(t *testing.T) {
	type message struct {
		ID   string `json:"messageId"`
		Body string `json:"body"`
	}
	var event struct {
		Story   string    `json:"story"`
		List    []int     `json:"list"`
		Records []message `json:"Records"`
	}
	event.Story, event.List = "value", []int{}
	for i := range 10 {
		event.Records = append(event.Records, message{fmt.Sprintf("message-%d", i), strings.Repeat("ü\"", 30000)})
	}
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	batch := `{"story":"value","list":[],"Records":[` + strings.Repeat(`{"messageId":"small"},`, 5000) + `0]}`
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		dir := filepath.Join(t.TempDir(), "spool")
		run(t, rt, story{handler: "styles.handler", events: []string{string(text), string(text), batch}}, true, dir)
		starts := of(spooled(t, dir), spool.KindInvocationStart)
		if len(starts) != 3 {
			t.Fatalf("%d starts, want 3", len(starts))
		}
		part, data, _ := starts[2].Part(spool.PartEvent)
		if string(data) != batch[:1<<16] || !part.Truncated || part.Shortened {
			t.Errorf("kept %+v of the batch of small messages: %.60s", part, data)
		}
		for _, r := range starts[:2] {
			part, data, ok := r.Part(spool.PartEvent)
			event.Records = nil
			if err := json.Unmarshal(data, &event); !ok || err != nil || !part.Truncated || !part.Shortened || len(data) > 1<<16 {
				t.Fatalf("kept %+v of the event, %d bytes: %v", part, len(data), err)
			}
			if n := len(event.Records); n != 10 || event.Records[9].ID != "message-9" || len(event.Records[9].Body) < 96 {
				t.Errorf("%d messages survived, the last is %.60v", n, event.Records[n-1])
			}
		}
	})
}
