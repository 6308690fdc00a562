package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// TestLocal… run a Listener in an extension of the local Lambda, whose Telemetry API posts as Lambda's does: buffered, frozen
// in the middle of a post, again where there was no answer. The extension is this test's own binary.

const (
	// listening is that extension's name.
	listening = "listening"
	// lastWait is how long it waits for the last report, which comes with SHUTDOWN or, after a timeout, never.
	lastWait = 500 * time.Millisecond
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == listening {
		os.Exit(listenAndTell(context.Background()))
	}
	os.Exit(m.Run())
}

// listenAndTell is the extension: it waits for the end of each invocation, and says what it was told in lines of JSON.
func listenAndTell(ctx context.Context) int {
	api := lambdaapi.New(os.Getenv("AWS_LAMBDA_RUNTIME_API"))
	managed := os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == string(lambdalocal.ManagedInstances)
	events := []lambdaapi.EventType{lambdaapi.Invoke, lambdaapi.Shutdown}
	if managed {
		events = events[1:]
	}
	if _, err := api.Register(ctx, listening, events...); err != nil {
		fmt.Println(err)
		return 1
	}
	l, err := Listen(Options{Lines: true, Guarded: IsLoopback(os.Getenv("AWS_LAMBDA_RUNTIME_API"))})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	told, err := api.Subscribe(ctx, lambdaapi.Subscription{URI: l.URI(), Managed: managed, Lines: true})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if told {
		l.Subscribed()
	}
	if err := l.Serve(); err != nil {
		fmt.Println(err)
		return 1
	}
	last, reported := "", map[string]bool{}
	for {
		e, err := api.Next(ctx)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		say(saying{Event: string(e.Type), ID: e.RequestID, Reason: e.Reason, Told: l.Told()})
		if e.Type == lambdaapi.Shutdown {
			for end := time.Now().Add(lastWait); !reported[last] && time.Now().Before(end); time.Sleep(time.Millisecond) {
				tell(l, reported)
			}
			return 0
		}
		last = e.RequestID
		l.Began(last)
		end, cancel := context.WithDeadline(ctx, e.Deadline.Add(-time.Second))
		if l.Told() {
			select {
			case <-l.Ended(e.RequestID):
				say(saying{Event: "ended", ID: e.RequestID})
			case <-end.Done():
				say(saying{Event: "deadline", ID: e.RequestID})
			}
		}
		cancel()
		tell(l, reported)
	}
}

// A saying is a line of the extension's: an event of its own, or a fact.
type saying struct {
	Event, ID, Reason string
	Told              bool
	Fact              *fact
}

// A fact shows its line, in the place of event.Fact's own, which does not.
type fact struct {
	event.Fact
	Line string
}

func say(s saying) {
	line, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func tell(l *Listener, reported map[string]bool) {
	for _, f := range l.Take() {
		if f.Kind == event.FactReport {
			reported[f.ID] = true
		}
		say(saying{Fact: &fact{f, f.Line.Reveal()}})
	}
}

// A function is one that runs in the local Lambda beside the extension.
type function struct {
	*lambdalocal.Environment
	t *testing.T

	mu   sync.Mutex
	said []saying
	log  []string
	grew chan struct{}
}

func run(t *testing.T, change func(*lambdalocal.Function, *lambdalocal.Options)) *function {
	t.Helper()
	f := &function{t: t, grew: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	code, layer := t.TempDir(), t.TempDir()
	place(t, probe(t), filepath.Join(code, "bootstrap"))
	place(t, self, filepath.Join(layer, "extensions", listening))
	fn := lambdalocal.Function{
		Name: "probe", Handler: "app.handler", Runtime: "provided.al2023", Code: code, Layers: []string{layer}, Timeout: patience, MemoryMB: 1769,
		Env: map[string]string{},
	}
	opt := lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "env"), Log: f.write}
	if change != nil {
		change(&fn, &opt)
	}
	if f.Environment, err = lambdalocal.Start(t.Context(), fn, opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.close()
		if t.Failed() {
			t.Logf("log:\n%s", strings.Join(f.log, "\n"))
		}
	})
	return f
}

// probe builds the local Lambda's own function.
func probe(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-o", file, "github.com/afterglow-lambda/afterglow/internal/lambdalocal/testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build probe: %v\n%s", err, out)
	}
	return file
}

func place(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func (f *function) write(l lambdalocal.Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, l.Text)
	if l.Source != lambdalocal.SourceExtension {
		return
	}
	var s saying
	if json.Unmarshal([]byte(l.Text), &s) == nil {
		f.said = append(f.said, s)
		close(f.grew)
		f.grew = make(chan struct{})
	}
}

func (f *function) close() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.Close(ctx); err != nil {
		f.t.Errorf("close: %v", err)
	}
}

// invoke invokes and waits for the end of the phase.
func (f *function) invoke(id, payload string) lambdalocal.Result {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	r, err := f.Invoke(ctx, lambdalocal.Invocation{RequestID: id, Payload: []byte(payload)})
	if err != nil {
		f.t.Fatalf("invoke: %v", err)
	}
	if err := f.Idle(ctx); err != nil {
		f.t.Fatalf("idle: %v", err)
	}
	return r
}

// facts are those that the extension has told of, but for lines.
func (f *function) facts() (facts []event.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.said {
		if s.Fact != nil && s.Fact.Kind != event.FactLine {
			facts = append(facts, s.Fact.Fact)
		}
	}
	return facts
}

// wait waits for something that the extension says.
func (f *function) wait(what string, is func(saying) bool) saying {
	f.t.Helper()
	timeout := time.After(patience)
	for {
		f.mu.Lock()
		grew, i := f.grew, slices.IndexFunc(f.said, is)
		if i >= 0 {
			defer f.mu.Unlock()
			return f.said[i]
		}
		f.mu.Unlock()
		select {
		case <-grew:
		case <-timeout:
			f.t.Fatalf("the extension did not say %s", what)
		}
	}
}

// sequence shows facts in short: kind, id and status.
func sequence(facts []event.Fact) string {
	names := map[event.FactKind]string{
		event.FactStart: "start", event.FactDone: "done", event.FactReport: "report", event.FactInitStart: "init-start", event.FactInitDone: "init-done",
		event.FactInitReport: "init-report", event.FactRestoreStart: "restore-start", event.FactRestoreDone: "restore-done", event.FactDropped: "dropped",
	}
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, " %s", strings.Join(strings.Fields(names[f.Kind]+" "+f.Phase+" "+f.ID+" "+f.Status), "-"))
	}
	return strings.TrimSpace(b.String())
}
