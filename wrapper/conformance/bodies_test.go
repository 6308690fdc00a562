package conformance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"

	"github.com/afterglow-lambda/afterglow/spool"
)

// checkBodies looks for what the spool has of each body among what passed: the hook keeps the beginning, byte for byte, as it was on the wire but for chunks.
// What passed over HTTP/2 is not looked at.
func checkBodies(tale telling) (wrong []string) {
	var all []*spoken
	for _, o := range tale.outcomes {
		all = append(all, o.Received.spoken...)
	}
	for _, id := range append([]string{spool.InvocationInit, spool.InvocationNone}, tale.ids...) {
		starts := map[string]spool.Record{}
		for _, r := range kind(of(tale.spooled, id), spool.KindCallStart, spool.KindCallEnd) {
			if r.Kind == spool.KindCallStart {
				starts[r.Call] = r
			}
			for _, part := range []string{spool.PartRequest, spool.PartResponse} {
				if _, data, ok := r.Part(part); ok && !passed(all, starts[r.Call], part, data) {
					wrong = append(wrong, fmt.Sprintf("the spool has a %s of %s %s that did not pass: %.100q", part, starts[r.Call].Method, starts[r.Call].URL, data))
				}
			}
		}
	}
	return wrong
}

// passed tells whether a body began so in one of the exchanges that a call may have been. A call without any was none of the peer's.
func passed(all []*spoken, call spool.Record, part string, data []byte) bool {
	known := false
	for _, s := range all {
		if s.method != call.Method || s.target != path(call.URL) && s.target != call.URL {
			continue
		}
		known = true
		if part == spool.PartRequest && len(s.request) == 0 {
			return true // it was at hand, and was not wanted
		}
		whole, unpacked := []byte(s.request), []byte(nil)
		if part == spool.PartResponse {
			whole, unpacked = s.answered()
		}
		if bytes.HasPrefix(whole, data) || len(data) > 0 && bytes.HasPrefix(unpacked, data) {
			return true
		}
	}
	return !known
}

// answered gives the body of the answer, as far as it got, and what a library may have made of it before the hook sees it: a compressed one unpacked, and
// what comes after an answer before the answer where that is taken for the answer.
func (s *spoken) answered() (body, unpacked []byte) {
	_, unpacked, _ = bytes.Cut(s.response, []byte("\r\n\r\n"))
	in := bufio.NewReader(bytes.NewReader(s.response))
	for {
		r, err := http.ReadResponse(in, &http.Request{Method: s.method})
		if err != nil {
			return nil, unpacked
		}
		if r.StatusCode < http.StatusOK && r.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, _ = io.ReadAll(r.Body) // what was cut off is no body
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			unpacked, _ = io.ReadAll(z)
		}
		return body, unpacked
	}
}
