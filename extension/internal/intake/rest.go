package intake

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// A file may have more than MaxFileBytes: settings allow a function a gigabyte for an invocation. It is read to its end all the same, because that is where it
// stands how the invocation ended; but what is kept of it has to find room in the memory of the smallest function.
const (
	pieceBytes = 1 << 20 // read of it at a time, and more where a record is longer
	restBody   = 1 << 10 // kept of a body: half of what is exported of one by default
	failedBody = 4 << 10 // of one that came with a failure: all that is exported of it by default
	// lastBytes of MaxRestBytes are for what calls leave no room for: the ends of those that are known, and the end of the invocation.
	lastBytes = 1 << 20
	// recordBytes is what a record takes beside its texts.
	recordBytes = 512
)

// readRest reads the records behind the first MaxFileBytes of a file, which data are, piece by piece, and adds what came of it to r.
func (in *Intake) readRest(f file, data []byte, r *reading) {
	var file *os.File
	err := in.spared(func() (err error) {
		file, err = os.OpenFile(filepath.Join(in.dir, f.name.String()), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		r.err = fmt.Errorf("read the rest of a spool file: %w", err)
		return
	}
	defer file.Close()
	at := int64(len(data))
	rest := &rest{join: &in.join}
	piece := append(make([]byte, 0, int64(pieceBytes)+r.tail), data[r.TailStart:]...)
	for end := false; !end; {
		n := len(piece)
		piece = append(piece, make([]byte, pieceBytes)...)
		read, err := file.ReadAt(piece[n:], at)
		if end = errors.Is(err, io.EOF); err != nil && !end {
			r.err = fmt.Errorf("read the rest of a spool file: %w", err)
			return
		}
		at += int64(read)
		piece = piece[:n+read]
		s, err := spool.ReadOn(data, piece, rest.add)
		if err != nil { // it could be read before
			r.err = err
			return
		}
		r.add(s)
		piece = append(piece[:0], piece[s.TailStart:]...)
		if surplus := len(piece) - spool.MaxRecord; surplus > 0 { // it is none, whatever follows
			r.Torn++
			r.Lost += int64(surplus)
			piece = append(piece[:0], piece[surplus:]...)
		}
	}
	r.tail, r.beyond = int64(len(piece)), 0
	in.join.lose(f.name.Invocation, rest.lost)
}

// add adds what a piece of the same file came to, but for its offsets.
func (r *reading) add(s spool.Summary) {
	r.Whole += s.Whole
	r.Lost += s.Lost
	r.Torn += s.Torn
	r.Corrupt += s.Corrupt
	r.Unknown += s.Unknown
}

// A rest is what is kept of records for which there is little room. None of it shares memory with the piece that it was read from.
type rest struct {
	join *joiner
	kept int64
	lost event.Loss
}

// add gives the joiner a record, or as much of it as there is room for. Records of calls are left out and counted where there is none.
func (r *rest) add(record spool.Record) error {
	size := int64(len(record.Body))
	if short := shortened(record); r.takes(short, lastBytes) {
		return r.join.add(short)
	}
	isCall := record.Kind == spool.KindCallStart || record.Kind == spool.KindCallEnd
	if bare := bared(record); (!isCall || r.join.awaits(record)) && r.takes(bare, 0) {
		return r.join.add(bare)
	}
	if record.Kind == spool.KindLoss { // a number takes no room
		return r.join.add(bared(record))
	}
	r.lost.Reason = LossTooLarge
	r.lost.Records++
	r.lost.Bytes += size
	return nil
}

// takes makes room for a record, and leaves so much. It returns false where there is not as much.
func (r *rest) takes(record spool.Record, leave int64) bool {
	size := sizeOf(record)
	if r.kept+size > MaxRestBytes-leave {
		return false
	}
	r.kept += size
	return true
}

// awaits tells whether a record is the end of a call that is known.
func (j *joiner) awaits(r spool.Record) bool {
	return r.Kind == spool.KindCallEnd && j.open[callKey{j.writer(), r.Call}] != nil
}

// sizeOf is what a record takes in memory, roughly.
func sizeOf(r spool.Record) int64 {
	n := recordBytes + len(r.Body)
	for _, text := range texts(&r) {
		n += len(*text)
	}
	for _, h := range r.Headers {
		n += len(h[0]) + len(h[1])
	}
	if e := r.Error; e != nil {
		n += len(e.Type) + len(e.Message) + len(e.Stack)
	}
	return int64(n)
}

// shortened is a record with the beginnings of its bodies.
func shortened(r spool.Record) spool.Record {
	if r.Error != nil || r.Status >= 400 { //nolint:mnd // an HTTP status: the client's fault or the server's
		return withBodies(r, failedBody)
	}
	return withBodies(r, restBody)
}

// bared is a record without bodies and headers, with the beginnings of its error's texts, in memory of its own: what Read gives shares a whole line.
func bared(r spool.Record) spool.Record {
	r = withBodies(r, 0)
	r.Headers = nil
	for _, text := range texts(&r) {
		*text = strings.Clone(*text)
	}
	if r.Error != nil {
		e := spool.Error{Type: beginning(r.Error.Type), Message: beginning(r.Error.Message), Stack: beginning(r.Error.Stack)}
		r.Error = &e
	}
	return r
}

// texts are those of a record that is of no list.
func texts(r *spool.Record) [13]*string {
	return [...]*string{&r.Invocation, &r.ARN, &r.Trace, &r.Tenant, &r.Handler, &r.Call, &r.Library, &r.Method, &r.URL, &r.Protocol, &r.Peer, &r.Reason, &r.Span}
}

// beginning gives the beginning of a text, in memory of its own.
func beginning(s string) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), failedBody)]), "")
}

// withBodies gives a record with so many bytes of each of its bodies at most.
func withBodies(r spool.Record, most int) spool.Record {
	parts, body := make([]spool.Part, 0, len(r.Parts)), make([]byte, 0, min(len(r.Body), most*len(r.Parts)))
	for _, p := range r.Parts {
		whole, data, ok := r.Part(p.Of)
		if !ok {
			continue
		}
		if p = whole; len(data) > most {
			if p.Size == nil && !p.Truncated {
				size := int64(len(data))
				p.Size = &size
			}
			data = data[:most]
			p.Truncated, p.Shortened = true, false
		}
		p.Len = int64(len(data))
		parts, body = append(parts, p), append(body, data...)
	}
	r.Parts, r.Body = parts, body
	return r
}
