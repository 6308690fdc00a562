package hook

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// start starts a hook whose spool is a folder of the test's.
func start(t testing.TB, more map[string]string) *Hook {
	t.Helper()
	env := map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AFTERGLOW_SPOOL_DIR": filepath.Join(t.TempDir(), "spool"), "_HANDLER": "bootstrap"}
	maps.Copy(env, more)
	h := New(func(name string) string { return env[name] }, func(string) bool { return false })
	if h == nil {
		t.Fatal("there is no hook")
	}
	return h
}

// said gives what is written to standard error while do runs.
func said(t *testing.T, do func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = before }()
	do()
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// spooled gives the files of a spool by their names without process id, each with its records but the first, in a line.
func spooled(t *testing.T, h *Hook) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(h.Settings.Dir)
	if err != nil {
		return nil
	}
	files := map[string]string{}
	for _, entry := range entries {
		name, ok := spool.ParseName(entry.Name())
		if info, err := entry.Info(); !ok || err != nil || info.Mode() != 0o600 {
			t.Errorf("%s is no file of the spool (%v)", entry.Name(), info)
			continue
		}
		data, err := os.ReadFile(filepath.Join(h.Settings.Dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		summary, err := spool.Read(data, func(r spool.Record) error {
			word := r.Kind + "(" + r.Invocation + ")"
			if r.Reason != "" {
				word += r.Reason
			}
			words = append(words, word)
			return nil
		})
		if err != nil || summary.Lost != 0 || summary.TailStart != int64(len(data)) || len(words) == 0 || !strings.HasPrefix(words[0], spool.KindProcess) {
			t.Errorf("%s: %+v, %v", name, summary, err)
		}
		files[name.Invocation+"."+string(rune('0'+name.Number))+"."+name.State] = strings.Join(words[1:], " ")
	}
	return files
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("the spool holds\n%v\nwant\n%v", got, want)
	}
}

func header(id string) func(string) string {
	h := map[string]string{headerID: id, headerARN: "arn", headerDeadline: "1700000000123", headerTrace: "Root=1", headerTenant: "tenant"}
	return func(name string) string { return h[name] }
}

func eventOf(h *Hook, text string) *Event {
	e := &Event{copy: NewCopy(h.Settings.EventBytes, 0)}
	e.Add([]byte(text))
	return e
}

func outcomeOf(id, text string) Outcome {
	o := Outcome{ID: id, Body: NewCopy(1<<10, 0)}
	o.Body.Add([]byte(text))
	return o
}

func TestOn(t *testing.T) {
	for _, c := range []struct {
		name  string
		env   map[string]string
		layer bool
		want  bool
	}{
		{"on Lambda with the layer", map[string]string{"AWS_LAMBDA_RUNTIME_API": "x"}, true, true},
		{"on Lambda without", map[string]string{"AWS_LAMBDA_RUNTIME_API": "x"}, false, false},
		{"on Lambda, told where", map[string]string{"AWS_LAMBDA_RUNTIME_API": "x", "AFTERGLOW_SPOOL_DIR": "DIR"}, false, true},
		{"elsewhere", nil, true, false},
		{"elsewhere, told where", map[string]string{"AFTERGLOW_SPOOL_DIR": "DIR"}, false, false},
		{"disabled", map[string]string{"AWS_LAMBDA_RUNTIME_API": "x", "AFTERGLOW_DISABLED": " True "}, true, false},
		{"disabled by number", map[string]string{"AWS_LAMBDA_RUNTIME_API": "x", "AFTERGLOW_DISABLED": "1"}, true, false},
		{"not disabled", map[string]string{"AWS_LAMBDA_RUNTIME_API": "x", "AFTERGLOW_DISABLED": "0"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spool")
			getenv := func(name string) string {
				if name == "AFTERGLOW_SPOOL_DIR" && c.want {
					return dir // and not the machine's own
				}
				return c.env[name]
			}
			if got := New(getenv, func(file string) bool { return c.layer && file == layerDir }) != nil; got != c.want {
				t.Errorf("on: %v", got)
			}
			if _, err := os.Stat(dir); (err == nil) != c.want {
				t.Errorf("the spool: %v", err)
			}
		})
	}
}

