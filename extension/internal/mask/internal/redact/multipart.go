package redact

import "bytes"

// isMultipart tells whether content that begins with -- is a multipart body: a boundary line, then the header of a part.
func isMultipart(in []byte) bool {
	const longestBoundary = 74 // RFC 2046: 70 characters, dashes and line end around them
	line := bytes.IndexByte(in[:min(len(in), longestBoundary)], '\n')
	if line < 0 || !bytes.HasPrefix(in, []byte("--")) || bytes.HasPrefix(in, []byte("-----BEGIN ")) {
		return false
	}
	if len(bytes.Trim(in[:line], "-\r")) == 0 || in[len("--")] == ' ' { // lines between others, or a comment of SQL
		return false
	}
	name := line + 1
	end := name
	for end < len(in) && end-name < maxLookBack && isKeyChar(in[end]) {
		end++
	}
	return end > name && end < len(in) && in[end] == ':' || end == len(in) || hasPrefixFold(in[name:], "content-")
}

// Multipart hides secrets in a multipart body with the boundary that its content type tells: text may stand before it.
func (r *Rules) Multipart(in []byte, boundary string, cut Cut) []byte {
	delimiter := []byte("--" + boundary)
	at := 0
	for {
		next := bytes.Index(in[at:], delimiter)
		if next < 0 || boundary == "" {
			return r.Content(in, cut)
		}
		if at += next; at == 0 || in[at-1] == '\n' {
			break
		}
		at++
	}
	w := r.get()
	defer r.work.Put(w)
	e := edit{in: in}
	w.preamble(&e, at)
	w.parts(&e, at, delimiter, cut, 0)
	return e.done()
}

// multipart hides secrets in the parts of a multipart body that begins with its boundary.
func (w *work) multipart(e *edit, i int, cut Cut, depth int) {
	if depth >= maxDepth {
		e.hide(i, len(e.in))
		return
	}
	w.parts(e, i, bytes.TrimRight(e.in[i:i+bytes.IndexByte(e.in[i:], '\n')], "\r"), cut, depth)
}

// parts goes through the parts: one whose name is a secret key is hidden, every other one is content of its own.
func (w *work) parts(e *edit, i int, delimiter []byte, cut Cut, depth int) {
	in := e.in
	boundary := append([]byte{'\n'}, delimiter...)
	for i < len(in) {
		end := bytes.Index(in[i+1:], boundary)
		if end < 0 {
			end = len(in)
		} else {
			end += i + 1
		}
		w.steps += end - i
		w.part(e, i, end, lastCut(cut, end == len(in)), depth)
		i = end + 1
	}
}

// part looks at one part with its boundary line and its header.
func (w *work) part(e *edit, i, j int, cut Cut, depth int) {
	in := e.in[:j]
	header, gap := bytes.Index(in[i:], []byte("\r\n\r\n")), 4
	if w.steps += header; header < 0 {
		w.steps += j - i
		header, gap = bytes.Index(in[i:], []byte("\n\n")), 2
	}
	if header < 0 {
		w.between(e, i, j, cut)
		return
	}
	w.partHeader(e, i, i+header)
	body := i + header + gap
	end := max(body, j)
	if end > body && in[end-1] == '\r' {
		end--
	}
	name, root := partName(in[i:i+header]), w.root()
	defer w.forget(root)
	piece, extended := in[body:end], extendedName(in[i:i+header])
	if w.isSecretField(root, name, w.judge(name), piece, new(pairs)) || w.isSecretField(root, extended, w.judge(extended), piece, new(pairs)) {
		if end > body {
			e.hide(body, end)
		}
		return
	}
	w.within(root, name, func() {
		if out := w.content(piece, cut, depth+1); !same(out, piece) {
			e.replace(body, end, string(out))
		}
	})
}

// preamble hides secrets in what stands before the first part, up to j.
func (w *work) preamble(e *edit, j int) {
	if !w.strictly() {
		w.text(e, 0, j, 0)
	} else if end := len(bytes.TrimRight(e.in[:j], " \t\r\n")); end > 0 {
		e.hide(0, end)
	}
}

// between hides secrets in what is no part: the last boundary and what stands behind it, or a part without an end of its header.
func (w *work) between(e *edit, i, j int, cut Cut) {
	if line := i + indexOr(e.in[i:j], '\n', j-i); w.strictly() && len(bytes.TrimSpace(e.in[line:j])) > 0 {
		e.hide(line, j)
		return
	}
	w.text(e, i, j, cut)
}

// partHeader hides secrets in a part's header, with the boundary line before it. Where every value is one, it shows what says how the part is written, and its name.
func (w *work) partHeader(e *edit, i, j int) {
	if !w.strictly() {
		w.text(e, i, j, 0)
		return
	}
	for i += indexOr(e.in[i:j], '\n', j-i); i < j; {
		i++
		end := i + indexOr(e.in[i:j], '\n', j-i)
		last := i + len(bytes.TrimRight(e.in[i:end], " \t\r"))
		colon := i + indexOr(e.in[i:last], ':', 0)
		switch {
		case last == i:
		case colon == i || isSpace(e.in[i]): // the line goes on with the field before it
			e.hide(i, last)
		default:
			w.partField(e, i, colon, last)
		}
		i = end
	}
}

// partField hides the value of one field of a part's header, which stands behind the colon, where every value is secret.
func (w *work) partField(e *edit, i, colon, j int) {
	in, from := e.in[:j], skipSpaces(e.in[:j], colon+1)
	switch name := in[i:colon]; {
	case isField(name, "content-disposition"):
		const file = "filename"
		at := bytes.Index(in[from:], []byte(file))
		if at < 0 {
			w.text(e, i, j, 0)
			return
		}
		at += from + len(file)
		w.text(e, i, at, 0)
		e.replace(at, j, `="`+Mask+`"`)
		return
	case isField(name, "content-type"):
		if from = from + indexOr(in[from:], ';', len(in)-from); bytes.Contains(in[from:], []byte("name")) { // of a file
			from = min(j, from+1)
		} else {
			from = j
		}
	case isField(name, "content-transfer-encoding"), isField(name, "content-length"):
		from = j
	}
	w.text(e, i, from, 0)
	if from < j {
		e.hide(from, j)
	}
}

func isField(name []byte, field string) bool { return bytes.EqualFold(name, []byte(field)) }

// extendedName reads name*=charset'language'… out of a part's Content-Disposition (RFC 5987), where some clients write names that are not ASCII.
func extendedName(header []byte) []byte {
	_, rest, found := bytes.Cut(header, []byte(" name*="))
	if !found {
		_, rest, found = bytes.Cut(header, []byte(";name*="))
	}
	if !found {
		return nil
	}
	rest = rest[:indexAnyOr(rest, "; \r\n", len(rest))]
	return decode(bytes.Trim(rest[bytes.LastIndexByte(rest, '\'')+1:], `"`))
}

// partName reads name="…" out of a part's Content-Disposition.
func partName(header []byte) []byte {
	for at := 0; ; {
		n := bytes.Index(header[at:], []byte("name="))
		if n < 0 {
			return nil
		}
		at += n + len("name=")
		if n > 0 && isKeyChar(header[at-len("name=")-1]) { // filename=
			continue
		}
		name, _, _ := bytes.Cut(bytes.TrimPrefix(header[at:], []byte(`"`)), []byte(`"`))
		name, _, _ = bytes.Cut(name, []byte(";"))
		return bytes.TrimSpace(name)
	}
}
