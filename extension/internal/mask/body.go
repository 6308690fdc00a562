package mask

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask/internal/redact"
)

// Reasons for content that was captured and is not shown.
const (
	HiddenDomain     = "domain"     // the host is one whose traffic is never shown
	HiddenBinary     = "binary"     // it is no text, so nobody can tell what is in it
	HiddenCompressed = "compressed" // the same
	HiddenUnknown    = "unknown"    // it is text without keys, and the settings say that such is left out
)

// body masks content of an HTTP request or response, or of an event. What cannot be understood is not passed through: it is looked through for credentials,
// or left out.
func (m *Masker) body(b event.Body, headers []event.Header, p part) Body {
	data := b.Data.Reveal()
	out := Body{Size: b.Size, Truncated: b.Truncated}
	if out.Size <= 0 && !b.Truncated {
		out.Size = int64(len(data))
	}
	if len(data) == 0 {
		return out
	}
	rules, contentType := m.of(p), headerValue(headers, "content-type")
	media := strings.ToLower(contentType)
	var separator string
	if isMultipart(media) {
		separator = boundary(contentType)
	}
	switch {
	case isCompressed(data, headerValue(headers, "content-encoding")):
		out.Hidden = Text{HiddenCompressed}
	case isBinary(data, media, b.Truncated):
		out.Hidden = Text{HiddenBinary}
	case isForm(media) && !isDocument(data) && (!m.dropUnknown || bytes.IndexByte(data, '=') >= 0):
		out.Text = m.redact(data, func(in []byte) []byte { return rules.Form(in, cutOf(b)) })
	case isMultipart(media) && (!m.dropUnknown || separator != "" && bytes.Contains(data, []byte("--"+separator))):
		out.Text = m.redact(data, func(in []byte) []byte { return rules.Multipart(in, separator, cutOf(b)) })
	default:
		understood := true
		out.Text = m.redact(data, func(in []byte) (masked []byte) {
			masked, understood = rules.Document(in, cutOf(b))
			return masked
		})
		if m.dropUnknown && !understood {
			out.Text, out.Hidden = Text{}, Text{HiddenUnknown}
		}
	}
	return out
}

// cutOf tells what may be missing of a body.
func cutOf(b event.Body) redact.Cut {
	switch {
	case b.Shortened:
		return redact.CutEnd | redact.CutInside
	case b.Truncated:
		return redact.CutEnd
	}
	return 0
}

// isCompressed believes the header, and the first bytes where the header says nothing.
func isCompressed(data []byte, encoding string) bool {
	for more := encoding != ""; more; {
		var name string
		name, encoding, more = strings.Cut(encoding, ",")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "", "identity", "aws-chunked":
		default:
			return true
		}
	}
	for _, magic := range [...]string{"\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd", "BZh"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

// isBinary tells whether content is no text: its media type, in lower case, says so, or it holds a zero byte, or is not UTF-8. A character may be cut at the end.
func isBinary(data []byte, media string, cut bool) bool {
	if isBinaryMedia(media, data) {
		return true
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return true
	}
	if cut {
		data = withoutCutRune(data)
	}
	return !utf8.Valid(data)
}

func isBinaryMedia(media string, data []byte) bool {
	switch media {
	case "", "application/json", "application/json; charset=utf-8", "application/x-amz-json-1.0", "application/x-amz-json-1.1": // nearly all, without a search
		return false
	}
	for _, binary := range [...]string{"image/", "audio/", "video/", "font/"} {
		if strings.HasPrefix(media, binary) && !strings.HasPrefix(media, "image/svg") {
			return true
		}
	}
	for _, binary := range [...]string{"cbor", "protobuf", "grpc", "msgpack", "avro", "octet-stream", "eventstream", "application/pdf", "application/zip"} {
		if strings.Contains(media, binary) && !looksLikeText(data) {
			return true
		}
	}
	return false
}

// looksLikeText is for the many who send JSON as application/octet-stream.
func looksLikeText(data []byte) bool {
	data = withoutSpace(data)
	return len(data) > 0 && (data[0] == '{' || data[0] == '[' || data[0] == '<')
}

// isDocument tells whether what is sent as a form is JSON or XML, as curl -d sends it: of a form, the ampersands and equals signs in it would be taken to end a
// value. Only a bracket may begin a form's first key as well ([0]=a, [user][name]=a): behind the one that closes it, no JSON goes on like that.
func isDocument(data []byte) bool {
	if !looksLikeText(data) {
		return false
	}
	data = withoutSpace(data)
	end := bytes.IndexByte(data, ']')
	if data[0] != '[' || end < 0 || end+1 == len(data) || bytes.IndexByte(data[:end], '"') >= 0 {
		return true
	}
	next := data[end+1]
	return next != '=' && next != '[' && next != '%'
}

// withoutSpace takes white space and a byte order mark off the beginning.
func withoutSpace(data []byte) []byte { return bytes.TrimLeft(data, " \t\r\n\ufeff") }

// withoutCutRune takes the beginning of a character off the end.
func withoutCutRune(data []byte) []byte {
	for k := 1; k < utf8.UTFMax && k <= len(data); k++ {
		if tail := data[len(data)-k:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return data[:len(data)-k]
			}
			break
		}
	}
	return data
}

func isForm(media string) bool { return strings.HasPrefix(media, "application/x-www-form-urlencoded") }

func isMultipart(media string) bool { return strings.HasPrefix(media, "multipart/") }

// boundary reads what separates the parts of a multipart body; "" if the content type does not tell.
func boundary(contentType string) string {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return parameters["boundary"]
}

func headerValue(headers []event.Header, name string) string {
	for _, h := range headers {
		if len(h.Name) == len(name) && strings.EqualFold(h.Name, name) {
			return h.Value.Reveal()
		}
	}
	return ""
}
