package conformance

import (
	"regexp"
	"strings"
	"sync"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// clock is how runtime clients write the time.
var clock = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{3,9})?(Z|[+-]\d\d:?\d\d)?`)

// lines are what a function's process wrote, by the output that it wrote it to. Those of one output are in order.
type lines struct {
	Stdout, Stderr, Frames []string
}

// logged keeps the log of an environment, the hook's own lines apart.
type logged struct {
	noise []*regexp.Regexp

	mu    sync.Mutex
	lines lines
	said  []string
}

func (l *logged) write(line lambdalocal.Line) {
	if line.Source != lambdalocal.SourceFunction {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasPrefix(line.Text, "afterglow: ") {
		l.said = append(l.said, line.Text)
		return
	}
	text := quiet(line.Text, l.noise)
	switch line.Output {
	case lambdalocal.OutputStdout:
		l.lines.Stdout = append(l.lines.Stdout, text)
	case lambdalocal.OutputStderr:
		l.lines.Stderr = append(l.lines.Stderr, text)
	default:
		l.lines.Frames = append(l.lines.Frames, text)
	}
}

// take gives what was written since the last time.
func (l *logged) take() (lines, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken, said := l.lines, l.said
	l.lines, l.said = lines{}, nil
	return taken, said
}

// quiet takes out of a text what differs from run to run with nothing changed.
func quiet(text string, noise []*regexp.Regexp) string {
	text = clock.ReplaceAllString(text, "TIME")
	for _, n := range noise {
		text = n.ReplaceAllString(text, "NOISE")
	}
	return text
}
