package hook

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// release is the version of the hook.
const release = "0.1.0"

// mostText is the limit of a message, a stack and a URL (spool/FORMAT.md).
const mostText = 16 << 10

// mostScratch is how much memory is kept from one record to the next: a header, and bodies that are copied.
const mostScratch = 256 << 10

// mostKept is how much is kept of the memory for one body: the largest that settings allow, and what growing to it leaves.
const mostKept = 1<<20 + 64<<10

// mostCopied is from where on copying a body takes longer than telling the system of one piece more.
const mostCopied = 16 << 10

// roomForHeader is more than most headers take.
const roomForHeader = 4 << 10

// A Spool writes the spool. What could not be written is counted, and told with the next record that can be.
type Spool struct {
	guard    *Guard
	settings Settings
	process  spool.Process

	mu         sync.Mutex // also held while writing: a record is one write, and a file's end comes behind its records
	number     int        // of the last file
	last       *Invocation
	kept       []keptFile // oldest first
	keptBytes  int64
	lost       []loss
	complained int64
	told       bool
	scratch    []byte
}

// A loss is what was not recorded, for one reason.
type loss struct {
	reason         string
	records, bytes int64
}

// An Invocation is what a record can belong to.
type Invocation struct {
	ID    string
	trace string // X-Amzn-Trace-Id
	begun time.Time
	file  *file
	over  bool
}

// newSpool makes one for a process in which several invocations may run at a time, or not.
func newSpool(guard *Guard, settings Settings, getenv func(string) string, many bool) *Spool {
	s := &Spool{guard: guard, settings: settings, last: &Invocation{ID: spool.InvocationInit}}
	s.process = spool.Process{PID: os.Getpid(), Parent: os.Getppid(), Runtime: "go", Version: strings.TrimPrefix(runtime.Version(), "go"), Hook: release, Env: map[string]string{}}
	for _, name := range []string{"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE", "_HANDLER"} {
		if value := getenv(name); value != "" {
			s.process.Env[name] = Cut(value)
		}
	}
	if started := s.startedBy(many); started != "" {
		s.last.ID = started // its file is made when there is something to write: most programs send nothing
		return s
	}
	s.last.file = s.open(s.last.ID) // by which the extension knows that there is a hook
	return s
}

// begin starts an invocation, whose file it makes. What is over, and has had a file for what went on behind its end, has none any more; if only one can
// run at a time, the last one is over.
func (s *Spool) begin(i *Invocation, alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.file != nil && (alone || s.last.over || s.last.ID == spool.InvocationInit) {
		s.finish(s.last.file)
		s.last.file, s.last.over = nil, true
	}
	s.prune()
	s.last = i
	i.file = s.open(i.ID)
}

// end ends an invocation with its last record.
func (s *Spool) end(i *Invocation, h *spool.Header, parts ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.over {
		return
	}
	s.put(i, h, parts...)
	s.tellLosses(i)
	if i.file != nil {
		s.finish(i.file)
	}
	i.file, i.over = nil, true
}

// Record writes a record of an invocation. It gives the reason if it could not; "" if it could.
func (s *Spool) Record(i *Invocation, h *spool.Header, parts ...[]byte) (reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(i, h, parts...)
}

// Lost counts what could not be recorded.
func (s *Spool) Lost(reason string, records, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose(reason, records, bytes)
}

// put writes a record into the file where it belongs, and counts it if it cannot: then it gives the reason.
func (s *Spool) put(i *Invocation, h *spool.Header, parts ...[]byte) (reason string) {
	f := s.place(i)
	h.Invocation = i.ID
	about := int64(200 + len(h.URL)) // what it is without what makes it large
	for _, pair := range h.Headers {
		about += int64(len(pair[0]) + len(pair[1]) + 6)
	}
	for _, p := range parts {
		about += int64(len(p))
	}
	isLoss, isCall := h.Kind == spool.KindLoss, h.Kind == spool.KindCallStart || h.Kind == spool.KindCallEnd
	switch {
	case f == nil && s.keptBytes >= s.settings.DirBytes:
		reason = "spool-full"
	case f == nil:
		reason = "write-failed"
	case isCall && f.bytes+about > s.settings.InvocationBytes && h.Kind == spool.KindCallEnd:
		reason = s.write(f, s.bared(h), make([][]byte, len(h.Parts))...)
	case isCall && f.bytes+about > s.settings.InvocationBytes:
		reason = "invocation-full"
	default:
		reason = s.write(f, h, parts...)
	}
	if reason != "" && !isLoss {
		s.lose(reason, 1, about)
	}
	return reason
}

