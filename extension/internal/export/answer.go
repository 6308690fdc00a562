package export

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxText is how much of a collector's words is kept: enough for a sentence in the log.
const maxText = 200

// readAnswer reads what came behind a head. Behind that of a 101 comes another protocol than HTTP, over a connection that is not net/http's any more: no context would
// end the reading.
func readAnswer(r *http.Response) ([]byte, error) {
	if r.StatusCode == http.StatusSwitchingProtocols {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(r.Body, maxAnswer)) //nolint:wrapcheck // whoever asks tells whose answer it is
}

// parseSuccess reads an ExportTraceServiceResponse, or that of metrics or logs, which differ in the name of what was rejected alone:
//
//	{ 1: partial_success { 1: rejected_spans, rejected_data_points or rejected_log_records (varint), 2: error_message (string) } }
//
// Whatever else the answer is, 2xx means accepted.
func parseSuccess(answer []byte) Result {
	var r Result
	partial, ok := field(answer, 1)
	if !ok {
		return r
	}
	for b := partial; len(b) > 0; {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return r
		}
		b = b[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b)
			r.Rejected = max(0, int64(v))
		case num == 2 && typ == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(b)
			r.Text = string(v)
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return r
		}
		b = b[n:]
	}
	return r
}

// field gives the last field of that number that holds bytes.
func field(b []byte, want protowire.Number) (value []byte, found bool) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return value, found
		}
		b = b[n:]
		if num == want && typ == protowire.BytesType {
			if v, m := protowire.ConsumeBytes(b); m >= 0 {
				value, found = v, true
			}
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return value, found
		}
		b = b[n:]
	}
	return value, found
}

// IsTooLarge tells whether less in one request may be accepted.
func (e *Error) IsTooLarge() bool { return e.Status == http.StatusRequestEntityTooLarge }

// IsAboutContent tells whether a refusal may be due to a part of what was sent. Without a status it was refused before anybody saw it: too large
// for the lines of a log.
func (e *Error) IsAboutContent() bool {
	return !e.Retry && (e.Status == 0 || e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity)
}

// IsNoEndpoint tells whether the answer is one to a signal that somebody does not take: there is no such path, or no such thing.
func (e *Error) IsNoEndpoint() bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return true
	}
	return false
}

// message finds the words in a refusal, which is a google.rpc.Status in protobuf, JSON, or a proxy's page.
func message(answer []byte) []byte {
	if m, ok := field(answer, 2); ok && utf8.Valid(m) {
		return m
	}
	return answer
}

// readable makes one line of what somebody said; only its letters matter.
func (s secrets) readable(b []byte) string {
	// Credentials go first: cut in two, one could not be recognised.
	text := s.hide(string(b))
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text[:min(len(text), 4*maxText)])
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// retryAfter reads Retry-After, which is seconds or a date (RFC 9110, section 10.2.3). A date is taken by the clock that wrote it, if that one
// is told: a thawed environment's may be off.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(s, 0), int64(longestPause/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(until.Sub(now), 0), longestPause)
}
