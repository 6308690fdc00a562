package lambdalocal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// caller takes a streamed response as a front does.
type caller struct {
	mu     sync.Mutex
	heads  []StreamHead
	pieces []string
	wrote  func(piece string) error // may be nil
}

func (c *caller) stream(head StreamHead) io.Writer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads = append(c.heads, head)
	return c
}

func (c *caller) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pieces = append(c.pieces, string(p))
	if c.wrote != nil {
		if err := c.wrote(string(p)); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *caller) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.pieces, "")
}

// invokeStream invokes with a stream.
func invokeStream(t *testing.T, e *Environment, c *caller, payload string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := e.Invoke(ctx, Invocation{Payload: []byte(payload), Stream: c.stream})
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return r
}

// Source: EXT, reference 2.2: the caller has the bytes as they are written. The runtime goes on only when
// the test has had the piece before, so that nothing can have been kept back.
func TestStreamComesPieceByPiece(t *testing.T) {
	e, _ := lambda{}.start(t)
	c := &caller{}
	c.wrote = func(piece string) error {
		return os.WriteFile(filepath.Join(e.TempDir(), "had-"+piece), nil, 0o644)
	}
	begun := time.Now()
	r := invokeStream(t, e, c, `{"do":"open=text/plain piece=one until=/tmp/had-one piece=two until=/tmp/had-two close"}`)
	if !slices.Equal(c.pieces, []string{"one", "two"}) || len(r.Payload) != 0 || r.FunctionError != "" {
		t.Errorf("pieces %q, result %+v", c.pieces, r)
	}
	if len(c.heads) != 1 || c.heads[0].ContentType != "text/plain" || !c.heads[0].Streaming || r.ContentType != "text/plain" {
		t.Errorf("heads are %+v", c.heads)
	}
	if left := c.heads[0].Deadline.Sub(begun); left < patience || left > 2*patience {
		t.Errorf("the function has %v left", left)
	}
	if err := e.Idle(t.Context()); err != nil || e.LastReport().Status != "success" {
		t.Errorf("report is %+v (%v)", e.LastReport(), err)
	}
}

// Source: RIE core/directinvoke: a caller that waits for the whole gets the whole, and one that streams gets
// a response that the runtime did not stream.
func TestStreamAndWhole(t *testing.T) {
	e, _ := lambda{}.start(t)
	if r, _ := invoke(t, e, `{"do":"open=text/plain piece=one piece=two close"}`); string(r.Payload) != "onetwo" || r.FunctionError != "" || r.ContentType != "text/plain" {
		t.Errorf("result is %+v, %s", r, r.Payload)
	}
	c := &caller{}
	if r := invokeStream(t, e, c, `{"n":1}`); c.text() != `{"n":1}` || len(r.Payload) != 0 || c.heads[0].Streaming {
		t.Errorf("pieces %q, heads %+v, result %+v", c.pieces, c.heads, r)
	}
}

