package main

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

func TestInvocationsAreExported(t *testing.T) {
	r := collector(t)
	l := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL()+"/", "OTEL_EXPORTER_OTLP_HEADERS=api-key=k%2C1", "OTEL_SERVICE_NAME=shop").start()
	if got, want := wait(t, l.registered, "register"), (registration{"afterglow", "accountId", `{"events":["INVOKE","SHUTDOWN"]}`}); got != want {
		t.Errorf("registered as %+v", got)
	}
	l.awaitNext()
	l.hook("A", false)
	l.invoke("A", patience)
	l.finish("A")
	l.awaitNext()
	got := r.Spans() // they had arrived before next was asked for
	if len(got) != 2 {
		t.Fatalf("%d spans", len(got))
	}
	names := map[otlptest.Kind]int{}
	for _, s := range got {
		names[s.Kind]++
		if s.Service() != "shop" || s.Resource["faas.name"] != "orders" || s.Resource["cloud.region"] != "eu-central-1" || s.Resource["faas.max_memory"] != int64(128<<20) {
			t.Errorf("resource %v", s.Resource)
		}
		if s.TraceID != "5759e988bd862e3fe1be46a994272793" {
			t.Errorf("trace %s", s.TraceID)
		}
	}
	if names[otlptest.Server] != 1 || names[otlptest.Client] != 1 {
		t.Errorf("kinds %v", names)
	}
	for _, q := range r.Requests() {
		if q.Path != "/v1/traces" && q.Path != "/v1/metrics" || q.Header.Get("api-key") != "k,1" || q.Header.Get("User-Agent") != "afterglow/"+release || strings.Contains(string(q.Body), "hunter2") {
			t.Errorf("request to %s with %v", q.Path, q.Header)
		}
	}
	// A warm invocation that was over before the extension looked, and one that is killed.
	l.hook("B", true)
	l.invoke("B", patience)
	l.awaitNext()
	spans(t, r, 4)
	l.hook("C", false)
	l.shutdown()
	spans(t, r, 6)
	if left, _ := os.ReadDir(l.dir); len(left) != 0 {
		t.Errorf("left in the spool: %v", left)
	}
	if l.output.String() != "" {
		t.Errorf("said: %s", l.output.String())
	}
}

// finish renames the file of an invocation that hook left open.
func (l *lambda) finish(id string) {
	l.t.Helper()
	name := filepath.Join(l.dir, fmt.Sprintf("%s.17.%d.", id, l.files))
	if err := os.Rename(name+"open", name+"done"); err != nil {
		l.t.Fatal(err)
	}
}

func TestRegisteringIsRefused(t *testing.T) {
	events := func(bodies ...string) string { return strings.Join(bodies, " ") }
	const both, end, none = `{"events":["INVOKE","SHUTDOWN"]}`, `{"events":["SHUTDOWN"]}`, `{"events":[]}`
	refuse := func(w http.ResponseWriter, status int, kind string) bool {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errorType":%q,"errorMessage":"no"}`, kind)
		return true
	}
	tests := []struct {
		name   string
		env    []string
		refuse func(n int, w http.ResponseWriter) bool
		want   string
	}{
		{"not at all", nil, nil, events(both)},
		{"switched off", []string{"AFTERGLOW_DISABLED=TRUE"}, nil, events(none)},
		{"on managed instances", []string{"AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances"}, nil, events(end)},
		{"INVOKE is not offered", nil, func(n int, w http.ResponseWriter) bool { return n == 1 && refuse(w, 403, "Extension.InvalidEventType") }, events(both, end)},
		{"nothing is offered", nil, func(n int, w http.ResponseWriter) bool { return n <= 2 && refuse(w, 403, "Extension.InvalidEventType") }, events(both, end, none)},
		{"for a while", nil, func(n int, w http.ResponseWriter) bool { return n <= 3 && refuse(w, 500, "InternalServerError") }, events(both, both, both, both)},
		{"by a connection that breaks", nil, func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
					conn.Close()
				}
			}
			return n == 1
		}, events(both, both)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLambda(t, test.env...)
			l.refuse = test.refuse
			l.start().awaitNext()
			var got []string
			for len(l.registered) > 0 {
				got = append(got, (<-l.registered).Body)
			}
			if events(got...) != test.want {
				t.Errorf("asked for %s", got)
			}
			l.shutdown()
		})
	}
}

