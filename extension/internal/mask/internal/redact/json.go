package redact

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// flags of an open container. The stack is two bytes a level, so that a document of a million opening brackets costs two megabytes and no recursion.
type flags uint16

const (
	inObject   flags = 1 << iota // else in a list
	hideAll                      // it is the value of a secret key: every text and number in it is hidden
	hideText                     // the same, but numbers are shown
	secretName                   // a member of it said that the member called value is secret, or the operands
	namesAbove                   // a text in it says so of the container around it
	hideTruth                    // with hideAll: true and false are hidden as well
	allowed                      // it is the value of an allowed key, where all others are hidden
	alternates                   // names and values follow each other in it; with secretName, the next text is a secret value
	versioned                    // it has an apiVersion, so its kind may come behind its data
	secretKind                   // its kind is Secret: its data are
	patched                      // it has an operation, so it may be one of a JSON Patch
	secretPath                   // a member of it has a secret key as the path: in a patch, the member called value is secret
)

// What the grammar expects next.
type expected byte

const (
	aValue expected = iota
	aValueOrEnd
	aKey
	aKeyOrEnd
	aColon
	aCommaOrEnd
)

// A reader is where the reading of a JSON document has come to.
type reader struct {
	w     *work
	e     *edit
	cut   Cut
	depth int   // of documents in strings of documents
	base  int   // of the stack
	start int32 // the set of paths that the document begins at

	i     int
	next  expected
	top   flags   // of the container that is open
	key   verdict // on the last key
	keyAt int     // where it begins
	place int32   // the set of paths that the next value is at
	hit   bool    // one of them ends there
}

// ahead is what was found of names before their time.
type ahead struct {
	surveyed int           // up to where was looked for them
	secrets  map[int]flags // what was found in objects, by their beginnings
}

// json hides secrets in one JSON document or several behind each other, from i on. A document may end anywhere. It follows the grammar strictly,
// since a document that others would read differently would be masked wrongly, and returns where that is left, and whether all that is below
// there is secret.
func (w *work) json(e *edit, i int, cut Cut, depth int) (end int, secret bool) {
	known := w.ahead
	w.ahead = ahead{}
	end, secret = w.jsonBehind(e, i, cut, depth)
	w.ahead = known
	return end, secret
}

// jsonBehind is json where something is known of what is ahead, and more becomes known.
func (w *work) jsonBehind(e *edit, i int, cut Cut, depth int) (end int, secret bool) {
	r := reader{w: w, e: e, cut: cut, depth: depth, base: len(w.stack), i: i, keyAt: i}
	r.start = w.root()
	r.place = r.start
	for r.i < len(e.in) {
		w.steps++
		c := e.in[r.i]
		if isSpace(c) {
			r.i++
			continue
		}
		if !r.step(c) {
			if r.next == aColon || r.next == aValue && r.top&inObject != 0 { // the key is read again, as text
				r.i = max(r.keyAt, e.from)
			}
			break
		}
	}
	w.stack = w.stack[:r.base]
	w.forget(r.start)
	return r.i, r.i < len(e.in) && r.top&(hideAll|hideText) != 0
}

// step reads what begins with c. It is false where the grammar does not allow it.
func (r *reader) step(c byte) bool {
	open := len(r.w.stack) > r.base
	switch {
	case c == '"' && (r.next == aKey || r.next == aKeyOrEnd):
		r.readKey()
	case c == ':' && r.next == aColon:
		r.i++
		r.next = aValue
	case c == ',' && r.next == aCommaOrEnd && open:
		r.i++
		if r.next, r.key = aValue, anything; r.top&inObject != 0 {
			r.next = aKey
		}
		r.hit = false
		r.place = r.container()
	case c == '}' && (r.next == aCommaOrEnd || r.next == aKeyOrEnd) && r.top&inObject != 0,
		c == ']' && (r.next == aCommaOrEnd || r.next == aValueOrEnd) && r.top&inObject == 0 && open:
		r.close()
	case r.next > aValueOrEnd && (r.next != aCommaOrEnd || open || c != '{' && c != '['):
		return false // documents in a row are objects or lists
	case c == '{' || c == '[':
		r.open(c)
	case c == '"':
		r.readText()
	default:
		return r.readLiteral()
	}
	return true
}

func (r *reader) open(c byte) {
	if c == '{' && r.key&alone != 0 {
		r.key &^= hides
	}
	r.top = r.inherited()
	r.next = aValueOrEnd
	if c == '{' {
		r.top |= inObject
		r.next = aKeyOrEnd
	}
	r.top |= r.w.ahead.secrets[r.i]
	if r.key&isNames != 0 {
		r.top |= namesAbove
	}
	if c == '[' && r.key&isPairs != 0 {
		r.top |= alternates
	}
	r.key, r.hit = anything, false
	r.w.stack = append(r.w.stack, r.top)
	if r.start != nowhere {
		r.w.levels = append(r.w.levels[:len(r.w.stack)-1], r.place)
	}
	r.i++
}

