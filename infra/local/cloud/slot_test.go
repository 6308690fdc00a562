package cloud

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// patience bounds waiting for what has to happen.
const patience = 10 * time.Second

// fakePool answers when it is told to.
type fakePool struct {
	name    string
	begun   chan struct{}
	release chan struct{}
	closed  chan struct{}

	working atomic.Int32 // invocations that are being answered
	broke   atomic.Int32 // how many of them a Close found
}

func newFakePool(name string) *fakePool {
	return &fakePool{name: name, begun: make(chan struct{}, 10), release: make(chan struct{}), closed: make(chan struct{})}
}

func (p *fakePool) Invoke(context.Context, lambdalocal.Invocation) (lambdalocal.Result, error) {
	p.working.Add(1)
	defer p.working.Add(-1)
	p.begun <- struct{}{}
	<-p.release
	return lambdalocal.Result{Payload: []byte(p.name)}, nil
}

func (p *fakePool) Provision(context.Context, int) error { return nil }

func (p *fakePool) Close(context.Context) error {
	p.broke.Store(p.working.Load())
	close(p.closed)
	return nil
}

func testCloud(t *testing.T) *Cloud {
	t.Helper()
	dir, err := newRunDir(t.Context(), t.TempDir(), func(what string) { t.Log(what) })
	if err != nil {
		t.Fatal(err)
	}
	c := &Cloud{dir: dir, slots: map[string]*slot{}, versions: map[string]*slot{}}
	if c.lines, err = newLines(dir, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.remove() })
	return c
}

// TestAReplacedFunctionLosesNoInvocation: who was invoking what ran gets its answer from it, who comes later gets the new
// one's at once, and what ran ends when nobody waits for it any more.
func TestAReplacedFunctionLosesNoInvocation(t *testing.T) {
	c := testCloud(t)
	files := filepath.Join(t.TempDir(), "code")
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	before, after := newFakePool("before"), newFakePool("after")
	close(after.release)
	s := c.slotOf("orders")
	s.replace(deployed.Function{}, &tenure{pool: before, files: []string{files}})
	answers := make(chan string, 2)
	for range 2 {
		go func() {
			result, err := s.Invoke(context.Background(), lambdalocal.Invocation{})
			if err != nil {
				t.Error(err)
			}
			answers <- string(result.Payload)
		}()
		within(t, before.begun, "the invocation")
	}
	c.retire("orders", s.replace(deployed.Function{}, &tenure{pool: after}))
	if result, err := s.Invoke(context.Background(), lambdalocal.Invocation{}); err != nil || string(result.Payload) != "after" {
		t.Errorf("got %s, %v", result.Payload, err)
	}
	for range 1000 { // whoever wants to close it now, may
		runtime.Gosched()
	}
	close(before.release)
	for range 2 {
		if answer := within(t, answers, "an answer"); answer != "before" {
			t.Errorf("got an answer from %s", answer)
		}
	}
	within(t, before.closed, "the end of what ran")
	if broke := before.broke.Load(); broke > 0 {
		t.Errorf("it was closed with %d invocations", broke)
	}
	c.retiring.Wait()
	if _, err := os.Stat(files); !os.IsNotExist(err) {
		t.Error("its code is still there")
	}
	if len(c.retired) != 0 {
		t.Errorf("%d are still on the list", len(c.retired))
	}
}

func TestAFunctionThatCannotRunRefuses(t *testing.T) {
	if _, err := (&slot{}).Invoke(context.Background(), lambdalocal.Invocation{}); err == nil {
		t.Error("got no error")
	}
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case got := <-c:
		return got
	case <-time.After(patience):
		t.Fatalf("not within %s: %s", patience, what)
		panic("unreachable")
	}
}
