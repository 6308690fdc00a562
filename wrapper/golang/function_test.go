package golang_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// A build is one way to compile tests/function.
type build struct {
	name    string
	tags    string
	overlay bool
	client  string // version of aws-lambda-go; "" is the newest, of tests/go.mod
}

// builds are the function without the hook, and with it in every way. aws-lambda-go 1.55.1 is the first that copies http.DefaultTransport.
func builds() []build {
	return []build{
		{name: "without"}, {name: "blank import", tags: "afterglow"}, {name: "start", tags: "afterglow,start"}, {name: "overlay", overlay: true},
		{name: "without, old client", client: "v1.54.0"}, {name: "blank import, old client", tags: "afterglow", client: "v1.54.0"},
	}
}

// compile builds the function and gives /var/task.
func (b build) compile(t *testing.T) string {
	t.Helper()
	task := t.TempDir()
	args := []string{"build", "-tags", b.tags, "-o", filepath.Join(task, "bootstrap")}
	if b.client != "" {
		mod := filepath.Join(t.TempDir(), "go.mod")
		for _, name := range []string{"go.mod", "go.sum"} {
			data, err := os.ReadFile(filepath.Join("tests", name))
			if err != nil {
				t.Fatal(err)
			}
			if root, err := filepath.Abs(filepath.Join("..", "..")); err != nil {
				t.Fatal(err)
			} else if data = bytes.ReplaceAll(data, []byte("=> ../../.."), []byte("=> "+root)); name == "go.sum" {
				ours, err := os.ReadFile(filepath.Join(root, "go.sum"))
				if err != nil {
					t.Fatal(err)
				}
				data = append(data, ours...)
			}
			data = regexp.MustCompile(`(aws-lambda-go) v\S+\n`).ReplaceAll(data, []byte("$1 "+b.client+"\n"))
			if err := os.WriteFile(filepath.Join(filepath.Dir(mod), name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, "-modfile", mod)
	}
	if b.overlay {
		args = append(args, "-overlay", strings.TrimSpace(command(t, ".", "run", "./overlay", "-source", filepath.Join("..", ".."), "-o", t.TempDir(), filepath.Join("tests", "function"))))
	}
	command(t, "tests", append(args, "./function")...)
	return task
}

// command runs the go command.
func command(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if strings.Contains(string(exit.Stderr), "requires go >=") && os.Getenv("CI") != "true" {
			t.Skipf("NOT TESTED: %s", exit.Stderr)
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// An aws answers as SQS does, and as any other peer.
type aws struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
}

func newAWS(t *testing.T) *aws {
	a := &aws{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the function has gone
		}
		a.mu.Lock()
		a.requests = append(a.requests, fmt.Sprintf("%s %s %v %s", r.Method, r.URL, quiet(r.Header), body))
		a.mu.Unlock()
		switch {
		case r.Header.Get("X-Amz-Target") == "AmazonSQS.SendMessage":
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			io.WriteString(w, `{"MessageId":"11111111-2222-3333-4444-555555555555","MD5OfMessageBody":"78e731027d8fd50ed642340b7c9a63b3"}`)
		default:
			io.WriteString(w, "some text")
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// quiet gives headers without what an SDK makes anew for each request.
func quiet(h http.Header) string {
	var all []string
	for name, values := range h {
		switch name {
		case "Authorization", "X-Amz-Date", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Amzn-Trace-Id":
			values = []string{"…"}
		}
		all = append(all, fmt.Sprint(name, values))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (a *aws) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.requests
	a.requests = nil
	return taken
}

// A running function.
type running struct {
	*lambdalocal.Environment
	aws *aws
	mu  sync.Mutex
	log []string
}

func run(t *testing.T, task string, hooked bool, a *aws, env map[string]string, more ...func(*lambdalocal.Function)) *running {
	t.Helper()
	rt, err := runtimes.Find(t.Context(), "provided.al2023", runtimes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{aws: a}
	fn := lambdalocal.Function{Name: "case", Runtime: rt.Name, Code: task, Handler: "bootstrap", MemoryMB: 1769, Env: env}
	if hooked {
		layer := filepath.Join(t.TempDir(), "layer")
		if err := os.MkdirAll(filepath.Join(layer, "afterglow"), 0o755); err != nil {
			t.Fatal(err)
		}
		fn.Layers = []string{layer}
	}
	for _, change := range more {
		change(&fn)
	}
	r.Environment, err = lambdalocal.Start(t.Context(), fn, lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "environment"), Keep: true, Runtime: rt, Log: r.write})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

func (r *running) write(line lambdalocal.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if line.Source == lambdalocal.SourceFunction {
		r.log = append(r.log, line.Text)
	}
}

const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"

// invoke gives all that the world sees of an invocation.
func (r *running) invoke(t *testing.T, id, do string) string {
	t.Helper()
	event, err := json.Marshal(map[string]string{"do": do, "peer": r.aws.URL})
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Invoke(t.Context(), lambdalocal.Invocation{RequestID: id, Payload: event, TraceHeader: trace})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.log
	r.log = nil
	text := fmt.Sprintf("%s %s %s %s\n%s\n%s", result.Payload, result.FunctionError, result.ErrorType, result.ContentType, strings.Join(log, "\n"), strings.Join(r.aws.take(), "\n"))
	return noise.ReplaceAllString(text, "…")
}

// noise is what differs from one run of a process to the next.
var noise = regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|0x[0-9a-f]+\??|goroutine \d+`)

// told gives the records of an invocation in a line: "start GET /text 200 end".
func (r *running) told(t *testing.T, id string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.TempDir(), "afterglow", "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(files, func(a, b string) int { return number(a) - number(b) })
	var words []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spool.Read(data, func(rec spool.Record) error {
			if rec.Invocation != id {
				return nil
			}
			switch rec.Kind {
			case spool.KindInvocationStart:
				words = append(words, "start")
			case spool.KindInvocationEnd:
				words = append(words, "end")
				if rec.Error != nil {
					words = append(words, rec.Error.Type, rec.Error.Message)
				}
			case spool.KindCallStart:
				_, address, _ := strings.Cut(rec.URL, "://")
				words = append(words, rec.Method, address[max(0, strings.IndexByte(address, '/')):])
			case spool.KindCallEnd:
				words = append(words, fmt.Sprint(rec.Status))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(words, " ")
}

func number(file string) int {
	n, _ := spool.ParseName(filepath.Base(file))
	return n.Number
}

// stories are what the function is asked to do, in one environment, and what the spool has of it.
var stories = []struct{ do, want string }{
	{"default", "start GET /text 200 end"},
	{"without a context", "start GET /text 200 end"},
	{"a transport of its own", "start GET /text 200 end"},
	{"a transport that panics", "start GET /text 0 end"},
	{"v2", "start POST / 200 end"},
	{"v1", "start POST / 200 end"},
	{"dump", "start end"},
	{"error", "start end errorString it went wrong"},
	{"stack", "start end"},
	{"stream", "start end"},
	{"other", "start end"},
	{"panic", "start end string it went wrong"},
	{"default", "start GET /text 200 end"}, // in the process that came after
}

// TestFunctions: real functions, with the hook and without, are the same to the world; and the hook has seen everything.
func TestFunctions(t *testing.T) {
	a := newAWS(t)
	var without []string
	for _, b := range builds() {
		t.Run(b.name, func(t *testing.T) {
			hooked := b.tags != "" || b.overlay
			task := b.compile(t)
			r := run(t, task, hooked, a, map[string]string{"CALL_AT_INIT": a.URL + "/init"})
			var outcomes []string
			for i, s := range stories {
				outcomes = append(outcomes, r.invoke(t, id(i), s.do))
				if told := r.told(t, id(i)); hooked && told != s.want {
					t.Errorf("%s: the spool has %q, want %q", s.do, told, s.want)
				} else if !hooked && told != "" {
					t.Errorf("%s: there is a spool without a hook: %s", s.do, told)
				}
			}
			if told := r.told(t, spool.InvocationInit); hooked && !strings.HasPrefix(told, "GET /init 200") {
				t.Errorf("the spool has of the init %q", told)
			}
			if !hooked {
				without = outcomes
				return
			}
			for i, outcome := range outcomes {
				if outcome != without[i] && b.name != "start" {
					t.Errorf("%s:\nwithout: %s\nwith:    %s", stories[i].do, without[i], outcome)
				}
				if strings.Contains(outcome, "afterglow") {
					t.Errorf("%s: something of the hook can be seen: %s", stories[i].do, outcome)
				}
			}
		})
	}
}

// TestNoLayer: where there is no layer, a function that was built with the hook leaves nothing behind.
func TestNoLayer(t *testing.T) {
	a := newAWS(t)
	for _, b := range []build{{name: "blank import", tags: "afterglow"}, {name: "overlay", overlay: true}} {
		t.Run(b.name, func(t *testing.T) {
			r := run(t, b.compile(t), false, a, nil)
			r.invoke(t, id(1), "v2")
			left, err := os.ReadDir(r.TempDir())
			if err != nil || len(left) > 0 {
				t.Errorf("/tmp holds %v, %v", left, err)
			}
		})
	}
}

// TestSeveralInvocationsAtATime: on Managed Instances aws-lambda-go runs several at once, and each has its own calls.
func TestSeveralInvocationsAtATime(t *testing.T) {
	a := newAWS(t)
	for _, b := range []build{{name: "blank import", tags: "afterglow"}, {name: "overlay", overlay: true}} {
		t.Run(b.name, func(t *testing.T) {
			const many = 4
			r := run(t, b.compile(t), true, a, nil, func(fn *lambdalocal.Function) { fn.InitType, fn.MaxConcurrency = lambdalocal.ManagedInstances, many })
			var all sync.WaitGroup
			for i := range 3 * many {
				all.Go(func() {
					event := fmt.Sprintf(`{"do":"default","peer":%q}`, fmt.Sprintf("%s/%d", a.URL, i))
					result, err := r.Invoke(t.Context(), lambdalocal.Invocation{RequestID: id(i), Payload: []byte(event), TraceHeader: trace})
					if err != nil || result.FunctionError != "" {
						t.Errorf("%v, %s", err, result.Payload)
					}
				})
			}
			all.Wait()
			if err := r.Idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			for begun := time.Now(); r.isOpen(t) && time.Since(begun) < patience; { // who posts an outcome is told of it before the process is
				time.Sleep(time.Millisecond)
			}
			for i := range 3 * many {
				if told := r.told(t, id(i)); told != fmt.Sprintf("start GET /%d/text 200 end", i) {
					t.Errorf("the spool has of %d %q", i, told)
				}
			}
		})
	}
}

// patience bounds the wait for something that is about to happen.
const patience = 10 * time.Second

// isOpen tells whether an invocation has not ended in the spool.
func (r *running) isOpen(t *testing.T) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.TempDir(), "afterglow", "*.open"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files) > 0
}

func id(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }
