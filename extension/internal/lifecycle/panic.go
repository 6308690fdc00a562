package lifecycle

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/rs/zerolog"
)

// logPanic writes one line about a recovered panic: where it was and what kind. Its message is shown only if the Go runtime made it; any other
// could hold what was being worked on.
func logPanic(log zerolog.Logger, doing string, r any) {
	what := fmt.Sprintf("%T", r)
	if e, ok := r.(runtime.Error); ok {
		what = e.Error()
	}
	log.Error().Str("doing", doing).Str("panic", what).Str("at", panicSite()).Msg("a bug in Afterglow: please report this line")
}

// panicSite names the function and line that panicked: the first one below the runtime's own.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for below := false; ; {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "runtime.") {
			below = true
		} else if below {
			return fmt.Sprintf("%s:%d (%s)", filepath.Base(f.File), f.Line, filepath.Base(f.Function))
		}
		if !more {
			return "unknown"
		}
	}
}
