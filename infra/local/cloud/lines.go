package cloud

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// keptLines is how many of the newest lines are at hand for an error: a screenful.
const keptLines = 40

// lines takes the log lines of all environments, writes them into a file and passes them on one at a time.
type lines struct {
	mu   sync.Mutex
	file *os.File
	next func(function string, line lambdalocal.Line)
	kept []string // the newest
}

func newLines(dir *runDir, next func(string, lambdalocal.Line)) (*lines, error) {
	file, err := dir.logFile("functions.log")
	if err != nil {
		return nil, err
	}
	return &lines{file: file, next: next}, nil
}

// of takes the lines of a function's environments.
func (l *lines) of(function string) func(lambdalocal.Line) {
	return func(line lambdalocal.Line) { l.take(function, line) }
}

func (l *lines) take(function string, line lambdalocal.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	writer := string(line.Source)
	if line.Source == lambdalocal.SourceExtension {
		writer += " " + line.Name
	}
	text := fmt.Sprintf("%s %s, %s: %s\n", line.Time.Format("15:04:05.000"), function, writer, line.Text)
	// A disk that is full is no reason for a function to fail.
	_, _ = l.file.WriteString(text)
	l.kept = append(l.kept, text)
	if len(l.kept) > keptLines {
		l.kept = l.kept[1:]
	}
	if l.next != nil {
		l.next(function, line)
	}
}

func (l *lines) newest() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.kept, "")
}
