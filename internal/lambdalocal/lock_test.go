package lambdalocal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder has one environment at a time, whoever asks for a second one, and that one says what to do about it.
func TestSameDir(t *testing.T) {
	fn, opt, _ := lambda{}.make(t)
	first, err := Start(t.Context(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(t.Context())
	invoke(t, first, `{"do":"touch=/tmp/mine"}`)
	if _, err := Start(t.Context(), fn, opt); err == nil || !strings.Contains(err.Error(), opt.Dir+" is in use") || !strings.Contains(err.Error(), "Options.Dir") {
		t.Errorf("the second one: %v", err)
	}
	if r, _ := invoke(t, first, `{"do":"cat=/tmp/mine ls=/var/task"}`); r.FunctionError != "" {
		t.Errorf("the first one after that: %s", r.Payload)
	}
	if _, err := os.Stat(filepath.Join(first.TempDir(), "mine")); err != nil {
		t.Error(err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := Start(t.Context(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two pools in one folder are two environments in one folder.
func TestPoolsInSameDir(t *testing.T) {
	fn, opt, _ := lambda{}.make(t)
	one, two := NewPool(fn, opt, 1), NewPool(fn, opt, 1)
	for i, p := range []*Pool{one, two} {
		defer p.Close(t.Context())
		if _, err := p.Invoke(t.Context(), Invocation{Payload: []byte(`{}`)}); (err == nil) != (i == 0) {
			t.Errorf("pool %d: %v", i, err)
		}
	}
	if r, err := one.Invoke(t.Context(), Invocation{Payload: []byte(`{"do":"ls=/var/task"}`)}); err != nil || r.FunctionError != "" {
		t.Errorf("the first pool after that: %v %s", err, r.Payload)
	}
}

// What is kept is not locked, and a lock file that nobody holds is no obstacle.
func TestUnlock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "env")
	writeFile(t, filepath.Join(dir, lockName), "", 0o600)
	for range 2 {
		l, err := newLayout(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.unlock(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, lockName)); !os.IsNotExist(err) {
			t.Errorf("the lock file: %v", err)
		}
	}
}
