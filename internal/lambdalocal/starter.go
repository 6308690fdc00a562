package lambdalocal

import (
	"os"
	"runtime"
)

// starter runs functions on one operating system thread, which lives until stop and is nobody else's.
// Two things hang on a thread and not on the process: the namespaces that it has entered, which its
// children inherit, and the parent's death that a child can be told of, which is the thread's.
type starter struct {
	work chan func()
	done chan struct{}
}

func newStarter() *starter {
	s := &starter{work: make(chan func()), done: make(chan struct{})}
	go s.onOwnThread()
	return s
}

func (s *starter) onOwnThread() {
	runtime.LockOSThread()
	if threadID() == os.Getpid() {
		// The main thread cannot end before the process does, and must not keep a namespace. While
		// this goroutine holds it, another one gets another thread.
		defer runtime.UnlockOSThread()
		s.onOtherThread()
		return
	}
	s.loop() // returns without unlocking: the Go runtime then ends the thread
}

func (s *starter) onOtherThread() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		runtime.LockOSThread()
		s.loop()
	}()
	<-left
}

func (s *starter) loop() {
	defer close(s.done)
	for f := range s.work {
		f()
	}
}

// do runs f on the thread.
func (s *starter) do(f func() error) error {
	result := make(chan error, 1)
	s.work <- func() { result <- f() }
	return <-result
}

// stop ends the thread.
func (s *starter) stop() {
	close(s.work)
	<-s.done
}
