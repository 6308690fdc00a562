package cloud

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/afterglow-lambda/afterglow/infra/local/control"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// shownLines is how many of the newest lines an error shows: a screenful.
const shownLines = 40

// lines takes the log lines of all environments, writes them into a file, remembers them and passes them on, one at a time.
type lines struct {
	journal *control.Journal

	mu   sync.Mutex
	file *os.File
	next func(function string, line lambdalocal.Line)
}

func newLines(dir *runDir, next func(string, lambdalocal.Line)) (*lines, error) {
	file, err := dir.logFile("functions.log")
	if err != nil {
		return nil, err
	}
	return &lines{journal: control.NewJournal(), file: file, next: next}, nil
}

// of takes the lines of a function's environments.
func (l *lines) of(function string) func(lambdalocal.Line) {
	return func(line lambdalocal.Line) { l.take(function, line) }
}

func (l *lines) take(function string, line lambdalocal.Line) {
	shown := control.Line{Time: line.Time, Function: function, Source: string(line.Source), Text: line.Text}
	if line.Source == lambdalocal.SourceExtension {
		shown.Name = line.Name
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// A disk that is full is no reason for a function to fail.
	_, _ = fmt.Fprintln(l.file, shown)
	l.journal.Add(shown)
	if l.next != nil {
		l.next(function, line)
	}
}

func (l *lines) newest() string {
	var text strings.Builder
	for _, line := range l.journal.Newest(shownLines) {
		fmt.Fprintln(&text, line)
	}
	return text.String()
}
