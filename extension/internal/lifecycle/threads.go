package lifecycle

import (
	"runtime"
	"sync"

	"github.com/rs/zerolog"
)

// spareThreads are made at the beginning. The environment's processes share one bound on threads (1,024: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html),
// and where the function has taken all, Go ends a process that needs one more, which would fail the function. Go keeps a thread for good once it has it. It takes one for each
// system call that takes long, such as a read of a file or a write to the log: seven in all were the most that a flush of 400 invocations to three exporters came to,
// with four connections that told of others. Threads that wait cost nothing that could be measured in memory (9.3 MiB either way) and in the time to the first event.
const spareThreads = 8

// SpareThreads makes so many threads that none has to be made later.
func SpareThreads(log zerolog.Logger) {
	var all, gone sync.WaitGroup
	all.Add(spareThreads)
	for range spareThreads {
		gone.Add(1)
		go func() {
			defer gone.Done()
			defer func() {
				if r := recover(); r != nil {
					logPanic(log, "threads", r)
				}
			}()
			runtime.LockOSThread() // no other goroutine runs on it while this one waits
			defer runtime.UnlockOSThread()
			all.Done()
			all.Wait()
		}()
	}
	gone.Wait()
}