// TestNothingHoldsTheFunction: whatever is broken, the extension asks for the next event in time and ends well.
func TestNothingHoldsTheFunction(t *testing.T) {
	const (
		long    = 10 * time.Second
		atOnce  = 2 * time.Second // at the lowest priority on a busy machine; what is not done at once here takes ten
		short   = 3 * time.Second
		inTime  = short - 100*time.Millisecond
		margin1 = "AFTERGLOW_DEADLINE_MARGIN=1s"
	)
	tests := []struct {
		name    string
		prepare func(*testing.T, *lambda)
		timeout time.Duration // of the invocation
		within  time.Duration
	}{
		{"no hook", func(t *testing.T, l *lambda) { l.collect(collector(t).URL()) }, long, atOnce},
		{"nowhere to export to", func(_ *testing.T, l *lambda) { l.hook("A", true) }, long, atOnce},
		{"the spool is a file", func(t *testing.T, l *lambda) {
			l.collect(collector(t).URL())
			if err := os.WriteFile(l.dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, long, atOnce},
		{"the spool cannot be made", func(t *testing.T, l *lambda) {
			l.collect(collector(t).URL())
			l.env = append(l.env, "AFTERGLOW_SPOOL_DIR=/proc/nowhere/afterglow")
		}, long, atOnce},
		{"the spool is full of nonsense", func(t *testing.T, l *lambda) {
			l.collect(collector(t).URL())
			l.hook("A", true)
			for n := range 2000 {
				if err := os.WriteFile(filepath.Join(l.dir, fmt.Sprintf("x%d", n)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, long, atOnce},
		{"nobody collects", func(_ *testing.T, l *lambda) {
			s := httptest.NewServer(nil)
			s.Close()
			l.collect(s.URL)
			l.hook("A", true)
		}, long, atOnce},
		{"the collector hangs", func(t *testing.T, l *lambda) {
			r := collector(t)
			r.Otherwise(otlptest.Answer{Hang: true})
			l.collect(r.URL())
			l.hook("A", true)
		}, short, inTime},
		{"the collector drips", func(t *testing.T, l *lambda) {
			r := collector(t)
			r.Otherwise(otlptest.Answer{Drip: time.Hour, Message: "x"})
			l.collect(r.URL())
			l.hook("A", true)
		}, short, inTime},
		{"the collector is not let wait for", func(t *testing.T, l *lambda) {
			r := collector(t)
			r.Otherwise(otlptest.Answer{Hang: true})
			l.collect(r.URL())
			l.env = append(l.env, "OTEL_EXPORTER_OTLP_TIMEOUT=50")
			l.hook("A", true)
		}, long, atOnce},
		{"the collector resets", func(t *testing.T, l *lambda) {
			r := collector(t)
			r.Otherwise(otlptest.Answer{Reset: true})
			l.collect(r.URL())
			l.hook("A", true)
		}, long, atOnce},
		{"the hook says nothing", func(t *testing.T, l *lambda) {
			l.collect(collector(t).URL())
			l.hook("another", false)
		}, long, 500*time.Millisecond + atOnce},
		{"the function does not end", func(t *testing.T, l *lambda) {
			l.collect(collector(t).URL())
			l.hook("A", false)
		}, short, inTime},
		{"the endpoint is no URL", func(_ *testing.T, l *lambda) { l.collect("collector:4318"); l.hook("A", true) }, long, atOnce},
		{"every setting is nonsense", func(_ *testing.T, l *lambda) {
			l.hook("A", true)
			for _, name := range []string{"AFTERGLOW_DISABLED", "AFTERGLOW_LOG_LEVEL", "AFTERGLOW_LIMIT_FIELD_BYTES", "AFTERGLOW_DEADLINE_MARGIN", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT"} {
				l.env = append(l.env, name+"=hunter2")
			}
		}, long, atOnce},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLambda(t, margin1)
			l.subscribe = tells
			test.prepare(t, l)
			l.start().ready()
			if l.files > 0 {
				l.touch()
			}
			sent := l.invoke("A", test.timeout).Add(-test.timeout)
			l.awaitNext()
			if took := time.Since(sent); took > test.within {
				t.Errorf("held for %v, allowed are %v", took, test.within)
			}
			l.shutdown()
			if strings.Contains(l.output.String(), "hunter2") && !strings.Contains(test.name, "setting") {
				t.Errorf("said: %s", l.output.String())
			}
		})
	}
}

func (l *lambda) collect(url string) { l.env = append(l.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+url) }

// touch makes the spool's files as young as if they had just been written.
func (l *lambda) touch() {
	l.t.Helper()
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(l.dir, e.Name()), time.Now(), time.Now()); err != nil {
			l.t.Fatal(err)
		}
	}
}

func TestCollectorComesBack(t *testing.T) {
	r := collector(t)
	r.Script(otlptest.Answer{Status: 503, RetryAfter: "1"}, otlptest.Answer{Reset: true})
	l := newLambda(t)
	l.collect(r.URL())
	l.start().ready()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext()
	if n := len(r.Spans()); n != 0 {
		t.Errorf("%d spans were accepted", n)
	}
	l.hook("B", true)
	l.shutdown() // the reset is answered by another try, at once
	spans(t, r, 4)
}

func TestWhatAnEarlierLifeLeft(t *testing.T) {
	r := collector(t)
	l := newLambda(t)
	l.collect(r.URL())
	l.hook("A", false)
	before := time.Now().Add(-time.Minute)
	entries, _ := os.ReadDir(l.dir)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(l.dir, e.Name()), before, before); err != nil {
			t.Fatal(err)
		}
	}
	l.start().ready()
	sent := l.invoke("B", patience)
	l.awaitNext()
	if time.Until(sent) < patience/2 {
		t.Error("it waited for a hook that is gone")
	}
	l.shutdown()
	spans(t, r, 2)
}