// container gives the set of paths that the open container is at.
func (r *reader) container() int32 {
	if r.start == nowhere || len(r.w.stack) == r.base {
		return r.start
	}
	return r.w.levels[len(r.w.stack)-1]
}

func (r *reader) close() {
	stack := r.w.stack[:len(r.w.stack)-1]
	r.w.stack, r.top = stack, 0
	if len(stack) > r.base {
		r.top = stack[len(stack)-1]
	}
	r.i++
	r.next = aCommaOrEnd
	if len(stack) == r.base { // the next document has nothing to do with this one
		r.key, r.hit, r.place = anything, false, r.start
	}
}

// readKey judges a key, and hides what is secret in the key itself.
func (r *reader) readKey() {
	i := r.i
	end, whole, escaped := stringEnd(r.e.in, i)
	r.w.steps += end - i
	if r.key = anything; whole {
		r.key = r.w.judgeQuoted(r.e.in[i+1:end-1], escaped)
	}
	if !whole || r.key&leaks != 0 || end-i > maxKey {
		r.w.jsonString(r.e, i+1, contentEnd(end, whole), escaped, cutOfString(r.cut, end-i, whole), r.depth)
	}
	if r.start != nowhere {
		r.place, r.hit = r.w.followQuoted(r.container(), r.e.in[i+1:contentEnd(end, whole)], escaped)
	}
	r.i, r.keyAt, r.next = end, i, aColon
	switch {
	case r.key&(isValue|isOperand|isVersion|isData|isPatch) == 0:
	case r.key&isPatch != 0 && len(r.w.stack) > r.base:
		r.setTop(r.top | patched)
	case r.key&isVersion != 0 && len(r.w.stack) > r.base:
		r.setTop(r.top | versioned)
	case r.key&isData != 0:
		if r.top&(versioned|secretKind|hideAll) == versioned && end >= r.w.ahead.surveyed {
			r.survey(end)
		}
	case r.key&behind == 0 && r.top&(secretName|hideAll) == 0 && end >= r.w.ahead.surveyed:
		r.survey(end)
	}
}

// readText hides a text, or what is secret in it.
func (r *reader) readText() {
	i := r.i
	end, whole, escaped := stringEnd(r.e.in, i)
	last := contentEnd(end, whole)
	r.w.steps += end - i
	r.i, r.next = end, aCommaOrEnd
	holds := r.inherited()
	if holds&(hideAll|hideText) != 0 || r.key&(ifDrawn|ifLong) != 0 && r.key.isSecretValue(r.e.in[i+1:last]) {
		if last > i+1 {
			r.e.hide(i+1, last)
		}
		if r.top&alternates != 0 {
			r.setTop(r.top &^ secretName)
		}
		return
	}
	outer, above := r.w.outer, r.w.allowed
	r.w.outer, r.w.allowed = r.place, above || holds&allowed != 0
	r.w.jsonString(r.e, i+1, last, escaped, cutOfString(r.cut, end-i, whole), r.depth)
	r.w.outer, r.w.allowed = outer, above
	if r.top&alternates != 0 && whole && r.w.judgeQuoted(r.e.in[i+1:last], escaped)&hides != 0 {
		r.setTop(r.top | secretName)
	}
	level := len(r.w.stack) - 1
	if r.key&isKind != 0 && level >= r.base && isSecretKind(r.e.in[i+1:last]) {
		r.setTop(r.top | secretKind)
	}
	if r.top&namesAbove != 0 {
		level--
	}
	if whole && level >= r.base {
		r.w.stack[level] |= r.names(r.key, r.top&namesAbove != 0, r.e.in[i+1:last], escaped)
		r.top = r.w.stack[len(r.w.stack)-1]
	}
}

// setTop changes the flags of the container that is open.
func (r *reader) setTop(f flags) {
	r.top = f
	r.w.stack[len(r.w.stack)-1] = f
}

// isSecretKind tells whether a kind of Kubernetes is the one whose data are secret.
func isSecretKind(kind []byte) bool { return string(kind) == "Secret" }

