package spool

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
)

// NewMark draws the mark of a new file.
func NewMark() string {
	var b [markLen / 2]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// AppendHead appends a file's head to b. It goes into the same write as the file's first record.
func AppendHead(b []byte, mark string) []byte {
	b = append(b, headPrefix...)
	b = strconv.AppendInt(b, Version, 10)
	b = append(b, ' ')
	b = append(b, mark...)
	return append(b, '\n')
}

// AppendRecord appends a record to b, ready to be written with one write. parts are the pieces of the body in the order of h.Parts,
// whose Len is theirs, whatever it says. The error says that the record is beyond the format's limits; b is then returned as it was.
func AppendRecord(b []byte, mark string, h Header, parts ...[]byte) ([]byte, error) {
	b, err := AppendFront(b, mark, &h, parts...)
	if err != nil {
		return b, err
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return append(b, RecordEnd...), nil
}

// RecordEnd stands behind a record's body.
const RecordEnd = "\n"

// AppendFront appends what stands before the body of a record. Whoever has a large one need not copy it: it goes into the same write, with RecordEnd behind it.
func AppendFront(b []byte, mark string, h *Header, parts ...[]byte) ([]byte, error) {
	if len(parts) != len(h.Parts) {
		return b, fmt.Errorf("append %s record: %d pieces of body for %d parts", h.Kind, len(parts), len(h.Parts))
	}
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	before := len(b)
	b = append(b, '@')
	b = append(b, mark...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(length), 10)
	b = append(b, ' ')
	begin := len(b)
	b = appendHeader(b, h, parts)
	if header := len(b) - begin; length > MaxBody || header > MaxHeader {
		return b[:before], fmt.Errorf("append %s record: %d bytes of header and %d of body are beyond the format's limits", h.Kind, header, length)
	}
	return append(b, '\n'), nil
}