// Sources: RTAPI, RIE core/directinvoke, RIE-LMI invoke/running_invoke.go: how a stream ends that does not
// end well. What the caller has had it keeps; the result tells the error.
func TestStreamThatBreaks(t *testing.T) {
	for _, c := range []struct {
		name, do   string
		timeout    time.Duration
		errorTypes []string
		payload    string
		had        string
		status     string // of the report
	}{
		{"error in the trailers", "open=text/plain piece=half break=Runtime.StreamError", 0, []string{"Runtime.StreamError"},
			`{"errorMessage":"broke","errorType":"Runtime.StreamError"}`, "half", "success"},
		{"error in the trailers of a type that is not kept", "open=text/plain piece=half break=Bad", 0, []string{"Runtime.Unknown"},
			`{"errorMessage":"broke","errorType":"Bad"}`, "half", "success"},
		// The broken connection and the exit are told by two, and either may come first.
		{"the runtime ends", "open=text/plain piece=half until=/tmp/had exit=3", 0, []string{"Runtime.ExitError", "Runtime.TruncatedResponse"},
			`"errorType":"Runtime.`, "half", "error"},
		{"timeout", "open=text/plain piece=half sleep=1h", time.Second, []string{"Sandbox.Timedout"}, "Task timed out after 1.00 seconds", "half", "timeout"},
		{"error instead of a stream", "error=Function.Bad", 0, []string{"Function.Bad"}, `{"errorMessage":"told"}`, "", "success"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := lambda{timeout: c.timeout}.start(t)
			to := &caller{wrote: func(string) error { return os.WriteFile(filepath.Join(e.TempDir(), "had"), nil, 0o644) }}
			r := invokeStream(t, e, to, `{"do":"`+c.do+`"}`)
			if r.FunctionError != "Unhandled" || !slices.Contains(c.errorTypes, r.ErrorType) || !strings.Contains(string(r.Payload), c.payload) {
				t.Errorf("result is %+v, %s", r, r.Payload)
			}
			if to.text() != c.had || (len(to.heads) == 0) != (c.had == "") {
				t.Errorf("the caller had %q", to.pieces)
			}
			if err := e.Idle(t.Context()); err != nil || e.LastReport().Status != c.status {
				t.Errorf("report is %+v (%v)", e.LastReport(), err)
			}
		})
	}
}

// Source: AWS "configuration-response-streaming": a caller that hangs up does not end the function.
func TestStreamWhoseCallerHangsUp(t *testing.T) {
	e, log := lambda{}.start(t)
	c := &caller{wrote: func(string) error {
		return errors.Join(errors.New("broken pipe"), os.WriteFile(filepath.Join(e.TempDir(), "had"), nil, 0o644))
	}}
	r := invokeStream(t, e, c, `{"do":"open=text/plain piece=one until=/tmp/had piece=two close say=finished"}`)
	if !slices.Equal(c.pieces, []string{"one"}) || r.FunctionError != "" {
		t.Errorf("pieces %q, result %+v", c.pieces, r)
	}
	log.wait(t, "finished")
	ctx, cancel := context.WithCancel(t.Context())
	c = &caller{wrote: func(string) error { cancel(); return nil }}
	if _, err := e.Invoke(ctx, Invocation{Payload: []byte(`{"do":"open=text/plain piece=one until=/tmp/left piece=two close"}`), Stream: c.stream}); err == nil {
		t.Error("no error")
	}
	writeFile(t, filepath.Join(e.TempDir(), "left"), "", 0o644)
	if err := e.Idle(t.Context()); err != nil || e.LastReport().Status != "success" {
		t.Errorf("report is %+v (%v)", e.LastReport(), err)
	}
	if c.text() != "one" {
		t.Errorf("after its Invoke had returned the caller got %q", c.text())
	}
}

// Source: LIM: 200 MB; the first 6 MB at once, then 2 MB/s.
func TestStreamLimits(t *testing.T) {
	const more = 2 << 20
	e, log := lambda{change: func(_ *Function, o *Options) { o.StreamRate = 8 << 20 }}.start(t)
	c := &caller{}
	begun := time.Now()
	r := invokeStream(t, e, c, `{"do":"open=text/plain bytes=6291456 say=burst bytes=2097152 close"}`)
	if took := time.Since(begun); len(c.text()) != streamBurst+more || r.FunctionError != "" || took < 200*time.Millisecond {
		t.Errorf("%d bytes in %v, %s", len(c.text()), took, r.FunctionError)
	}
	log.wait(t, "burst")
	b := &body{limit: 10, stream: io.Discard, bucket: newThrottle(0).bucket()}
	if err := b.copy(t.Context(), strings.NewReader("12345678901")); !errors.Is(err, errTooLarge) {
		t.Errorf("too large a stream: %v", err)
	}
	if got := newThrottle(0); got.rate != 2<<20 || got.burst != 6<<20 || maxStream != 200<<20 {
		t.Errorf("Lambda's limits are %+v", got)
	}
}