// readLiteral hides a number, and what else stands for a value, where it has to be.
func (r *reader) readLiteral() bool {
	end, number := literal(r.e.in, r.i)
	if end < 0 {
		return false
	}
	r.w.steps += end - r.i
	word, holds, cards := r.e.in[r.i:end], r.inherited(), &r.w.rules.tokens
	strict := r.w.strictly() && holds&allowed == 0
	cutOff := end == len(r.e.in) && r.cut&CutEnd != 0
	switch {
	case number && (strict || holds&hideAll != 0),
		number && (end-r.i >= minCard && cards.isCardNumber(word) || cutOff && cards.beginsCard(word)),
		(strict || holds&hideTruth != 0) && word[0] != 'n': // null is no value
		r.e.replace(r.i, end, `"`+Mask+`"`)
	}
	r.i, r.next = end, aCommaOrEnd
	return true
}

// inherited gives what holds for a value: what holds for its container, and what its key says.
func (r *reader) inherited() flags {
	hide := r.top & (hideAll | hideText | hideTruth | allowed)
	if r.hit {
		hide |= hideAll | hideTruth
	}
	if r.key&isAllowed != 0 {
		hide |= allowed
	}
	switch {
	case r.key&hides != 0 && r.key&numbers != 0:
		hide |= hideText
	case r.key&hides != 0, r.key&isData != 0 && r.top&secretKind != 0, r.top.named() && (r.key&(isValue|isOperand) != 0 || r.top&alternates != 0):
		hide |= hideAll
	}
	return hide
}

// shortened is the length from which on a string counts as shortened where strings may be: hooks leave short ones as they are.
const shortened = 64

// cutOfString gives what may be missing of one string of a document.
func cutOfString(document Cut, size int, whole bool) Cut {
	cut := document & CutInside
	if !whole || cut != 0 && size >= shortened {
		cut |= CutEnd
	}
	return cut
}

// judgeQuoted judges a key that may be written with escapes.
func (w *work) judgeQuoted(key []byte, escaped bool) verdict {
	if !escaped {
		return w.judge(key)
	}
	from := len(w.plain)
	w.plain = unescape(w.plain, key)
	v := w.judge(w.plain[from:])
	w.plain = w.plain[:from]
	return v
}

// jsonString hides secrets in the content of a string. One that holds escapes is read without them, whatever is in it, and written again if
// something was hidden.
func (w *work) jsonString(e *edit, i, j int, escaped bool, cut Cut, depth int) {
	const shortest = len("pw=x")
	if j-i < shortest && !w.strictly() {
		return
	}
	if !escaped && !w.strictly() {
		if !w.base64(e, i, j, cut, depth) {
			w.text(e, i, j, cut)
		}
		return
	}
	from := len(w.plain)
	w.plain = unescape(w.plain, e.in[i:j])
	w.steps += j - i
	plain := w.plain[from:]
	if out := w.content(plain, cut, depth+1); !same(out, plain) {
		e.replace(i, j, string(escape(out)))
	}
	w.plain = w.plain[:from]
}

// same tells whether a redaction left its input as it was, which it then is an alias of.
func same(out, in []byte) bool {
	return len(out) == len(in) && (len(in) == 0 || &out[0] == &in[0])
}

// stringEnd gives the index behind the string that begins at i, and whether there are escapes in it.
func stringEnd(in []byte, i int) (end int, whole, escaped bool) {
	const short = 64 // most strings are shorter; a loop is faster for them than a search that has to be called
	at := i + 1
	for last := min(len(in), at+short) - 8; at <= last; at += 8 {
		if found := quotesIn(binary.LittleEndian.Uint64(in[at:])); found != 0 {
			at += bits.TrailingZeros64(found) / 8
			break
		}
	}
	for last := min(len(in), at+8); at < last && in[at] != '\\'; at++ {
		if in[at] == '"' {
			return at + 1, true, false
		}
	}
	if at < len(in) && in[at] != '\\' { // a long one
		q := indexOr(in[at:], '"', len(in)-at)
		escape := bytes.IndexByte(in[at:at+q], '\\')
		if escape < 0 {
			return min(at+q+1, len(in)), at+q < len(in), false
		}
		at += escape
	}
	for begin := at; at < len(in); at++ {
		switch in[at] {
		case '"':
			return at + 1, true, at > begin
		case '\\':
			at++
		}
	}
	return len(in), false, bytes.IndexByte(in[i:], '\\') >= 0
}

// quotesIn tells where among eight bytes the first quotation mark or backslash is: the lowest bit that is set is the highest one of its byte. Of a word less one
// in each byte, a byte that was zero has its highest bit set, and only one above it can borrow from it.
func quotesIn(word uint64) uint64 {
	const (
		ones    = 0x0101010101010101
		highest = 0x80 * ones
	)
	quote, escape := word^'"'*ones, word^'\\'*ones
	return ((quote-ones)&^quote | (escape-ones)&^escape) & highest
}

// contentEnd gives the index behind a string's content, before its closing quote.
func contentEnd(end int, whole bool) int {
	if whole {
		return end - 1
	}
	return end
}
