package nethttp

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

// address gives the URL of a request as it is sent.
func address(req *http.Request) string {
	u := req.URL
	if u.Opaque != "" || u.Host == "" {
		return hook.Cut(u.String())
	}
	var b strings.Builder
	path := u.EscapedPath()
	b.Grow(len(u.Scheme) + len(u.Host) + len(path) + len(u.RawQuery) + len("://?"))
	b.WriteString(u.Scheme)
	b.WriteString("://")
	if u.User != nil {
		b.WriteString(u.User.String())
		b.WriteByte('@')
	}
	b.WriteString(u.Host)
	b.WriteString(path)
	if u.RawQuery != "" || u.ForceQuery {
		b.WriteByte('?')
		b.WriteString(u.RawQuery)
	}
	return hook.Cut(b.String())
}

// defaultAgent is what net/http calls itself over HTTP/1.1. That HTTP/2 will be spoken is not known yet.
const defaultAgent = "Go-http-client/1.1"

// requestHeaders gives the headers of a request as net/http sends them over HTTP/1.1 (Request.write and persistConn.roundTrip), in its order, but for
// how the connection and the body are framed. asks tells that the transport asks for compressed answers by itself.
func requestHeaders(to [][2]string, req *http.Request, asks bool) [][2]string {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	to = append(to, [2]string{"Host", host})
	agent := defaultAgent
	if own, ok := req.Header["User-Agent"]; ok && len(own) > 0 {
		agent = own[0]
	}
	if agent != "" {
		to = append(to, [2]string{"User-Agent", agent})
	}
	if req.ContentLength > 0 {
		to = append(to, [2]string{"Content-Length", strconv.FormatInt(req.ContentLength, 10)})
	}
	to = sorted(to, req.Header, sentOtherwise)
	if asks && req.Method != http.MethodHead && req.Header["Accept-Encoding"] == nil && req.Header["Range"] == nil {
		to = append(to, [2]string{"Accept-Encoding", "gzip"})
	}
	return to
}

// sentOtherwise tells the headers that net/http sends by its own lights.
func sentOtherwise(name string) bool {
	switch name {
	case "Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

func responseHeaders(to [][2]string, header http.Header) [][2]string {
	return sorted(to, header, func(string) bool { return false })
}

// sorted appends headers by their names, but for some. Their order is lost where they come from, and that is how net/http sends them.
func sorted(to [][2]string, header http.Header, without func(name string) bool) [][2]string {
	var room [24]string
	names := room[:0]
	for name := range header {
		if !without(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range header[name] {
			to = append(to, [2]string{name, value})
		}
	}
	return to
}

// asks tells whether a round tripper asks for compressed answers where a request says nothing about it, as net/http's does.
func asks(t http.RoundTripper) bool {
	transport, ok := t.(*http.Transport)
	return !ok || !transport.DisableCompression
}

// bounded gives as many headers as the budget holds, and counts the others.
func (c *Call) bounded(headers [][2]string) [][2]string {
	left := c.hook.Settings.HeaderBytes
	for i, pair := range headers {
		if left -= len(pair[0]) + len(pair[1]) + len(": \r\n"); left < 0 {
			bytes := 0
			for _, pair := range headers[i:] {
				bytes += len(pair[0]) + len(pair[1])
			}
			c.hook.Handler.Lost("headers", int64(len(headers)-i), int64(bytes))
			return headers[:i]
		}
	}
	return headers
}
