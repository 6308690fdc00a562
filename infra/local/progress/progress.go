// Package progress tells a person at a terminal, step by step, what a long command is doing.
//
// Every step is a line when it begins and a line with its time when it ends. While it lasts it shows
// life: on a terminal a line that is written anew every second with the elapsed time and the newest
// line of the programs that it runs, elsewhere (a file, CI) such a line every ten seconds.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	liveEvery  = time.Second      // a terminal's line
	plainEvery = 10 * time.Second // a line of a file: often enough to see life, seldom enough to read

	// lineWidth is where a live line is cut: a line that wraps cannot be written anew.
	lineWidth = 79
)

// Log is what is told of one command.
type Log struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	total int
	count int
}

// New makes a log of a command of so many steps.
func New(w io.Writer, steps int) *Log {
	return &Log{w: w, live: isTerminal(w), total: steps}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// Step is a step that is being done. What is written to it is what its programs print.
type Step struct {
	log   *Log
	start time.Time
	mu    sync.Mutex
	part  []byte // of a line that has not ended
	last  string // the newest line
}

// Do does a step: its title is shown, then what it says at its end, or nothing more if it fails.
func (l *Log) Do(title string, do func(*Step) (string, error)) error {
	l.mu.Lock()
	l.count++
	l.printLocked(fmt.Sprintf("%2d/%d  %s\n", l.count, l.total, title))
	l.mu.Unlock()

	step := &Step{log: l, start: time.Now()}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		step.showLife(stop)
	}()
	result, err := do(step)
	close(stop)
	<-stopped

	took := seconds(time.Since(step.start))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.printLocked(fmt.Sprintf("      stopped after %s\n", took))
		return err
	}
	if result == "" {
		result = "done"
	}
	l.printLocked(fmt.Sprintf("      %s (%s)\n", result, took))
	return nil
}

// Note prints a line that is worth reading, within a step or between two.
func (l *Log) Note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printLocked("      " + fmt.Sprintf(format, args...) + "\n")
}

// Print prints text as it is.
func (l *Log) Print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printLocked(text)
}

// printLocked clears the live line, if any, and prints. What a terminal that went away says is no
// reason to stop half-way.
func (l *Log) printLocked(text string) {
	if l.live {
		text = clearLine + text
	}
	_, _ = io.WriteString(l.w, text)
}

const clearLine = "\r\x1b[K"

// Note is Log.Note.
func (s *Step) Note(format string, args ...any) { s.log.Note(format, args...) }

// Write takes what a program prints.
func (s *Step) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = append(s.part, p...)
	for {
		end := strings.IndexAny(string(s.part), "\r\n")
		if end < 0 {
			// A program that never ends a line must not make us keep all of it.
			s.part = s.part[max(0, len(s.part)-4*lineWidth):]
			return len(p), nil
		}
		if line := strings.TrimSpace(string(s.part[:end])); line != "" {
			s.last = line
		}
		s.part = s.part[end+1:]
	}
}

func (s *Step) newest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *Step) showLife(stop <-chan struct{}) {
	every := plainEvery
	if s.log.live {
		every = liveEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			s.log.showLife(time.Since(s.start), s.newest())
		}
	}
}

func (l *Log) showLife(elapsed time.Duration, newest string) {
	line := fmt.Sprintf("      %.0f s", elapsed.Seconds())
	if newest != "" {
		line += "  " + printable(newest)
	}
	line = cut(line, lineWidth)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live {
		_, _ = io.WriteString(l.w, clearLine+line)
		return
	}
	l.printLocked(line + "\n")
}

// printable drops what would move the cursor or change colours: other programs' lines are shown as text.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, line)
}

func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width-1]) + "…"
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
