package spool

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// ErrCorrupt says that a file is not a spool file, or no longer.
var ErrCorrupt = errors.New("not a spool file")

// ErrNewer says that a file was written by a hook that knows a later version of the format.
var ErrNewer = errors.New("spool file of a newer version")

// A Summary tells what Read found beside whole records. Nothing that is in a file is left out of it:
// Head + Whole + Lost + len(tail) is the file's size.
type Summary struct {
	Head      int64 // bytes of the head
	Whole     int64 // bytes of whole records, unknown ones included
	Lost      int64 // bytes that belong to no whole record, the tail excepted
	Torn      int   // pieces that were torn, within the file (a tail is not counted: it may still grow)
	Corrupt   int   // records that were whole but whose header could not be understood
	Unknown   int   // records of a kind this version does not know
	TailStart int64 // where an incomplete piece at the end begins; the file's size if there is none
}

const headPrefix = "afterglow-spool "

// markLen is the length of a file's mark in hex digits.
const markLen = 16

// Read gives fn every whole record of a file in order. fn's error ends the reading and is returned.
// The error is ErrCorrupt or ErrNewer (wrapped) if not a single record could be looked for.
//
//	data:  ┌──────┬────────┬────────┬─ ─ ─ ─┬────────┬─ ─ ─ ─
//	       │ head │ record │ record │ torn   │ record │ tail
//	       └──────┴────────┴────────┴─ ─ ─ ─┴────────┴─ ─ ─ ─
func Read(data []byte, fn func(Record) error) (Summary, error) {
	mark, head, err := readHead(data)
	if err != nil || head == 0 {
		return Summary{TailStart: 0}, err
	}
	return readRecords(data, int64(head), mark, fn)
}

// ReadFrom reads on in a file that had grown: at is the TailStart of an earlier Summary, data the whole file.
func ReadFrom(data []byte, at int64, fn func(Record) error) (Summary, error) {
	mark, head, err := readHead(data)
	if err != nil || head == 0 {
		return Summary{TailStart: 0}, err
	}
	return readRecords(data, max(at, int64(head)), mark, fn)
}

// ReadOn reads a piece of a file by itself: of a file that is too large to be read at once. start is the file's beginning, with its head; data begins where
// TailStart of the piece before it says. Offsets are those in data.
func ReadOn(start, data []byte, fn func(Record) error) (Summary, error) {
	mark, head, err := readHead(start)
	if err != nil || head == 0 {
		return Summary{TailStart: 0}, err
	}
	return readRecords(data, 0, mark, fn)
}

func readRecords(data []byte, at int64, mark string, fn func(Record) error) (Summary, error) {
	s := Summary{Head: at}
	begin := []byte("@" + mark + " ")
	var rec Record // one for all: it is on the heap
	var parser headerParser
	for int(at) < len(data) {
		header, body, n, ok := readRecord(data[at:], begin)
		if !ok {
			next := bytes.Index(data[at+1:], begin)
			if next < 0 {
				s.TailStart = at
				return s, nil
			}
			s.Torn++
			s.Lost += int64(next) + 1
			at += int64(next) + 1
			continue
		}
		at += int64(n)
		s.Whole += int64(n)
		rec = Record{Body: body}
		switch err := parser.parse(header, &rec.Header); {
		case err != nil || rec.Kind == "":
			s.Corrupt++
			s.Whole -= int64(n)
			s.Lost += int64(n)
		case !known(rec.Kind):
			s.Unknown++
		default:
			rec.headersOfPart()
			if err := fn(rec); err != nil {
				s.TailStart = at
				return s, err
			}
		}
	}
	s.TailStart = at
	return s, nil
}

// readHead gives the mark and the length of the head. A length of 0 without an error is a head that is cut short.
func readHead(data []byte) (mark string, n int, err error) {
	const most = len(headPrefix) + 10 + 1 + markLen + 1 // ten digits of version are more than there will ever be
	line, _, whole := bytes.Cut(data[:min(len(data), most)], []byte("\n"))
	if !whole && len(data) >= most {
		return "", 0, fmt.Errorf("%w: no head", ErrCorrupt)
	}
	rest, ok := bytes.CutPrefix(line, []byte(headPrefix))
	if !ok {
		if !whole && bytes.HasPrefix([]byte(headPrefix), line) {
			return "", 0, nil
		}
		return "", 0, fmt.Errorf("%w: no head", ErrCorrupt)
	}
	v, m, ok := bytes.Cut(rest, []byte(" "))
	version, isNumber := positive(string(v))
	switch {
	case len(v) > 0 && !isNumber || whole && !isNumber:
		return "", 0, fmt.Errorf("%w: version %q", ErrCorrupt, v)
	case ok && version > Version:
		return "", 0, fmt.Errorf("%w: %d", ErrNewer, version)
	case !whole:
		if len(m) > 0 && !isMark(m) || len(m) > markLen {
			return "", 0, fmt.Errorf("%w: mark %q", ErrCorrupt, m)
		}
		return "", 0, nil
	case len(m) != markLen || !isMark(m):
		return "", 0, fmt.Errorf("%w: mark %q", ErrCorrupt, m)
	}
	return string(m), len(line) + 1, nil
}

func isMark(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// readRecord finds the header line and the body of the record that starts at data[0], and its whole length.
//
//	@5f0c2b9e417ad683 27 {"kind":"call.start",…}\n{"card":"4111 1111 1111 11"}\n
//	└──── begin ────┘ └┤ └────── header ───────┘  └───────── body ──────────┘└ end
//	                   length
func readRecord(data, begin []byte) (header, body []byte, n int, ok bool) {
	if !bytes.HasPrefix(data, begin) {
		return nil, nil, 0, false
	}
	line, _, found := bytes.Cut(data[:min(len(data), len(begin)+20+MaxHeader+1)], []byte("\n"))
	if !found {
		return nil, nil, 0, false
	}
	digits, header, found := bytes.Cut(line[len(begin):], []byte(" "))
	if !found || len(digits) == 0 || len(digits) > 10 || digits[0] == '-' || digits[0] == '+' {
		return nil, nil, 0, false
	}
	length, err := strconv.Atoi(string(digits))
	if err != nil || length < 0 || length > MaxBody || len(header) > MaxHeader {
		return nil, nil, 0, false
	}
	end := len(line) + 1 + length
	if end >= len(data) || data[end] != '\n' || bytes.Contains(data[1:end], begin) {
		return nil, nil, 0, false
	}
	return header, data[len(line)+1 : end : end], end + 1, true
}

func known(kind string) bool {
	switch kind {
	case KindProcess, KindInvocationStart, KindInvocationEnd, KindInitError, KindCallStart, KindCallEnd, KindLoss:
		return true
	}
	return false
}