// A stream that is throttled ends with its request.
func TestThrottledStreamEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := &body{limit: maxStream, stream: io.Discard, bucket: (throttle{burst: 1, rate: 1}).bucket()}
	cancel()
	if err := b.copy(ctx, strings.NewReader("more than one byte")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A stream that is larger than its limit breaks: the caller keeps what fitted.
func TestBodyTimes(t *testing.T) {
	var out bytes.Buffer
	b := &body{limit: 4, stream: &out, bucket: newThrottle(-1).bucket()}
	begun := time.Now()
	var between time.Time
	err := b.copy(t.Context(), io.MultiReader(strings.NewReader("ab"), reading(func() { between = time.Now() }), strings.NewReader("cdef")))
	if !errors.Is(err, errTooLarge) || out.String() != "abcd" || b.size != 6 {
		t.Errorf("%v, %q, %d bytes", err, out.String(), b.size)
	}
	if b.first.Before(begun) || b.first.After(between) || b.last.Before(between) {
		t.Errorf("first byte %v, then %v, last byte %v", b.first, between, b.last)
	}
}

// reading is an empty reader that tells when it is read.
type reading func()

func (r reading) Read([]byte) (int, error) { r(); return 0, io.EOF }

// Source: reference 3.6: responseLatency ends with the first byte of the response, not with its headers, and
// responseDuration with the last one.
func TestResponseTimes(t *testing.T) {
	r := newAPIRig(t)
	in := r.invoked()
	read, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.a.addr()+"/2018-06-01/runtime/invocation/req-1/response", read)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	eventually(t, "the response's beginning", func() bool {
		r.g.mu.Lock()
		defer r.g.mu.Unlock()
		return in.state == runtimeResponse
	})
	begun := time.Now()
	io.WriteString(write, "body")
	write.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if res := in.response; in.responding.Before(begun) || !in.responding.Equal(res.first) || res.at.Before(res.first) || res.size != 4 {
		t.Errorf("begun %v, first byte %v (%v), last byte %v, %d bytes", begun, in.responding, res.first, res.at, res.size)
	}
}

// Sources: NODERIC, RUSTRT: JSON, eight NUL bytes, the body.
func TestPrelude(t *testing.T) {
	const head = `{"statusCode":201,"headers":{"content-type":"text/html"},"cookies":["a=b"]}`
	for _, c := range []struct {
		name   string
		pieces []string
		status int
		body   string
		fails  bool
	}{
		{"in one piece", []string{head + preludeEnd + "body"}, 201, "body", false},
		{"each in its own", []string{head, preludeEnd, "bo", "dy"}, 201, "body", false},
		{"cut in its end", []string{head + preludeEnd[:3], preludeEnd[3:] + "body"}, 201, "body", false},
		{"empty", []string{"{}" + preludeEnd}, 200, "", false},
		{"no JSON", []string{"{" + preludeEnd + "body"}, 0, "", true},
		{"no end", []string{head}, 0, "", true},
		{"no end in sight", []string{strings.Repeat("x", maxPrelude+1)}, 0, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got HTTPPrelude
			var body bytes.Buffer
			w := NewPreludeWriter(func(p HTTPPrelude) io.Writer { got = p; return &body })
			var err error
			for _, piece := range c.pieces {
				_, writeErr := io.WriteString(w, piece)
				err = errors.Join(err, writeErr)
			}
			err = errors.Join(err, w.Close())
			if got.StatusCode != c.status || body.String() != c.body || (err != nil) != c.fails {
				t.Errorf("prelude %+v, body %q, error %v", got, body.String(), err)
			}
			if c.status == 201 && (got.Headers["content-type"] != "text/html" || !slices.Equal(got.Cookies, []string{"a=b"})) {
				t.Errorf("prelude %+v", got)
			}
		})
	}
}
