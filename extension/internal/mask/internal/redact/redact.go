// Package redact hides secrets in bytes: values by their keys, and whatever looks like a credential wherever it stands.
//
// It takes a piece of content (JSON, a form, a URL, XML, a multipart body, any text) that may be cut at its end, and gives the same piece
// with every secret replaced by ****. It knows no invocation, no header and no service.
//
// It promises: JSON that was valid is valid afterwards and has the same keys and containers; a value whose key is secret is hidden even
// where its end is missing; half a credential at a cut is hidden like a whole one; the time is linear in the input, with no expression
// that can backtrack; the input is never written to. The result may alias the input where nothing was hidden.
package redact

import (
	"bytes"
	"hash/maphash"
	"sync"
)

// Mask is what stands in the place of a secret.
const Mask = "****"

// maxDepth is how many documents inside strings of documents are opened. Each level of JSON in JSON doubles the backslashes, so nobody's
// honest content goes deeper; what does is hidden whole.
const maxDepth = 6

// Rules say what is secret. They are safe for concurrent use.
type Rules struct {
	keys    keyRules
	tokens  tokenRules
	paths   paths
	strict  bool      // every value is, see Strict
	packed  bool      // and so is what is compressed, in base64
	phrases bool      // passwords are, so phrases that announce one count
	work    sync.Pool // of *work
}

// New makes rules.
func New(o Options) *Rules {
	r := &Rules{keys: newKeyRules(o), tokens: newTokenRules(o), paths: newPaths(o.Paths), strict: o.Preset == Strict, packed: o.Preset != Off}
	r.phrases = r.keys.judge([]byte("password"), []int{0, len("password")})&hides != 0
	if r.paths.words > 0 {
		r.tokens.classes['{'] |= mark
	}
	r.work.New = func() any { return &work{rules: r, verdicts: make(map[string]memory, 64), seed: maphash.MakeSeed()} }
	return r
}

// A work is what one call needs, kept for the next one.
type work struct {
	rules    *Rules
	verdicts map[string]memory // of keys seen lately
	lately   [memories]memory  // of keys seen very lately
	harmless [harmlessTexts]harmless
	seed     maphash.Seed // of their hashes
	stack    []flags      // of the JSON document that is being read, and above it those of documents in its strings
	plain    []byte       // strings without their escapes, used like a stack
	letters  []byte       // of the key that is being judged
	bounds   []int
	depth    int // of documents in encodings in documents, where text is being read

	sets   []uint64 // of places in the tree of paths, used like a stack
	levels []int32  // the set of each level of stack
	lower  []byte   // the key that is being followed
	outer  int32    // the set of the string that the document being read stands in

	input []byte // the text that was given

	ahead ahead // of the JSON document that is being read

	steps int // bytes that were looked at, each time that one was: tests see that they are proportional to the input

	lines   bool // the text is of several lines, and has to be of as many afterwards
	allowed bool // strict rules do not hold: what is being read stands below an allowed key
	unknown bool // the content is none of the kinds that have values
}

// A Cut tells what may be missing of content. Flags.
type Cut uint8

const (
	CutEnd    Cut = 1 << iota // what stood behind its end
	CutInside                 // of JSON: the ends of long strings
)

func (r *Rules) get() *work {
	w := r.work.Get().(*work)
	w.stack, w.plain, w.depth, w.steps = w.stack[:0], w.plain[:0], 0, 0
	w.input, w.ahead = w.input[:0], ahead{}
	w.sets, w.levels, w.outer, w.allowed, w.unknown, w.lines = w.sets[:0], w.levels[:0], nowhere, false, false, false
	return w
}

// Content hides secrets in content of any kind.
func (r *Rules) Content(in []byte, cut Cut) []byte {
	w := r.get()
	defer r.work.Put(w)
	return w.content(in, cut, 0)
}

// Document is Content that tells whether it understood what kind of content this is: JSON, XML or parts, all of it. Of anything else it can see no more
// than the shape of credentials.
func (r *Rules) Document(in []byte, cut Cut) (out []byte, understood bool) {
	w := r.get()
	defer r.work.Put(w)
	out = w.content(in, cut, 0)
	return out, !w.unknown
}

// Text is Content for text. Where nothing was hidden it gives the same text, and takes no memory for it: most texts are short, and there are hundreds of them
// to an invocation.
func (r *Rules) Text(in string, cut Cut) string {
	w := r.get()
	defer r.put(w)
	if cut == 0 {
		return w.name(in)
	}
	return w.textOf(in, cut)
}

// name is Text for what is mostly short, and mostly what it was before.
func (w *work) name(in string) string {
	harmless, place := w.isHarmless(in)
	if harmless {
		return in
	}
	out := w.textOf(in, 0)
	if place != nil && out == in {
		place.remember(in)
	}
	return out
}

