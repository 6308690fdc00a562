package lambdalocal

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A starter's thread is its own: never the main thread, which would keep a namespace for good, the same
// one through garbage collections and among other goroutines, and gone after stop.
func TestStarter(t *testing.T) {
	before := threads(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			s := newStarter()
			defer s.stop()
			first := 0
			for range 20 {
				if err := s.do(func() error {
					id := threadID()
					if id == os.Getpid() {
						t.Error("this is the main thread")
					}
					if first == 0 {
						first = id
						return unix.Unshare(unix.CLONE_FS) // leaves a mark that must not spread
					}
					if id != first {
						t.Errorf("the thread was %d and is %d", first, id)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
				runtime.GC()
			}
		})
	}
	wg.Wait()
	// Go keeps idle threads of its own, but not 50 of them.
	eventually(t, "the threads are gone", func() bool { return threads(t) < before+40 })
}

func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