// TestLogThatNobodyReads: writing to a closed pipe ends a Go process that does not take care.
func TestLogThatNobodyReads(t *testing.T) {
	l := newLambda(t, "AFTERGLOW_DEADLINE_MARGIN=nonsense")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	l.startWith(write)
	write.Close()
	l.ready()
	l.invoke("A", time.Second)
	l.awaitNext()
	l.shutdown()
}

// TestProxy: the function's proxy is for the collector, not for Lambda.
func TestProxy(t *testing.T) {
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.RequestURI
		io.Copy(io.Discard, r.Body)
	}))
	defer proxy.Close()
	l := newLambda(t, "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector.invalid/custom")
	l.start().ready()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext()
	l.shutdown()
	if got := wait(t, asked, "the proxy"); got != "http://collector.invalid/custom" {
		t.Errorf("the proxy was asked for %s", got)
	}
}

// TestTLS: roots are read when they are first needed, by the process that runs beside the function.
func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(nil) // for its certificate alone
	defer s.Close()
	r, err := otlptest.Start(otlptest.Options{TLS: &tls.Config{Certificates: s.TLS.Certificates}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLambda(t, "SSL_CERT_FILE="+roots)
	l.collect(r.URL())
	l.start().ready()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext()
	l.shutdown()
	spans(t, r, 2)
}

// TestPriority: every thread has the lowest priority while a function may be running.
func TestPriority(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("priorities of threads are read from /proc")
	}
	r := collector(t)
	l := newLambda(t)
	l.collect(r.URL())
	l.start().ready()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext() // work was done, threads were made
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", l.cmd.Process.Pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%d threads, %v", len(tasks), err)
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // field 2 is the name; nice is field 19
		if nice, err := strconv.Atoi(strings.Fields(rest)[16]); err != nil || nice != 19 {
			t.Errorf("%s: nice %d, %v", task, nice, err)
		}
	}
	l.shutdown()
}
