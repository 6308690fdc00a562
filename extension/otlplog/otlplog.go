// Package otlplog writes OTLP requests as lines of a log and reads them back: docs/exporting.md has the format.
//
// It takes the bytes of a request and gives lines that fit into an event of CloudWatch Logs each, and the other way round. It promises that
// what Decode gives is byte for byte what Encode took: a batch of which a line is missing, cut or altered is not given at all, but counted. Lines
// may come in any order, twice, between others, and within the text of another program's line: they hold no character that JSON escapes.
package otlplog

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	zip "github.com/klauspost/compress/gzip"
)

const (
	// Mark begins every line of the format. Its number is the format's version.
	Mark = "AFTERGLOW-OTLP/1"
	// MaxLine bounds a line. An event of CloudWatch Logs takes 256 KiB with 26 bytes of its own, and whoever hands lines on may wrap them.
	MaxLine = 200 << 10
	// maxParts and maxPayload bound what a reader believes of a line: five hundred times the largest batch, and no bomb.
	maxParts   = 1000
	maxPayload = 64 << 20
	// maxOpen bounds the batches of which a reader has a part. The oldest is given up first.
	maxOpen = 256
	// idBytes of a hash name a batch. They need only differ from those of the same log.
	idBytes = 8
)

// Signals: what the request is. Each has the last part of its usual URL for a name.
const (
	Traces  = "traces"  // an ExportTraceServiceRequest
	Metrics = "metrics" // an ExportMetricsServiceRequest
	Logs    = "logs"    // an ExportLogsServiceRequest
)

// A Batch is one request.
type Batch struct {
	Signal  string
	Payload []byte // protobuf
}

// Encode gives the lines of a batch, each with its line feed:
//
//	AFTERGLOW-OTLP/1 <signal> <id> <part>/<parts> gzip <base64url>
func Encode(b Batch) ([]string, error) {
	var zipped bytes.Buffer
	z, err := zip.NewWriterLevel(&zipped, zip.BestSpeed) // the one that export has
	if err != nil {
		return nil, fmt.Errorf("compress batch: %w", err)
	}
	if _, err = z.Write(b.Payload); err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress batch: %w", err)
	}
	sum := sha256.Sum256(zipped.Bytes())
	id := hex.EncodeToString(sum[:idBytes])
	const head = 128 // more than a head takes
	size := (MaxLine - head) / 4 * 3
	parts := (zipped.Len() + size - 1) / size
	if parts > maxParts {
		return nil, fmt.Errorf("write batch: it takes %d lines, more than %d", parts, maxParts)
	}
	lines := make([]string, parts)
	for n := range lines {
		lines[n] = fmt.Sprintf("%s %s %s %d/%d gzip %s\n", Mark, b.Signal, id, n+1, parts, base64.RawURLEncoding.EncodeToString(zipped.Next(size)))
	}
	return lines, nil
}

// A Decoder puts batches together. The zero Decoder is ready.
type Decoder struct {
	open  map[string]*open
	order []string // of open, oldest first
	done  map[string]bool
	bad   int
}

// An open batch lacks parts.
type open struct {
	signal string
	parts  [][]byte
	left   int
}

// errNotOurs says that a line has the mark and is none all the same.
var errNotOurs = errors.New("read line of a batch: it is damaged")

// Decode takes a line and gives the batch that it completes, or nil. A line without the mark is none of ours and no error.
func (d *Decoder) Decode(line string) (*Batch, error) {
	at := strings.Index(line, Mark+" ")
	if at < 0 {
		return nil, nil
	}
	p, err := parse(line[at:])
	if err != nil {
		d.bad++
		return nil, err
	}
	if d.done[p.id] {
		return nil, nil // CloudWatch delivers at least once
	}
	o := d.open[p.id]
	if o == nil {
		o = d.begin(p)
	}
	if o.signal != p.signal || len(o.parts) != p.parts {
		d.bad++
		return nil, errNotOurs
	}
	if o.parts[p.part] == nil {
		o.parts[p.part] = p.data
		o.left--
	}
	if o.left > 0 {
		return nil, nil
	}
	d.drop(p.id)
	payload, err := unzip(o.parts, p.id)
	if err != nil {
		d.bad++
		return nil, err
	}
	if d.done == nil {
		d.done = map[string]bool{}
	}
	d.done[p.id] = true
	return &Batch{o.signal, payload}, nil
}

// Missing tells how many batches were begun and not completed, and how many lines or batches were damaged.
func (d *Decoder) Missing() (incomplete, damaged int) { return len(d.open), d.bad }

func (d *Decoder) begin(p part) *open {
	if d.open == nil {
		d.open = map[string]*open{}
	}
	if len(d.open) >= maxOpen {
		d.drop(d.order[0])
		d.bad++
	}
	o := &open{signal: p.signal, parts: make([][]byte, p.parts), left: p.parts}
	d.open[p.id] = o
	d.order = append(d.order, p.id)
	return o
}

func (d *Decoder) drop(id string) {
	delete(d.open, id)
	for n, other := range d.order {
		if other == id {
			d.order = append(d.order[:n], d.order[n+1:]...)
			return
		}
	}
}

// A part is a line that was read; part counts from 0.
type part struct {
	signal, id  string
	part, parts int
	data        []byte
}

func parse(line string) (part, error) {
	f := strings.Fields(line)
	if len(f) < 6 || f[0] != Mark || f[4] != "gzip" || len(f[2]) != 2*idBytes {
		return part{}, errNotOurs
	}
	number, count, ok := strings.Cut(f[3], "/")
	n, err := strconv.Atoi(number)
	if err != nil || !ok {
		return part{}, errNotOurs
	}
	of, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > of || of > maxParts {
		return part{}, errNotOurs
	}
	text := f[5]
	if end := strings.IndexFunc(text, isNotBase64); end >= 0 {
		text = text[:end] // the end of a text that holds it
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) == 0 {
		return part{}, errNotOurs
	}
	return part{signal: f[1], id: f[2], part: n - 1, parts: of, data: data}, nil
}

func isNotBase64(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
}

func unzip(parts [][]byte, id string) ([]byte, error) {
	zipped := bytes.Join(parts, nil)
	sum := sha256.Sum256(zipped)
	if hex.EncodeToString(sum[:idBytes]) != id {
		return nil, errNotOurs
	}
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("decompress batch: %w", err)
	}
	payload, err := io.ReadAll(io.LimitReader(z, maxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("decompress batch: %w", err)
	}
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("decompress batch: it has more than %d bytes", maxPayload)
	}
	return payload, nil
}
