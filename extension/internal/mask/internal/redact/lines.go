package redact

import (
	"bytes"
	"strings"
)

// A Line is a line of a log, and what may be missing of it.
type Line struct {
	Text []byte
	Cut  Cut
}

// A Key is a private key that lines ended in the middle of: what comes behind them begins inside it. The zero Key is none.
type Key struct {
	left    int // lines that may belong to it still
	strange int // the last ones so many did not look like a key's
}

// IsOpen tells whether there is a key.
func (k Key) IsOpen() bool { return k.left > 0 }

const (
	// maxKeyLines is more than the lines of an RSA key of 16384 bits. The end of a key may be lost, and what is behind it is shown again.
	maxKeyLines = 256
	// maxStrange lines in a row may stand in a key that do not look like one: the head of an encrypted one, lines of other threads. A message that only speaks of
	// the first line of keys hides so many of those behind it.
	maxStrange = 8
	// leastKeyRun is how many characters of base64 in a row make a line look like a key's; leastKeyLine is so for one whose key began before there was
	// anything to see. Keys have 64 to a line (RFC 7468), some programs write 76.
	leastKeyRun  = 16
	leastKeyLine = 60
	// maxGroup is how much text is read together.
	maxGroup = 64 << 10
)

const (
	pemBegin   = "-----BEGIN "
	pemEnd     = "-----END"
	pemPrivate = "PRIVATE KEY"
	pemLabel   = 64 // the longest label and its dashes
)

// Lines hides secrets in lines that were printed behind each other: in each of them as Content does, and what only several of them together tell: private
// keys, and values that stand below their keys. It gives as many lines as it was given. open is the key that the lines before ended in.
func (r *Rules) Lines(in []Line, open Key) (out [][]byte, rest Key) {
	out = make([][]byte, len(in))
	for i := range in {
		out[i] = in[i].Text
	}
	if r.tokens.on&PEM != 0 {
		rest = hideKeys(out, open)
	}
	if !r.strict { // which hides the lines whole, or value by value
		for from := 0; from < len(out); {
			to, size := from+1, len(out[from])
			for to < len(out) && in[to-1].Cut&CutEnd == 0 && goesOn(out[to-1], out[to]) && size+len(out[to]) <= maxGroup {
				size += len(out[to])
				to++
			}
			if to > from+1 {
				r.group(out[from:to], in[to-1].Cut)
			}
			from = to
		}
	}
	for i := range out {
		out[i] = r.Content(out[i], in[i].Cut)
	}
	return out, rest
}

// goesOn tells whether a line goes on with what the one before it began: a document over several lines, whose own ones are indented, end a container, or come
// behind what cannot be an end.
func goesOn(before, line []byte) bool {
	before = bytes.TrimRight(before, " \t\r")
	if len(before) == 0 || len(line) == 0 {
		return false
	}
	switch line[0] {
	case ' ', '\t', '}', ']', ')':
		return true
	case '{', '[':
		return false
	}
	return bytes.HasPrefix(line, []byte("</")) || strings.IndexByte("{[(,:", before[len(before)-1]) >= 0
}

// group masks lines as one text.
func (r *Rules) group(lines [][]byte, cut Cut) {
	w := r.get()
	defer r.work.Put(w)
	w.lines = true
	text := w.content(bytes.Join(lines, []byte("\n")), cut, 0)
	w.lines = false
	for i := range lines {
		n := 0 // lines may be several themselves
		for range bytes.Count(lines[i], []byte("\n")) + 1 {
			n += indexOr(text[min(n, len(text)):], '\n', len(text)-n) + 1
		}
		lines[i], text = text[:n-1:n-1], text[min(n, len(text)):]
	}
}

// overLines lays what comes in the place of in out over as many lines as in has.
func overLines(in []byte, with string) string {
	n := bytes.Count(in, []byte("\n"))
	switch {
	case n == strings.Count(with, "\n"):
		return with
	case n == 0:
		return strings.ReplaceAll(with, "\n", "")
	}
	lines := strings.Split(string(in), "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) != "" {
			lines[i] = Mask
		} else {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// hideKeys hides lines of private keys: those behind a first line, those before a last one whose first was not seen, and at the beginning those that look
// like the middle of one.
func hideKeys(lines [][]byte, k Key) Key {
	if !k.IsOpen() {
		hideMiddle(lines)
	}
	for i, line := range lines {
		end := bytes.Index(line, []byte(pemEnd))
		switch {
		case k.IsOpen() && end < 0:
			if k.next(line); k.IsOpen() {
				lines[i] = masked(line)
				continue
			}
		case k.IsOpen():
			lines[i] = append(masked(line[:end]), line[end:]...)
			k = Key{}
		case end >= 0 && isPrivate(line[end:]) && !bytes.Contains(line[:end], []byte(pemBegin)):
			lines[i] = append(masked(line[:end]), line[end:]...)
			for j := i - 1; j >= 0 && isBase64(lines[j], 1); j-- {
				lines[j] = masked(lines[j])
			}
		}
		if begin := bytes.LastIndex(line, []byte(pemBegin)); begin >= 0 && isPrivate(line[begin:]) && !bytes.Contains(line[begin:], []byte(pemEnd)) {
			k = Key{left: maxKeyLines}
		}
	}
	return k
}

// next takes a line that is in the key.
func (k *Key) next(line []byte) {
	k.left--
	if k.strange++; longestRun(line) >= leastKeyRun {
		k.strange = 0
	}
	if k.strange > maxStrange {
		*k = Key{}
	}
}

// hideMiddle hides the lines of a key whose beginning is in none of them: what was printed before them may have been given before, or left out.
func hideMiddle(lines [][]byte) {
	i := 0
	for i < len(lines) && isBase64(lines[i], leastKeyLine) {
		lines[i] = masked(lines[i])
		i++
	}
	if i > 0 && i < len(lines) && isBase64(lines[i], 1) { // its last line is shorter
		lines[i] = masked(lines[i])
	}
}

func isPrivate(boundary []byte) bool {
	return bytes.Contains(boundary[:min(len(boundary), pemLabel)], []byte(pemPrivate))
}

// isBase64 tells whether a line is base64, in quotes perhaps, and of how many characters at least. A long one is so only with letters of both
// cases: digests are no keys.
func isBase64(line []byte, least int) bool {
	line = bytes.Trim(line, " \t\r\n\"',")
	var upper, lower bool
	for _, c := range line {
		if !isBase64Char(c) {
			return false
		}
		upper, lower = upper || c >= 'A' && c <= 'Z', lower || c >= 'a' && c <= 'z'
	}
	return len(line) >= least && (least == 1 || upper && lower)
}

func isBase64Char(c byte) bool { return isLetterOrDigit(c) || c == '+' || c == '/' || c == '=' }

// longestRun gives how many characters of base64 a line has in a row.
func longestRun(line []byte) (longest int) {
	run := 0
	for _, c := range line {
		if run++; !isBase64Char(c) {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// masked gives the mask for what holds anything.
func masked(text []byte) []byte {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	return []byte(Mask)
}
