//go:build linux

package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// What hooks keep by default (settings/table.go).
const keptBody = 32 << 10

const arn = "arn:aws:lambda:eu-west-1:123456789012:function:bench"

// A Hook writes the spool as hooks do: a file for each invocation, a write for each record, a rename at the end.
type Hook struct {
	dir    string
	pid    int
	number int
	calls  int
}

// NewHook is a hook that has been loaded: the file that tells so is there.
func NewHook(dir string) (*Hook, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	h := &Hook{dir: dir, pid: os.Getpid()}
	f, err := h.open(spool.InvocationInit)
	if err != nil {
		return nil, err
	}
	return h, f.end()
}

// A file is that of one invocation.
type file struct {
	*os.File
	hook  *Hook
	name  spool.Name
	inv   string
	mark  string
	bytes []byte // of one record
	err   error  // the first one
}

func (h *Hook) open(inv string) (*file, error) {
	h.number++
	name := spool.Name{Invocation: inv, PID: h.pid, Number: h.number, State: spool.StateOpen}
	f, err := os.OpenFile(filepath.Join(h.dir, name.String()), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open spool file: %w", err)
	}
	out := &file{File: f, hook: h, name: name, inv: inv, mark: spool.NewMark()}
	out.bytes = spool.AppendHead(nil, out.mark)
	out.write(spool.Header{Kind: spool.KindProcess, Process: &spool.Process{PID: h.pid, Runtime: "nodejs", Version: "22.11.0", Hook: "0.1.0",
		Env: map[string]string{"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[$LATEST]0", "_HANDLER": "index.handler"}}})
	return out, out.err
}

func (f *file) write(h spool.Header, parts ...[]byte) {
	if f.err != nil {
		return
	}
	h.Invocation, h.Time = f.inv, time.Now().UnixMicro()
	f.bytes, f.err = spool.AppendRecord(f.bytes, f.mark, h, parts...)
	if f.err == nil {
		_, f.err = f.Write(f.bytes)
	}
	f.bytes = f.bytes[:0]
}

// end makes the rename.
func (f *file) end() error {
	if err := f.Close(); f.err == nil {
		f.err = err
	}
	if f.err == nil {
		f.err = os.Rename(filepath.Join(f.hook.dir, f.name.String()), filepath.Join(f.hook.dir, f.name.Done().String()))
	}
	return f.err
}

// begin writes the start of an invocation.
func (h *Hook) begin(id string, deadline time.Time) (*file, error) {
	f, err := h.open(id)
	if err != nil {
		return nil, err
	}
	p, body := part(spool.PartEvent, string(Event(id)), keptBody)
	f.write(spool.Header{Kind: spool.KindInvocationStart, ARN: arn, Deadline: deadline.UnixMilli(), Trace: trace, Handler: "index.handler", Parts: []spool.Part{p}}, body)
	return f, f.err
}

// call writes both records of a call.
func (f *file) call(c Call) {
	f.hook.calls++
	name := fmt.Sprintf("%d-%d", f.hook.pid, f.hook.calls)
	start := spool.Header{Kind: spool.KindCallStart, Call: name, Library: "https", Method: c.Method, URL: c.URL, Headers: c.Headers}
	if c.Request == "" {
		f.write(start)
	} else {
		p, body := part(spool.PartRequest, c.Request, keptBody)
		start.Parts = []spool.Part{p}
		f.write(start, body)
	}
	p, body := part(spool.PartResponse, c.Response, keptBody)
	f.write(spool.Header{Kind: spool.KindCallEnd, Call: name, Status: c.Status, Headers: c.Answered, Protocol: "HTTP/1.1", Peer: "203.0.113.9:443",
		FirstByte: 1800, Duration: 2100, Parts: []spool.Part{p}}, body)
}

// finish writes the end of the invocation and makes the rename.
func (f *file) finish(took time.Duration) error {
	p, body := part(spool.PartResponse, `{"statusCode":201,"headers":{"content-type":"application/json"},"body":"{\"orderId\":\"A-1\"}"}`, keptBody)
	f.write(spool.Header{Kind: spool.KindInvocationEnd, Duration: took.Microseconds(), Status: 201, Parts: []spool.Part{p}}, body)
	return f.end()
}

// Invocation writes a whole invocation at once.
func (h *Hook) Invocation(id string, calls []Call) error {
	f, err := h.begin(id, time.Now().Add(time.Minute))
	if err != nil {
		return err
	}
	for _, c := range calls {
		f.call(c)
	}
	return f.finish(20 * time.Millisecond)
}

// trace is the trace header of every invocation.
const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