// mostBared is how much of an error's message is written where there is no room left.
const mostBared = 256

// bared takes out of the end of a call what makes it large. Without any, the call would be taken for one that the function was waiting for.
func (s *Spool) bared(h *spool.Header) *spool.Header {
	if n := len(h.Headers); n > 0 {
		bytes := 0
		for _, pair := range h.Headers {
			bytes += len(pair[0]) + len(pair[1])
		}
		s.lose("headers", int64(n), int64(bytes))
		h.Headers = nil
	}
	for i := range h.Parts {
		h.Parts[i].Truncated = true
	}
	if h.Error != nil && len(h.Error.Message) > mostBared {
		h.Error.Message = strings.ToValidUTF8(h.Error.Message[:mostBared], "")
	}
	return h
}

// place gives the file for a record: the invocation's own; where it has none, as when it is over, that of the invocation that began last; and if that is
// over too, one that is made for what goes on behind its end.
func (s *Spool) place(i *Invocation) *file {
	if i.file == nil {
		i = s.last
	}
	if i.file == nil {
		i.file = s.open(i.ID)
	}
	return i.file
}

// write appends a record with one write(2). A short one is not repeated: the reader steps over its piece.
func (s *Spool) write(f *file, h *spool.Header, parts ...[]byte) (reason string) {
	h.Time = time.Now().UnixMicro()
	body := 0
	for _, p := range parts {
		body += len(p)
	}
	apart := body > mostCopied
	need := roomForHeader
	if !apart {
		need += body
	}
	b := slices.Grow(s.scratch[:0], need) // once: it would be copied again with every step that append takes
	if f.bytes == 0 {
		b = spool.AppendHead(b, f.mark)
	}
	b, err := spool.AppendFront(b, f.mark, h, parts...)
	if !apart {
		for _, p := range parts {
			b = append(b, p...)
		}
		b = append(b, spool.RecordEnd...)
	}
	if cap(b) <= mostScratch {
		s.scratch = b
	}
	if err != nil {
		return "too-large"
	}
	if !s.ours(f) {
		return "write-failed"
	}
	whole := len(b)
	var n int
	if apart {
		whole += body + len(spool.RecordEnd)
		n, err = writeTogether(f.fd, b, parts)
	} else {
		n, err = write(f.fd, b)
	}
	if err != nil || n != whole {
		return "write-failed"
	}
	f.bytes += int64(n)
	f.records++
	return ""
}

func write(fd int, b []byte) (n int, err error) {
	for {
		if n, err = syscall.Write(fd, b); err != syscall.EINTR { //nolint:errorlint // Errno is what it is
			return n, err
		}
	}
}

// lose counts what was not recorded.
func (s *Spool) lose(reason string, records, bytes int64) {
	i := slices.IndexFunc(s.lost, func(l loss) bool { return l.reason == reason })
	if i < 0 {
		s.lost = append(s.lost, loss{reason: reason})
		i = len(s.lost) - 1
	}
	s.lost[i].records += records
	s.lost[i].bytes += bytes
}

// tellLosses writes down what was counted. What cannot be written stays counted, and how much that is by now is told in the function's log: if the spool
// stays as it is, nobody else will.
func (s *Spool) tellLosses(i *Invocation) {
	if len(s.lost) == 0 {
		return
	}
	var left []loss
	records := int64(0)
	for _, l := range s.lost {
		if i.file == nil || s.put(i, &spool.Header{Kind: spool.KindLoss, Reason: l.reason, Records: l.records, Bytes: l.bytes}) != "" {
			left = append(left, l)
			records += l.records
		}
	}
	s.lost = left
	s.complain(records)
}

// complain says how many records are lost of which the extension could not be told, and again when they are twice as many. If the spool
// stays as it is, nobody else will.
func (s *Spool) complain(records int64) {
	if records > 0 && records < 2*s.complained {
		return
	}
	if records > 0 {
		s.guard.Say("warn", fmt.Sprintf("records lost so far: %d; the spool cannot be written", records))
	}
	s.complained = records
}

// Cut bounds a text.
func Cut(text string) string {
	if len(text) > mostText {
		return strings.ToValidUTF8(text[:mostText], "")
	}
	return text
}
