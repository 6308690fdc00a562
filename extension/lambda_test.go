package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/spool"
)

// asExtension makes the test's binary the extension: the tests run the real process without building it again.
const asExtension = "TEST_AS_AFTERGLOW"

func TestMain(m *testing.M) {
	if os.Getenv(asExtension) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience bounds every wait for something that should be a matter of milliseconds.
const patience = 20 * time.Second

// A registration is what the extension said of itself.
type registration struct {
	Name    string
	Feature string
	Body    string
}

// A lambda plays Lambda to one extension process, and the function's process too.
type lambda struct {
	t      *testing.T
	dir    string // of the spool
	api    *httptest.Server
	env    []string
	refuse func(n int, w http.ResponseWriter) bool // answers the n-th registration itself

	subscribe func(w http.ResponseWriter) // answers the subscription; nil says that it will tell nothing, which is what it does

	registered chan registration
	subscribed chan string // what was subscribed with
	nexts      chan bool   // one for every next that is asked for
	events     chan string // what next answers

	cmd    *exec.Cmd
	output syncBuffer
	ended  chan error
	files  int
}

// A syncBuffer is a bytes.Buffer for two goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLambda(t *testing.T, env ...string) *lambda {
	l := &lambda{
		t: t, dir: filepath.Join(t.TempDir(), "afterglow"), ended: make(chan error, 1),
		registered: make(chan registration, 100), subscribed: make(chan string, 100), nexts: make(chan bool, 100), events: make(chan string),
	}
	mux := http.NewServeMux()
	var n atomic.Int32
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.registered <- registration{r.Header.Get("Lambda-Extension-Name"), r.Header.Get("Lambda-Extension-Accept-Feature"), string(body)}
		if l.refuse != nil && l.refuse(int(n.Add(1)), w) {
			return
		}
		w.Header().Set("Lambda-Extension-Identifier", "11111111-2222-3333-4444-555555555555")
		io.WriteString(w, `{"functionName":"orders","functionVersion":"$LATEST","handler":"app.handler","accountId":"123456789012"}`)
	})
	mux.HandleFunc("PUT /2022-07-01/telemetry", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.subscribed <- string(body)
		if l.subscribe != nil {
			l.subscribe(w)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(w http.ResponseWriter, r *http.Request) {
		l.nexts <- true
		select {
		case e := <-l.events:
			io.WriteString(w, e)
		case <-r.Context().Done():
		}
	})
	l.api = httptest.NewUnstartedServer(mux) // start starts it, when the test has said what it needs
	t.Cleanup(l.api.Close)
	l.env = append([]string{
		asExtension + "=1", "AWS_LAMBDA_RUNTIME_API=" + l.api.Listener.Addr().String(), "AFTERGLOW_SPOOL_DIR=" + l.dir,
		"AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_REGION=eu-central-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	}, env...)
	return l
}

// tells answers a subscription as Lambda does, whose word is waited for at the end.
func tells(w http.ResponseWriter) { io.WriteString(w, `"OK"`) }

// start starts the extension. It is killed at the end of the test if it has not ended by itself.
func (l *lambda) start() *lambda { return l.startWith(&l.output) }

func (l *lambda) startWith(output io.Writer) *lambda {
	l.t.Helper()
	l.api.Start()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	l.cmd = exec.Command(self)
	l.cmd.Args = []string{"/opt/extensions/afterglow"}
	l.cmd.Env = l.env
	l.cmd.Stdout, l.cmd.Stderr = output, output
	if err := l.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	gone := make(chan bool)
	go func() { l.ended <- l.cmd.Wait(); close(gone) }()
	l.t.Cleanup(func() {
		l.cmd.Process.Kill()
		<-gone
		if l.t.Failed() {
			l.t.Logf("the extension said:\n%s", l.output.String())
		}
	})
	return l
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// ready waits until the extension has registered and asked for its first event.
func (l *lambda) ready() *lambda {
	l.t.Helper()
	wait(l.t, l.registered, "register")
	wait(l.t, l.nexts, "the first next")
	return l
}

// invoke tells of an invocation. awaitNext waits until the extension is done with it.
func (l *lambda) invoke(id string, timeout time.Duration) (deadline time.Time) {
	l.t.Helper()
	deadline = time.Now().Add(timeout)
	e, err := json.Marshal(map[string]any{
		"eventType": "INVOKE", "deadlineMs": deadline.UnixMilli(), "requestId": id, "invokedFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:orders",
		"tracing": map[string]string{"type": "X-Amzn-Trace-Id", "value": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.send(string(e))
	return deadline
}

func (l *lambda) send(event string) {
	l.t.Helper()
	select {
	case l.events <- event:
	case <-time.After(patience):
		l.t.Fatal("nobody asks for the next event")
	}
}

func (l *lambda) awaitNext() {
	l.t.Helper()
	wait(l.t, l.nexts, "next")
}

// shutdown ends the environment and expects the extension to end with success. That it ends in time is held by tests with a clock of their
// own: at the lowest priority, beside whatever else runs on this machine, no time can be promised.
func (l *lambda) shutdown() { l.t.Helper(); l.end("spindown") }

func (l *lambda) end(reason string) {
	l.t.Helper()
	l.send(fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":%q}`, time.Now().Add(patience).UnixMilli(), reason))
	if err := wait(l.t, l.ended, "the end"); err != nil {
		l.t.Errorf("the extension ended with %v", err)
	}
}

// hook makes the files of the function's process: its init, then an invocation with one HTTP call, which ends if it is told to.
func (l *lambda) hook(id string, ended bool) {
	l.t.Helper()
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	if l.files == 0 {
		l.files++
		l.file(spool.Name{Invocation: "init", PID: 17, Number: l.files, State: spool.StateOpen}, true)
	}
	l.files++
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).UnixMicro() }
	l.file(spool.Name{Invocation: id, PID: 17, Number: l.files, State: spool.StateOpen}, ended,
		spool.Header{Kind: spool.KindInvocationStart, Invocation: id, Time: at(0), ARN: "arn:aws:lambda:eu-central-1:123456789012:function:orders", Cold: l.files == 2},
		spool.Header{Kind: spool.KindCallStart, Invocation: id, Call: fmt.Sprintf("17-%d", l.files), Time: at(time.Millisecond), Library: "http.client", Method: "POST",
			URL: "https://payments.example.com/charge?password=hunter2", Headers: [][2]string{{"Authorization", "Bearer hunter2"}}},
		spool.Header{Kind: spool.KindCallEnd, Invocation: id, Call: fmt.Sprintf("17-%d", l.files), Time: at(5 * time.Millisecond), Duration: 4000, Status: 200},
		spool.Header{Kind: spool.KindInvocationEnd, Invocation: id, Time: at(6 * time.Millisecond), Duration: 6000},
	)
}

// file appends records to a new file, one write each, and renames it if that is wanted.
func (l *lambda) file(n spool.Name, done bool, records ...spool.Header) {
	l.t.Helper()
	path := filepath.Join(l.dir, n.String())
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	mark := spool.NewMark()
	process := spool.Header{Kind: spool.KindProcess, Process: &spool.Process{PID: n.PID, Runtime: "python", Version: "3.13.1", Hook: "0.1.0", Env: map[string]string{
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"}}}
	b := spool.AppendHead(nil, mark)
	for _, h := range append([]spool.Header{process}, records...) {
		if b, err = spool.AppendRecord(b, mark, h); err != nil {
			l.t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			l.t.Fatal(err)
		}
		b = nil
	}
	if done {
		if err := os.Rename(path, filepath.Join(l.dir, n.Done().String())); err != nil {
			l.t.Fatal(err)
		}
	}
}

// collector starts a collector and checks at the end that nothing about what it got was wrong.
func collector(t *testing.T) *otlptest.Receiver {
	t.Helper()
	r, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		for _, v := range r.Violations() {
			t.Errorf("violation of the protocol: %s", v)
		}
	})
	return r
}

// spans waits until the collector has so many.
func spans(t *testing.T, r *otlptest.Receiver, n int) []otlptest.Span {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Wait(ctx, func(s []otlptest.Span) bool { return len(s) >= n }); err != nil {
		t.Fatal(err)
	}
	return r.Spans()
}
