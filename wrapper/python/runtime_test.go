package python_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
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
	"github.com/afterglow-lambda/afterglow/wrapper"
)

// timeout is that of the tests' functions. Only the case that runs into it needs it to be short.
const timeout = 20 * time.Second

// A function is one that the tests run, twice.
type function struct {
	code    string // directory below tests/functions
	handler string // "" means app.handler
	env     map[string]string
	timeout time.Duration
	layer   func(t *testing.T, dir string) // changes the layer, for sabotage
}

// An outcome is what the world sees of one invocation.
type outcome struct {
	Payload, Error string
	Log            []string // what the function's process wrote
	Requests       []string // as they arrived at the peer
}

// A told is one line of the hook's in the function's log.
type told = string

// peer answers every request with its path and keeps what it was sent.
type peer struct {
	*httptest.Server
	mu       sync.Mutex
	received []string
}

func newPeer(t *testing.T) *peer {
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client broke off
		}
		if r.URL.Path != "/fast" { // their number depends on time
			p.mu.Lock()
			p.received = append(p.received, fmt.Sprintf("%s %s %v %s", r.Method, r.URL, r.Header, body))
			p.mu.Unlock()
		}
		fmt.Fprintf(w, "answer to %s", r.URL.Path)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.received
	p.received = nil
	slices.Sort(taken) // the threads of a function race
	return taken
}

// An environment is a function that runs, with the hook or without.
type environment struct {
	*lambdalocal.Environment
	peer *peer
	mu   sync.Mutex
	log  []string
	told []told
}

func start(t *testing.T, rt runtimes.Runtime, p *peer, f function, hooked bool) *environment {
	t.Helper()
	e := &environment{peer: p}
	dir := t.TempDir()
	code, err := filepath.Abs(filepath.Join("tests", "functions", f.code))
	if err != nil {
		t.Fatal(err)
	}
	fn := lambdalocal.Function{
		Name: "case", Runtime: rt.Name, Code: code, Handler: f.handler, MemoryMB: 1769, Timeout: f.timeout,
		Env: map[string]string{"PEER": p.URL, "PYTHONHASHSEED": "0"},
	}
	if fn.Handler == "" {
		fn.Handler = "app.handler"
	}
	if fn.Timeout == 0 {
		fn.Timeout = timeout
	}
	if hooked {
		layer := filepath.Join(dir, "layer")
		writeLayer(t, layer)
		if f.layer != nil {
			f.layer(t, layer)
		}
		fn.Layers = []string{layer}
		fn.Env["AWS_LAMBDA_EXEC_WRAPPER"] = "/opt/afterglow/exec-wrapper"
		maps.Copy(fn.Env, f.env)
	}
	work := filepath.Join(dir, "environment")
	e.Environment, err = lambdalocal.Start(t.Context(), fn, lambdalocal.Options{Dir: work, Keep: true, Runtime: rt, Log: e.write})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// writeLayer lays the wrapper out as the layer has it.
func writeLayer(t *testing.T, dir string) {
	t.Helper()
	files, err := wrapper.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		mode := os.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		path := filepath.Join(dir, "afterglow", filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
}

func (e *environment) write(line lambdalocal.Line) {
	if line.Source != lambdalocal.SourceFunction {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.HasPrefix(line.Text, "afterglow: ") {
		e.told = append(e.told, line.Text)
	} else {
		e.log = append(e.log, clock.ReplaceAllString(line.Text, "TIME"))
	}
}

// clock is what the runtime client's loggers write the time as.
var clock = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|\[\d{13}\]`)

// invoke runs one case to its end.
func (e *environment) invoke(t *testing.T, id string, event []byte) outcome {
	t.Helper()
	result, err := e.Invoke(t.Context(), lambdalocal.Invocation{RequestID: id, Payload: event, TraceHeader: trace})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	o := outcome{Payload: string(result.Payload), Error: result.FunctionError, Log: e.log, Requests: e.peer.take()}
	e.log = nil
	slices.Sort(o.Log) // stdout and stderr are two pipes, which overtake each other
	return o
}

const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"

// records gives what the hook has written, file by file in the order in which they were made.
func (e *environment) records(t *testing.T) []spool.Record {
	t.Helper()
	return readSpool(t, filepath.Join(e.TempDir(), "afterglow"))
}

func readSpool(t *testing.T, dir string) []spool.Record {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []spool.Name
	for _, entry := range entries {
		name, ok := spool.ParseName(entry.Name())
		if !ok {
			t.Errorf("%s is no name of the spool", entry.Name())
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", entry.Name(), info.Mode(), err)
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b spool.Name) int {
		if a.PID != b.PID {
			return a.PID - b.PID
		}
		return a.Number - b.Number
	})
	var found []spool.Record
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name.String()))
		if err != nil {
			t.Fatal(err)
		}
		first := true
		summary, err := spool.Read(data, func(r spool.Record) error {
			if first != (r.Kind == spool.KindProcess) {
				t.Errorf("%s: a %s record stands where it must not", name, r.Kind)
			}
			first = false
			found = append(found, r)
			return nil
		})
		if err != nil || summary.Lost+int64(summary.Torn+summary.Corrupt+summary.Unknown) != 0 || summary.TailStart != int64(len(data)) {
			t.Errorf("%s: %+v of %d bytes, %v", name, summary, len(data), err)
		}
	}
	return found
}

// of gives the records of one invocation, but for the descriptions of processes.
func of(records []spool.Record, id string) []spool.Record {
	var found []spool.Record
	for _, r := range records {
		if r.Invocation == id && r.Kind != spool.KindProcess {
			found = append(found, r)
		}
	}
	return found
}

// kinds shows records in one line: "invocation.start call.start GET /one call.end 200 invocation.end".
func kinds(records []spool.Record, p *peer) string {
	var words []string
	for _, r := range records {
		words = append(words, r.Kind)
		switch r.Kind {
		case spool.KindCallStart:
			words = append(words, r.Method, strings.TrimPrefix(r.URL, p.URL))
		case spool.KindCallEnd:
			if r.Status != 0 {
				words = append(words, fmt.Sprint(r.Status))
			}
		}
		if r.Error != nil {
			words = append(words, r.Error.Type)
		}
	}
	return strings.Join(words, " ")
}

func event(t *testing.T, p *peer, fields map[string]any) []byte {
	t.Helper()
	all := map[string]any{"peer": p.URL, "spool": "/tmp/afterglow"}
	maps.Copy(all, fields)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}
