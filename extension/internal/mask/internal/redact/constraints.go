package redact

import "bytes"

// What databases say of rows that they do not take names columns and values in shapes of its own, and programs log it or give it as the message of an error.

const (
	// maxNames is how far the names before a list of values may reach back.
	maxNames = 256
	// maxEntry is more than MySQL shows of a value that is there already: 64 characters, 192 before 5.7.
	maxEntry = 400
)

// keyless looks at a mark that has no key before it: of PostgreSQL's Key (name, token)=(x, y), or of a symbol that Node.js prints as [Symbol(token)]: 'x'.
func (w *work) keyless(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	end := beforeColours(in, s.begin, i)
	for end > s.begin && in[end-1] == ' ' {
		end--
	}
	before := in[max(s.begin, end-maxNames):end]
	switch {
	case in[i] == '=' && bytes.HasSuffix(before, []byte(")")):
		at := w.valueAt(in, i+1)
		tuple := at < s.end && in[at] == '('
		if !tuple && !isLiteral(in, at) { // lower(token) = 'x'
			return i + 1
		}
		if w.steps += len(before); !w.mentions(before[openingBracket(before):]) {
			return i + 1
		}
		from, to := value(in, at, false)
		if tuple {
			from, to = at, tupleEnd(in, at)
		}
		if w.steps += to - at; from < to {
			e.hide(from, to)
			return to
		}
	case in[i] == '=' && len(before) > 0 && bytes.IndexByte([]byte("!<>~^"), before[len(before)-1]) >= 0 && end == i:
		return w.compared(e, s.begin, i-1, i+1, s.end, i+1)
	case in[i] == ':' && bytes.HasSuffix(before, []byte(")]")):
		name := before[bytes.LastIndexByte(before, '(')+1 : len(before)-len(")]")]
		if w.steps += len(before); w.judge(name)&hides == 0 {
			return i + 1
		}
		at := w.valueAt(in, i+1)
		from, to := value(in, at, false)
		if w.steps += to - at; from < to {
			e.hide(from, to)
			return to
		}
	}
	return i + 1
}

// openingBracket gives where the bracket begins that closes at the end of in: 0 if it is not there.
func openingBracket(in []byte) int {
	depth := 0
	for i := len(in) - 1; i >= 0; i-- {
		switch in[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return 0
}

// tupleEnd gives where a list of values ends that begins with the bracket at i. Nobody escapes the brackets in them, so one counts only where words end.
func tupleEnd(in []byte, i int) int {
	end := closingBracket(in, i, '(')
	for end < len(in) && !isSpace(in[end]) && bytes.IndexByte([]byte(".,;:)]}\"'\\&<%"), in[end]) < 0 {
		end += indexOr(in[end:], ')', len(in)-end-1) + 1
	}
	return end
}

// failingRow hides PostgreSQL's "Failing row contains (1, x, y)": a whole row, whose columns it does not name.
func (w *work) failingRow(e *edit, i, j int) int {
	const phrase = "Failing row contains ("
	in := e.in[:j]
	if !w.rules.phrases || !bytes.HasPrefix(in[i:], []byte(phrase)) {
		return i
	}
	from := i + len(phrase) - 1
	to := tupleEnd(in, from)
	w.steps += to - i
	e.hide(from, to)
	return to
}

// duplicateEntry hides the value in MySQL's "Duplicate entry 'x' for key 'users.token'", whose name stands behind it.
func (w *work) duplicateEntry(e *edit, i, j int) int {
	const phrase, key = "Duplicate entry ", " for key "
	in := e.in[:min(j, i+maxEntry+maxLookBack)]
	if !bytes.HasPrefix(in[i:], []byte(phrase)) {
		return i
	}
	from := i + len(phrase)
	size := bytes.Index(in[from:], []byte(key))
	w.steps += len(in) - i
	if size <= 0 || !w.mentions(line(in[from+size+len(key):])) {
		return i
	}
	e.hide(from, from+size)
	return from + size
}

// line is what stands before the end of the line.
func line(in []byte) []byte { return in[:indexAnyOr(in, "\r\n", len(in))] }

// duplicateKey hides the values in SQL Server's "Violation of UNIQUE KEY constraint 'UQ_token'. … The duplicate key value is (x)."
func (w *work) duplicateKey(e *edit, begin, i, j int) int {
	const phrase = "duplicate key value is ("
	in := e.in[:j]
	if !bytes.HasPrefix(in[i:], []byte(phrase)) || !w.mentions(in[max(begin, i-maxNames):i]) {
		return i
	}
	from := i + len(phrase) - 1
	to := tupleEnd(in, from)
	w.steps += to - i
	e.hide(from, to)
	return to
}

// isNamedBefore tells whether what stands before the colon at i speaks of a value whose name came before it: MongoDB's "index: token_1 dup key: { : "x" }", whose old
// versions name the index alone, and SQL Server's "column 'token'. Truncated value: 'x'".
func (w *work) isNamedBefore(in []byte, begin, i int) bool {
	before := in[max(begin, i-maxNameToValue):i]
	return (bytes.HasSuffix(before, []byte("dup key")) || bytes.HasSuffix(before, []byte("Truncated value"))) && w.mentions(before)
}
