package hook

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// HeaderTraceparent is the header by which a request names its call's span as parent: spool/FORMAT.md, a traceparent of the hook's.
const HeaderTraceparent = "Traceparent"

// Propagation knows the hosts whose requests get a traceparent.
type Propagation []string

// Span gives the span and the value of the header for a request of an invocation, or nothing if it is to stay as it is.
func (p Propagation) Span(i *Invocation, u *url.URL, header http.Header) (span, value string) {
	if len(p) == 0 || !p.means(u) || signed(u, header) || len(header[HeaderTraceparent])+len(header["traceparent"]) > 0 { //nolint:staticcheck // SA1008: some write into the map
		return "", ""
	}
	trace := rootOf(i.trace)
	if trace == "" {
		return "", ""
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil || id == [8]byte{} {
		return "", ""
	}
	span = hex.EncodeToString(id[:])
	return span, "00-" + trace + "-" + span + "-01"
}

func (p Propagation) means(u *url.URL) bool {
	place := strings.ToLower(u.Host)
	host := strings.TrimSuffix(place, ":"+u.Port())
	for _, pattern := range p {
		if strings.HasPrefix(pattern, ".") {
			pattern = "*" + pattern
		}
		if glob(pattern, host) || glob(pattern, place) {
			return true
		}
	}
	return false
}

// glob tells whether a text is what a pattern means, in which * is anything.
func glob(pattern, text string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, first)
	if !more || !ok {
		return ok && text == ""
	}
	for n := range len(text) + 1 {
		if glob(rest, text[n:]) {
			return true
		}
	}
	return false
}

// signed tells whether a request has a signature that may be about its headers.
func signed(u *url.URL, header http.Header) bool {
	for _, name := range [...]string{"Signature", "Signature-Input", "X-Amz-Content-Sha256"} {
		if len(header[name]) > 0 {
			return true
		}
	}
	for _, value := range header["Authorization"] {
		value = strings.ToLower(value)
		if strings.HasPrefix(value, "aws") || strings.Contains(value, "signature=") {
			return true
		}
	}
	return strings.Contains(strings.ToLower(u.RawQuery), "signature=")
}

// rootOf gives the trace of an X-Amzn-Trace-Id as traceparent has it; "" if there is none.
func rootOf(header string) string {
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(field, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "Root") {
			continue
		}
		parts := strings.Split(strings.ToLower(strings.TrimSpace(value)), "-")
		if len(parts) != 3 || parts[0] != "1" || len(parts[1]) != 8 || len(parts[2]) != 24 || strings.Trim(parts[1]+parts[2], "0123456789abcdef") != "" {
			return ""
		}
		return parts[1] + parts[2]
	}
	return ""
}
