package control

import "sync"

// keptLines bounds what is remembered: half an hour of a busy function, some megabytes.
const keptLines = 20_000

// Journal remembers the newest lines, for readers that come later or follow.
type Journal struct {
	mu      sync.Mutex
	lines   []Line
	first   int           // how many were forgotten
	changed chan struct{} // closed at the next line
}

// NewJournal makes an empty one.
func NewJournal() *Journal { return &Journal{changed: make(chan struct{})} }

// Add adds a line. It never blocks.
func (j *Journal) Add(line Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
	if len(j.lines) > 2*keptLines { // seldom, so that forgetting costs little
		drop := len(j.lines) - keptLines
		j.lines = append([]Line(nil), j.lines[drop:]...)
		j.first += drop
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// After gives the lines after the first n that ever were, how many there have been by now, and what is closed when
// there are more.
func (j *Journal) After(n int) (lines []Line, now int, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now = j.first + len(j.lines)
	if from := max(n-j.first, 0); from < len(j.lines) {
		lines = append(lines, j.lines[from:]...)
	}
	return lines, now, j.changed
}

// Newest gives the last n lines.
func (j *Journal) Newest(n int) []Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Line(nil), j.lines[max(0, len(j.lines)-n):]...)
}
