package intake

import (
	"os"
	"syscall"
	"testing"
)

// exhaust lets this process have no more descriptors than it has, until the test ends or give is called.
func exhaust(t *testing.T) (give func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	give = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(give)
	next, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0) // the lowest that is free: none is below it
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Close(next)
	none := before
	none.Cur = uint64(next) //nolint:gosec // it is no error
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	return give
}

func twoInvocations(t *testing.T) (dir string, in *Intake) {
	dir = t.TempDir()
	for _, id := range []string{"A", "B"} {
		put(t, dir, id+".17."+map[string]string{"A": "1", "B": "2"}[id]+".done", encode(t, true, process(17), begin(id), end(id)))
	}
	return dir, New(dir, born)
}

// TestNoDescriptorIsFree: one was put by for the spool.
func TestNoDescriptorIsFree(t *testing.T) {
	_, in := twoInvocations(t)
	in.Reserve()
	t.Cleanup(func() { _ = syscall.Close(in.spare.fd) })
	exhaust(t)
	if in.Size() != Unknown {
		t.Error("the size of a directory that cannot be opened is known")
	}
	r := in.Collect(false)
	in.Release(r)
	if len(r.Invocations) != 2 || r.Later || len(in.join.losses) > 0 {
		t.Errorf("%d invocations, later %v, lost %+v", len(r.Invocations), r.Later, in.join.losses)
	}
}

// TestNoDescriptorAtAll: what cannot be read is not empty, not unreadable and not deleted, and is read once that goes.
func TestNoDescriptorAtAll(t *testing.T) {
	t.Run("for the directory", func(t *testing.T) {
		_, in := twoInvocations(t)
		give := exhaust(t)
		for _, final := range []bool{false, true} {
			if r := in.Collect(final); !r.Later || r.More || len(r.Invocations)+len(r.Lost) > 0 {
				t.Errorf("got %+v", r)
			}
		}
		give()
		if got := collectAs(in, false); got != "A; B" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("for a file", func(t *testing.T) {
		dir, in := twoInvocations(t)
		all, _ := in.look(false)
		give := exhaust(t)
		for _, f := range all {
			if in.take(f) {
				t.Errorf("%v was read", f.name)
			}
		}
		give()
		if names, _ := Names(dir); len(names) != 2 || !in.later || len(in.join.losses) > 0 {
			t.Errorf("left %v, later %v, lost %+v", names, in.later, in.join.losses)
		}
		if got := collectAs(in, false); got != "A; B" {
			t.Errorf("got %s", got)
		}
	})
}
