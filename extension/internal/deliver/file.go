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
// born is in milliseconds since 1970, bytes the size of the payload, sha256 the first 16 bytes of its hash in hexadecimal. Its name tells all but the last two
// as well, so that files of an earlier life can be put in order without being opened, and counted although nobody can read them any more:
//
//	<born, 13 digits>-<count and random>[-<records>][-asked].<exporter>.<signal>.otlp
//
// A file that is written anew by each flush (Stash) has no records in its name, which would have to change with it.
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

// parseFile reads one. With errDamaged the head may still be there: what it says of records is better than nothing (count).
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

// fileName tells no number of records where that is 0.
func fileName(h head, random string, doubtful bool) string {
	records, asked := "", ""
	if h.records > 0 {
		records = "-" + strconv.Itoa(h.records)
	}
	if doubtful {
		asked = askedMark
	}
	return fmt.Sprintf("%013d-%s%s%s.%s.%s%s", max(0, h.born.UnixMilli()), random, records, asked, h.exporter, h.signal, fileSuffix)
}

// parseFileName reads what a name tells.
func parseFileName(name string) (h head, random string, doubtful, ok bool) {
	f := strings.Split(name, ".")
	if len(f) != 4 || "."+f[3] != fileSuffix {
		return head{}, "", false, false
	}
	first, doubtful := strings.CutSuffix(f[0], askedMark)
	digits, rest, _ := strings.Cut(first, "-")
	random, count, _ := strings.Cut(rest, "-")
	born, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || random == "" || f[1] == "" || f[2] == "" {
		return head{}, "", false, false
	}
	records, err := strconv.ParseUint(count, 10, 31)
	if err != nil {
		records = 0 // there is none, or it is no number of ours
	}
	return head{exporter: f[1], signal: f[2], records: int(records), born: time.UnixMilli(born)}, random, doubtful, true
}