func TestGarbageInSettings(t *testing.T) {
	var h *Hook
	text := said(t, func() {
		h = start(t, map[string]string{"AFTERGLOW_CAPTURE_BODY_BYTES": "lots", "AFTERGLOW_LOG_LEVEL": "loud"})
	})
	if h.Settings.BodyBytes != 32<<10 || strings.Count(text, "\n") != 2 || !strings.HasPrefix(text, "afterglow: go: the value of AFTERGLOW_") {
		t.Errorf("%+v, %s", h.Settings, text)
	}
	if text := said(t, func() {
		start(t, map[string]string{"AFTERGLOW_CAPTURE_BODY_BYTES": "lots", "AFTERGLOW_LOG_LEVEL": "off"})
	}); text != "" {
		t.Errorf("said, though it was off: %s", text)
	}
}

func TestInvocations(t *testing.T) {
	h := start(t, nil)
	same(t, spooled(t, h), map[string]string{"init.1.open": ""})
	h.Handler.Record(h.Handler.Invocation(t.Context()), &spool.Header{Kind: spool.KindCallStart})
	h.Handler.Begin(header("one"), eventOf(h, `{"a":1}`))
	same(t, spooled(t, h), map[string]string{"init.1.done": "call.start(init)", "one.2.open": "invocation.start(one)"})
	one := h.Handler.Invocation(t.Context())
	h.Handler.Record(one, &spool.Header{Kind: spool.KindCallStart})
	h.Handler.End(outcomeOf("one", `{"statusCode":201}`))
	h.Handler.End(outcomeOf("one", `{"statusCode":201}`)) // nobody posts twice; who does is not believed
	h.Handler.Record(one, &spool.Header{Kind: spool.KindCallEnd})
	same(t, spooled(t, h), map[string]string{"init.1.done": "call.start(init)", "one.2.done": "invocation.start(one) call.start(one) invocation.end(one)", "one.3.open": "call.end(one)"})
	h.Handler.Begin(header("two"), eventOf(h, ""))
	h.Handler.Record(one, &spool.Header{Kind: spool.KindCallEnd}) // work left over, in the file that is there
	h.Handler.Begin(header("three"), eventOf(h, ""))              // and nobody has seen the second one's end
	h.Handler.End(outcomeOf("three", ""))
	same(t, spooled(t, h), map[string]string{
		"init.1.done": "call.start(init)", "one.2.done": "invocation.start(one) call.start(one) invocation.end(one)", "one.3.done": "call.end(one)",
		"two.4.done": "invocation.start(two) call.end(one)", "three.5.done": "invocation.start(three) invocation.end(three)",
	})
}

