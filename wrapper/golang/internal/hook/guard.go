package hook

import (
	"fmt"
	"os"
	"path"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// mostFailures is after how many the hook lets go: the cause will not go away, and what is recorded would mislead.
const mostFailures = 8

var levels = []string{"debug", "info", "warn", "error", "off"} //nolint:gochecknoglobals // a constant, if Go had such

// A Guard catches whatever the hook fails with.
type Guard struct {
	failures atomic.Int32
	shown    atomic.Int32
}

// Catch is deferred by everything that the function's goroutines enter: what panics behind it stays there.
//
//	defer h.Catch("call")
func (g *Guard) Catch(what string) {
	if cause := recover(); cause != nil {
		g.failed(what, cause)
	}
}

// Off tells that the hook has let go.
func (g *Guard) Off() bool { return g.failures.Load() >= mostFailures }

func (g *Guard) failed(what string, cause any) {
	switch g.failures.Add(1) {
	case 1:
		g.Say("warn", fmt.Sprintf("the hook failed (%s: %s); the function goes on without what it missed", what, describe(cause)))
	case mostFailures:
		g.Say("warn", fmt.Sprintf("the hook failed %d times and is off in this process", mostFailures))
	}
}

// describe tells what went wrong without the message, which may quote what was being recorded.
func describe(cause any) string {
	text := reflect.TypeOf(cause).String()
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "/wrapper/golang/") && path.Base(frame.File) != "guard.go" {
			return fmt.Sprintf("%s %s:%d", text, path.Base(frame.File), frame.Line)
		}
		if !more {
			return text
		}
	}
}

// Say writes one line into the function's log. Never anything of a request.
func (g *Guard) Say(level, text string) {
	if slices.Index(levels, level) >= int(g.shown.Load()) {
		_, _ = os.Stderr.WriteString("afterglow: go: " + text + "\n") // a closed or full stderr is not ours to mend
	}
}

func (g *Guard) setLevel(name string) { g.shown.Store(int32(slices.Index(levels, name))) } //nolint:gosec // one of five
