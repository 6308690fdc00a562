package conformance

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// lambdaRun is a rule on internal/lambdalocal.
type lambdaRun struct {
	e *lambdalocal.Environment

	mu    sync.Mutex
	lines []string
	tmp   string
}

func startLambda(t *testing.T, r rule) *lambdaRun {
	t.Helper()
	return startLambdaOn(t, newStage(t, r), r.timeout)
}

// startLambdaOn runs whatever is on a stage.
func startLambdaOn(t *testing.T, s stage, timeout time.Duration) *lambdaRun {
	t.Helper()
	fn := lambdalocal.Function{ // whose runtime comes in the layer
		Name: functionName, ARN: functionARN, Handler: handler, Runtime: "provided.al2023", Code: t.TempDir(), Layers: []string{s.opt},
		Env: s.env, Timeout: timeout, MemoryMB: 1769, Account: "012345678912", Region: "us-east-1",
	}
	if fn.Timeout == 0 {
		fn.Timeout = patience
	}
	p := &lambdaRun{}
	opt := lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "env"), Keep: true, Log: func(l lambdalocal.Line) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines = append(p.lines, l.Text)
	}}
	var err error
	if p.e, err = lambdalocal.Start(t.Context(), fn, opt); err != nil {
		t.Fatal(err)
	}
	p.tmp = p.e.TempDir()
	t.Cleanup(func() {
		_ = os.WriteFile(filepath.Join(p.tmp, "end"), nil, 0o644) // actors that still wait may go
		p.shutdown(t)
	})
	return p
}

func (p *lambdaRun) invoke(t *testing.T, in invocation) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := p.e.Invoke(ctx, lambdalocal.Invocation{
		Payload: []byte(in.payload), TraceHeader: traceHeader, ClientContext: in.clientContext, TenantID: in.tenant,
	})
	if err == nil {
		err = p.e.Idle(ctx)
	}
	if err != nil {
		t.Errorf("invoke: %v", err)
		return "failed"
	}
	if res.FunctionError != "" {
		return res.FunctionError + " " + string(res.Payload)
	}
	return "answer " + string(res.Payload)
}

func (p *lambdaRun) shutdown(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.e.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (p *lambdaRun) trace() string { return filepath.Join(p.tmp, "trace") }

func (p *lambdaRun) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}