func TestWhatIsRecordedOfAnInvocation(t *testing.T) {
	h := start(t, map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023"})
	h.Handler.Begin(header("one"), eventOf(h, `{"a":1}`))
	o := outcomeOf("one", `{"errorType":"T","errorMessage":"m","stackTrace":[{"path":"a/b.go","line":7,"label":"f"}]}`)
	o.Failed = true
	h.Handler.End(o)
	data, err := os.ReadFile(filepath.Join(h.Settings.Dir, spool.Name{Invocation: "one", PID: os.Getpid(), Number: 2, State: spool.StateDone}.String()))
	if err != nil {
		t.Fatal(err)
	}
	var records []spool.Record
	if _, err := spool.Read(data, func(r spool.Record) error { records = append(records, r); return nil }); err != nil || len(records) != 3 {
		t.Fatalf("%v, %+v", err, records)
	}
	p, start, end := records[0].Process, records[1], records[2]
	if p.Runtime != "go" || p.Env["_HANDLER"] != "bootstrap" || p.Env["AWS_EXECUTION_ENV"] == "" || p.Hook != release {
		t.Errorf("process %+v", p)
	}
	if _, body, ok := start.Part(spool.PartEvent); !ok || string(body) != `{"a":1}` || !start.Cold || start.Deadline != 1700000000123 || start.ARN != "arn" || start.Trace != "Root=1" || start.Tenant != "tenant" {
		t.Errorf("start %+v %s", start.Header, body)
	}
	if end.Error == nil || *end.Error != (spool.Error{Type: "T", Message: "m", Stack: "f\n\ta/b.go:7\n"}) {
		t.Errorf("end %+v", end.Error)
	}
}

func TestSeveralAtATime(t *testing.T) {
	h := start(t, map[string]string{"AWS_LAMBDA_MAX_CONCURRENCY": "4"})
	for _, id := range []string{"one", "two", "three"} {
		h.Handler.Begin(header(id), eventOf(h, ""))
	}
	if i := h.Handler.Invocation(t.Context()); i.ID != spool.InvocationNone {
		t.Errorf("work that nobody knows of belongs to %s", i.ID)
	}
	h.Handler.Identify(contextID)
	h.Handler.Record(h.Handler.Invocation(contextOf(t, "two")), &spool.Header{Kind: spool.KindCallStart})
	h.Handler.End(outcomeOf("two", ""))
	h.Handler.Record(h.Handler.Invocation(contextOf(t, "one")), &spool.Header{Kind: spool.KindCallStart})
	h.Handler.Record(h.Handler.Invocation(contextOf(t, "gone")), &spool.Header{Kind: spool.KindCallStart})
	h.Handler.End(outcomeOf("one", ""))
	if i := h.Handler.Invocation(t.Context()); i.ID != "three" {
		t.Errorf("the only one that runs is not %s", i.ID)
	}
	h.Handler.End(outcomeOf("three", ""))
	same(t, spooled(t, h), map[string]string{
		"init.1.done": "", "two.3.done": "invocation.start(two) call.start(two) invocation.end(two)",
		"one.2.done":   "invocation.start(one) call.start(one) invocation.end(one)",
		"three.4.done": "invocation.start(three) call.start(gone) invocation.end(three)",
	})
}

func TestLosses(t *testing.T) {
	large := &spool.Header{Kind: spool.KindCallEnd}
	for _, c := range []struct {
		name string
		env  map[string]string
		do   func(t *testing.T, h *Hook, i *Invocation)
		want []string // in the file of the invocation
		says string
	}{
		{"an invocation that is full", map[string]string{"AFTERGLOW_SPOOL_INVOCATION_BYTES": "65536"}, func(_ *testing.T, h *Hook, i *Invocation) {
			h.Handler.Record(i, &spool.Header{Kind: spool.KindCallStart, Parts: []spool.Part{{Of: spool.PartRequest}}}, make([]byte, 70000))
		}, []string{"one.2.done", "invocation.start(one) invocation.end(one) loss(one)invocation-full"}, ""},
		{"an end that there is no room for", map[string]string{"AFTERGLOW_SPOOL_INVOCATION_BYTES": "65536"}, func(_ *testing.T, h *Hook, i *Invocation) {
			end := &spool.Header{Kind: spool.KindCallEnd, Headers: [][2]string{{"Name", "value"}}, Parts: []spool.Part{{Of: spool.PartResponse}}, Error: &spool.Error{Message: strings.Repeat("m", 1000)}}
			h.Handler.Record(i, end, make([]byte, 70000))
		}, []string{"one.2.done", "invocation.start(one) call.end(one) invocation.end(one) loss(one)headers"}, ""},
		{"a record that is too large", nil, func(_ *testing.T, h *Hook, i *Invocation) {
			h.Handler.Record(i, &spool.Header{Kind: spool.KindInvocationEnd, URL: strings.Repeat("x", spool.MaxHeader)})
		}, []string{"one.2.done", "invocation.start(one) invocation.end(one) loss(one)too-large"}, ""},
		{"a descriptor that somebody else has closed", nil, func(t *testing.T, h *Hook, i *Invocation) {
			other := takeOver(t, i.file.fd)
			h.Handler.Record(i, large)
			h.Handler.End(outcomeOf("one", ""))
			if text, err := os.ReadFile(other); err != nil || len(text) > 0 {
				t.Errorf("somebody else's file holds %q, %v", text, err)
			}
		}, nil, "afterglow: go: records lost so far: 2; the spool cannot be written\n"},
		{"a file that was deleted", nil, func(t *testing.T, h *Hook, i *Invocation) {
			if err := os.RemoveAll(h.Settings.Dir); err != nil {
				t.Fatal(err)
			}
			h.Handler.End(outcomeOf("one", ""))
			h.Handler.Begin(header("next"), eventOf(h, ""))
			h.Handler.End(outcomeOf("next", ""))
		}, []string{"next.3.done", "invocation.start(next) invocation.end(next) loss(next)deleted"}, ""},
		{"a directory that is a file", nil, func(t *testing.T, h *Hook, i *Invocation) {
			if err := os.RemoveAll(h.Settings.Dir); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(h.Settings.Dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			h.Handler.End(outcomeOf("one", ""))
			h.Handler.Begin(header("next"), eventOf(h, ""))
			h.Handler.End(outcomeOf("next", ""))
		}, nil, "afterglow: go: the spool cannot be written (not a directory); this function is not recorded\nafterglow: go: records lost so far: 4; the spool cannot be written\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, c.env)
			text := said(t, func() {
				h.Handler.Begin(header("one"), eventOf(h, ""))
				c.do(t, h, h.Handler.Invocation(t.Context()))
				h.Handler.End(outcomeOf("one", ""))
			})
			if text != c.says {
				t.Errorf("said %q, want %q", text, c.says)
			}
			if c.want != nil && spooled(t, h)[c.want[0]] != c.want[1] {
				t.Errorf("%v, want %v", spooled(t, h), c.want)
			}
		})
	}
}

// TestLossesAreSaidWhenTheyAreTwiceAsMany: not after each invocation of a function whose spool cannot be written.
func TestLossesAreSaidWhenTheyAreTwiceAsMany(t *testing.T) {
	h := start(t, nil)
	text := said(t, func() {
		for records := range int64(9) {
			h.Handler.spool.complain(records)
		}
	})
	if got := strings.Join(regexp.MustCompile(`\d+`).FindAllString(text, -1), " "); got != "1 2 4 8" {
		t.Errorf("said %s", text)
	}
}

// TestUncollectedFilesFillTheSpool: past the cap nothing is written until the extension has taken something away.
func TestUncollectedFilesFillTheSpool(t *testing.T) {
	h := start(t, map[string]string{"AFTERGLOW_SPOOL_DIR_BYTES": "1048576"})
	invoke := func(id string) {
		h.Handler.Begin(header(id), eventOf(h, ""))
		h.Handler.Record(h.Handler.Invocation(t.Context()), &spool.Header{Kind: spool.KindCallEnd, Parts: []spool.Part{{Of: spool.PartResponse}}}, make([]byte, 600<<10))
		h.Handler.End(outcomeOf(id, ""))
	}
	text := said(t, func() {
		for _, id := range []string{"one", "two", "three"} {
			invoke(id)
		}
	})
	if want := "afterglow: go: records lost so far: 3; the spool cannot be written\n"; text != want {
		t.Errorf("said %q, want %q", text, want)
	}
	files, err := filepath.Glob(filepath.Join(h.Settings.Dir, "*.done"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		os.Remove(f)
	}
	invoke("four")
	want := "invocation.start(four) call.end(four) invocation.end(four) loss(four)spool-full"
	if got := spooled(t, h); !slices.Contains(slices.Collect(maps.Values(got)), want) {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestNamesOfAnEarlierProcessAreNotUsedAgain: a rename would replace what is not collected yet.
func TestNamesOfAnEarlierProcessAreNotUsedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	earlier := filepath.Join(dir, spool.Name{Invocation: "old", PID: os.Getpid(), Number: 7, State: spool.StateDone}.String())
	if err := os.WriteFile(earlier, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, map[string]string{"AFTERGLOW_SPOOL_DIR": dir})
	os.Remove(earlier)
	same(t, spooled(t, h), map[string]string{"init.8.open": ""})
}

// TestGuard: what fails in the hook stays there, is told once without what it may quote, and lets go when it goes on.
func TestGuard(t *testing.T) {
	h := start(t, nil)
	text := said(t, func() {
		for range mostFailures + 1 {
			func() {
				defer h.Catch("test")
				var secrets []string
				_ = secrets[len(os.Args)+5]
			}()
		}
	})
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "afterglow: go: the hook failed (test: runtime.boundsError hook_test.go:") || !strings.Contains(lines[1], "is off") || !h.Off() {
		t.Errorf("%q", lines)
	}
	if strings.Contains(text, "index out of range") {
		t.Error("the message is told")
	}
}

func TestCopyKeepsTheBudget(t *testing.T) {
	c := NewCopy(5, 0)
	for _, piece := range []string{"ab", "", "cdef", "gh"} {
		c.Add([]byte(piece))
	}
	if p := c.Part("x"); !bytes.Equal(c.Bytes(), []byte("abcde")) || *p.Size != 8 || !p.Truncated {
		t.Errorf("%q, %+v", c.Bytes(), p)
	}
}
