package deliver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A file of the outbox is a line that says what it is, and the request behind it as it is sent:
//
//	AFTERGLOW-OUTBOX/1 <exporter> <signal> <records> <born> <bytes> <sha256>\n<payload>
//
// born is in milliseconds since 1970, bytes the size of the payload, sha256 the first 16 bytes of its hash in hexadecimal. Its name tells exporter, signal
// and born too, so that files of an earlier life can be put in order without being opened:
//
//	<born, 13 digits>-<count and random>[-asked].<exporter>.<signal>.otlp
//
// asked: it was sent, and nobody heard the answer, so that it may have been accepted.
const (
	fileMark   = "AFTERGLOW-OUTBOX/"
	fileLine   = fileMark + "1"
	fileSuffix = ".otlp"
	askedMark  = "-asked"
	tempSuffix = ".tmp" // behind the whole name, while it is written
	// longestHead is more than a first line takes.
	longestHead = 256
	hashBytes   = 16
)

// A head is what the first line says.
type head struct {
	exporter, signal string
	records          int
	born             time.Time
}

var (
	errNewer   = errors.New("it was written by a newer version")
	errDamaged = errors.New("it is damaged")
)

func appendFile(b []byte, h head, payload []byte) []byte {
	sum := sha256.Sum256(payload)
	b = fmt.Appendf(b, "%s %s %s %d %d %d %s\n", fileLine, h.exporter, h.signal, h.records, h.born.UnixMilli(), len(payload), hex.EncodeToString(sum[:hashBytes]))
	return append(b, payload...)
}

// parseFile reads one. With errDamaged the head may still be there: what it says of records is as good a count as any.
func parseFile(b []byte) (h head, payload []byte, err error) {
	line, payload, ok := bytes.Cut(b, []byte("\n"))
	f := strings.Split(string(line[:min(len(line), longestHead)]), " ")
	switch {
	case f[0] != fileLine && strings.HasPrefix(f[0], fileMark) && ok:
		return head{}, nil, errNewer
	case f[0] != fileLine || len(f) != 7:
		return head{}, nil, errDamaged
	}
	records, err1 := strconv.Atoi(f[3])
	born, err2 := strconv.ParseInt(f[4], 10, 64)
	if err1 != nil || err2 != nil || records < 0 {
		return head{}, nil, errDamaged
	}
	h = head{exporter: f[1], signal: f[2], records: records, born: time.UnixMilli(born)}
	sum := sha256.Sum256(payload)
	if f[5] != strconv.Itoa(len(payload)) || f[6] != hex.EncodeToString(sum[:hashBytes]) {
		return h, nil, errDamaged
	}
	return h, payload, nil
}

func fileName(h head, random string) string {
	return fmt.Sprintf("%013d-%s.%s.%s%s", max(0, h.born.UnixMilli()), random, h.exporter, h.signal, fileSuffix)
}

// parseFileName reads what a name tells, which is all but the number of records.
func parseFileName(name string) (h head, ok bool) {
	f := strings.Split(name, ".")
	if len(f) != 4 || "."+f[3] != fileSuffix {
		return head{}, false
	}
	digits, random, ok := strings.Cut(f[0], "-")
	born, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || random == "" || f[1] == "" || f[2] == "" {
		return head{}, false
	}
	return head{exporter: f[1], signal: f[2], born: time.UnixMilli(born)}, true
}

// isAsked tells whether a file's name says that its request was sent, and nobody heard the answer.
func isAsked(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return strings.HasSuffix(first, askedMark)
}

// asked gives a file's name as it tells so, or does not.
func asked(name string, doubtful bool) string {
	first, rest, _ := strings.Cut(name, ".")
	first = strings.TrimSuffix(first, askedMark)
	if doubtful {
		first += askedMark
	}
	return first + "." + rest
}