func (w *work) textOf(in string, cut Cut) string {
	w.input = append(w.input, in...)
	return textOf(in, w.input, w.content(w.input, cut, 0))
}

// textOf gives the result of masking a text, which stood in input.
func textOf(in string, input, out []byte) string {
	if same(out, input) {
		return in
	}
	return string(out)
}

// keptInput is the most that a work keeps of memory for a text that was given.
const keptInput = 16 << 10

func (r *Rules) put(w *work) {
	if cap(w.input) > keptInput {
		w.input = nil
	}
	r.work.Put(w)
}

// Form hides secrets in application/x-www-form-urlencoded content or in the query of a URL.
func (r *Rules) Form(in []byte, cut Cut) []byte {
	w := r.get()
	defer r.work.Put(w)
	e := edit{in: in}
	w.form(&e, 0, len(in), cut, 0)
	return e.done()
}

// Name is Text for a key, and tells whether its values are hidden, and whether the user wants to see them.
func (r *Rules) Name(key string) (shown string, hidden, allowed bool) {
	w := r.get()
	defer r.put(w)
	shown = w.name(key)
	w.input = append(w.input[:0], key...)
	v := w.judge(w.input)
	return shown, v&hides != 0, v&isAllowed != 0
}

// content finds out what kind of content this is.
func (w *work) content(in []byte, cut Cut, depth int) []byte {
	at := 0
	for at < len(in) && isSpace(in[at]) || bytes.HasPrefix(in[at:], []byte(byteOrderMark)) {
		if isSpace(in[at]) {
			at++
		} else {
			at += len(byteOrderMark)
		}
	}
	if at == len(in) {
		return in
	}
	w.steps += at
	e, outer := edit{in: in, lines: w.lines && depth == 0}, w.depth
	w.depth = depth
	switch c := in[at]; {
	case c == '{' || c == '[' || c == '"' || depth == 0 && isLoneNumber(in[at:]):
		if depth >= maxDepth {
			e.hide(0, len(in))
			break
		}
		switch end, secret := w.json(&e, at, cut, depth); {
		case end == len(in):
		case secret || w.strictly():
			w.isUnknown(depth)
			e.hide(end, len(in))
		default: // a log line that begins with [, or what a program prints of its objects
			w.isUnknown(depth)
			w.textFrom(&e, at, end, len(in), cut)
		}
	case c == '<' && isMarkup(in[at+1:]):
		w.xml(&e, at, len(in), cut)
	case c == '-' && isMultipart(in[at:]):
		w.multipart(&e, at, cut, depth)
	case w.strictly():
		w.isUnknown(depth)
		e.hide(at, len(in))
	case !w.base64(&e, at, len(in), cut, depth):
		w.isUnknown(depth)
		w.text(&e, at, len(in), cut)
	}
	w.depth = outer
	return e.done()
}

// strictly tells whether every value is secret here.
func (w *work) strictly() bool { return w.rules.strict && !w.allowed }

// isUnknown remembers that the whole is nothing that has keys.
func (w *work) isUnknown(depth int) { w.unknown = w.unknown || depth == 0 }

// isMarkup tells whether what stands behind a < makes it a tag, a comment or an instruction.
func isMarkup(in []byte) bool {
	return len(in) == 0 || in[0] == '!' || in[0] == '?' || in[0] == '/' || in[0] >= 0x80 || in[0] == '_' || isLetterOrDigit(in[0]) && !isDigit(in[0])
}

// isLoneNumber tells whether a body is one number, which is JSON.
func isLoneNumber(in []byte) bool {
	if !isDigit(in[0]) && in[0] != '-' {
		return false
	}
	end, number := literal(in, 0)
	return number && len(bytes.TrimRight(in, " \r\n\t")) == end
}

const byteOrderMark = "\xef\xbb\xbf"

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// An edit is a copy of in with pieces of it replaced, made from the beginning to the end. Nothing is copied as long as nothing is replaced.
type edit struct {
	in, out []byte
	from    int // in[:from] is in out
	changed bool
	lines   bool // ends of lines stay
}

// replace puts with in the place of in[i:j]. Pieces come in order.
func (e *edit) replace(i, j int, with string) {
	if e.lines {
		with = overLines(e.in[i:j], with)
	}
	if !e.changed {
		e.out = make([]byte, 0, len(e.in)+16*len(with))
		e.changed = true
	}
	e.out = append(append(e.out, e.in[e.from:i]...), with...)
	e.from = j
}

// hide puts the mask in the place of in[i:j].
func (e *edit) hide(i, j int) { e.replace(i, j, Mask) }

func (e *edit) done() []byte {
	if !e.changed {
		return e.in
	}
	return append(e.out, e.in[e.from:]...)
}
