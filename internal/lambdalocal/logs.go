package lambdalocal

import (
	"bytes"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

const (
	// tailSize is how much of the log an invocation's answer carries (Invoke API, X-Amz-Log-Result).
	tailSize = 4096
	// maxLine cuts a line that never ends, between two characters; CloudWatch has 256 KiB for an event (1 MiB since
	// 2025).
	maxLine = 256 * 1024
	// settleLimit bounds the wait for lines that were written but not yet read.
	settleLimit = 200 * time.Millisecond
	// answerSettleLimit is the same for the tail that goes with an answer, which nobody should wait for.
	answerSettleLimit = 2 * time.Millisecond
	// lastLines is the same for what a process that has ended has written: others wait for their end meanwhile.
	lastLines = 50 * time.Millisecond
	// drainLimit bounds the wait for the end of a dead process's output, which a child that it left
	// behind may hold open.
	drainLimit = 500 * time.Millisecond
)

// logStream is the log of an environment: it hands every line to Options.Log, one at a time, and to the
// telemetry of the current generation, and keeps the tail of the current invocation.
type logStream struct {
	mu    sync.Mutex
	sink  func(Line)
	json  bool // the function's log format
	tail  []byte
	taken bool // an invocation's tail is being kept

	keep   bool              // the events of the current generation's init
	init   []telemetry.Event // those that were kept
	stream *telemetry.Stream // of the current generation; nil before the first one
	watch  func(telemetry.Event)

	readersMu sync.Mutex
	readers   map[*lineReader]struct{}
}

func newLogs(fn Function, opt Options) *logStream {
	return &logStream{sink: opt.Log, watch: opt.watch, json: fn.jsonLogs(), readers: map[*lineReader]struct{}{}}
}

// follow makes a new generation's telemetry the one that gets what is said from now on.
func (l *logStream) follow(stream *telemetry.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = stream
}

// emit adds an event to the telemetry of the current generation. It is called under the lock.
func (l *logStream) emit(event telemetry.Event) {
	if l.watch != nil {
		l.watch(event)
	}
	if l.stream != nil {
		l.stream.Emit(event)
	}
}

func (l *logStream) write(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		l.tail = append(append(l.tail, line.Text...), '\n')
		if cut := len(l.tail) - tailSize; cut > 0 {
			l.tail = append(l.tail[:0], l.tail[cut:]...)
		}
	}
	if line.Source != SourcePlatform { // the platform's lines are events of their own
		l.emit(telemetry.Event{Time: line.Time, Type: eventOf(line.Source), Record: line.Text})
	}
	if l.sink != nil {
		l.sink(line)
	}
}

// eventOf is the type of the event that a line of a process becomes.
func eventOf(s Source) string {
	if s == SourceExtension {
		return telemetry.TypeExtension
	}
	return telemetry.TypeFunction
}

func (l *logStream) platform(text string) {
	l.write(Line{Time: time.Now(), Source: SourcePlatform, Text: text})
}

// begin starts a new tail.
func (l *logStream) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken, l.tail = true, nil
}

func (l *logStream) tailNow() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.tail)
}

// lineReader reads one output of one process.
type lineReader struct {
	file   *os.File
	source Source
	done   chan struct{}
	cutter lineCutter

	mu   sync.Mutex
	busy bool // bytes were taken out of the pipe and their lines, if they made any, are not yet written
}

// read starts reading a process's output until its end, in the form that it has. Every line is made of said.
func (l *logStream) read(file *os.File, said Line, form func(*lineReader)) *lineReader {
	r := &lineReader{file: file, source: said.Source, done: make(chan struct{})}
	r.cutter.write = func(text string) {
		line := said
		line.Time, line.Text = time.Now(), text
		l.write(line)
	}
	l.readersMu.Lock()
	l.readers[r] = struct{}{}
	l.readersMu.Unlock()
	go func() {
		defer close(r.done)
		defer func() {
			file.Close()
			l.readersMu.Lock()
			delete(l.readers, r)
			l.readersMu.Unlock()
		}()
		form(r)
	}()
	return r
}

// lines writes every line, and the last one even if it has no end.
func (r *lineReader) lines() { r.readLines(markingReader{r}) }

func (r *lineReader) readLines(in io.Reader) {
	piece := make([]byte, copyBuffer)
	for {
		n, err := in.Read(piece)
		r.cutter.add(piece[:n])
		if err != nil {
			r.cutter.end()
			return
		}
	}
}

// markingReader marks its reader as busy from the moment that bytes leave the pipe until more are asked
// for: then every line that was in them has been written. A line without an end may wait for long.
type markingReader struct{ *lineReader }

func (m markingReader) Read(p []byte) (int, error) {
	m.setBusy(false)
	n, err := m.take(p)
	if n <= 0 && err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

// take reads from the pipe. Whoever asks meanwhile whether all is settled finds the bytes in the pipe or the reader busy, never neither.
func (r *lineReader) take(p []byte) (n int, err error) {
	raw, err := r.file.SyscallConn()
	if err != nil || r.file.SetReadDeadline(time.Time{}) != nil { // one that the runtime cannot wait for without a thread
		n, err = r.file.Read(p)
		r.setBusy(n > 0)
		return n, err
	}
	waited := raw.Read(func(fd uintptr) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for n, err = syscall.Read(int(fd), p); err == syscall.EINTR; n, err = syscall.Read(int(fd), p) { //nolint:errorlint // Errno is what it is
		}
		r.busy = n > 0
		return err != syscall.EAGAIN //nolint:errorlint // the same
	})
	switch {
	case waited != nil: // somebody has closed it
		return 0, waited
	case n == 0 && err == nil:
		return 0, io.EOF
	}
	return max(n, 0), err
}

func (r *lineReader) setBusy(busy bool) {
	r.mu.Lock()
	r.busy = busy
	r.mu.Unlock()
}

// settled tells whether everything written so far has become lines.
func (r *lineReader) settled() bool {
	select {
	case <-r.done:
		return true
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if waiting, err := unread(r.file); err == nil && waiting > 0 {
		return false
	}
	return !r.busy
}

// settle waits until what the processes have written so far has been read, so that the platform's next
// line comes after it.
func (l *logStream) settle(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		settled := true
		l.readersMu.Lock()
		for r := range l.readers {
			settled = settled && r.settled()
		}
		l.readersMu.Unlock()
		if settled {
			return
		}
	}
}

// settle is that of single readers.
func settle(limit time.Duration, readers ...*lineReader) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		if !slices.ContainsFunc(readers, func(r *lineReader) bool { return !r.settled() }) {
			return
		}
	}
}

// endLines writes what the function has written so far of a line that has no end yet: it belongs to the invocation that
// ends, and what comes after it to another one. An output that is not settled is in the middle of something.
func (l *logStream) endLines() {
	l.readersMu.Lock()
	var readers []*lineReader
	for r := range l.readers {
		if r.source == SourceFunction {
			readers = append(readers, r)
		}
	}
	l.readersMu.Unlock()
	for _, r := range readers {
		if r.settled() {
			r.cutter.flush()
		}
	}
}

// drain waits until a dead process's output has been read to its end.
func (r *lineReader) drain() {
	select {
	case <-r.done:
	case <-time.After(drainLimit):
		r.file.Close()
		<-r.done
	}
}
