package cloud

import (
	"fmt"
	"os"
	"sync"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// lines takes the log lines of all environments, writes them into a file and passes them on one at a time.
type lines struct {
	mu   sync.Mutex
	file *os.File
	next func(lambdalocal.Line)
}

func newLines(dir *runDir, next func(lambdalocal.Line)) (*lines, error) {
	file, err := dir.logFile("functions.log")
	if err != nil {
		return nil, err
	}
	return &lines{file: file, next: next}, nil
}

func (l *lines) take(line lambdalocal.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A disk that is full is no reason for a function to fail.
	_, _ = fmt.Fprintf(l.file, "%s %s %s: %s\n", line.Time.Format("15:04:05.000"), line.Source, line.Name, line.Text)
	if l.next != nil {
		l.next(line)
	}
}
