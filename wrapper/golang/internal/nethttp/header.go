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

// requestHeaders gives the headers of a request in the order in which net/http sends them, as far as they are known before it does.
func requestHeaders(to [][2]string, req *http.Request) [][2]string {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	to = append(to, [2]string{"Host", host})
	if req.ContentLength > 0 {
		to = append(to, [2]string{"Content-Length", strconv.FormatInt(req.ContentLength, 10)})
	}
	return sorted(to, req.Header, true)
}

func responseHeaders(to [][2]string, header http.Header) [][2]string {
	return sorted(to, header, false)
}

// sorted appends headers by their names: their order is lost where they come from.
func sorted(to [][2]string, header http.Header, sent bool) [][2]string {
	var room [24]string
	names := room[:0]
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if sent && (name == "Host" || name == "Content-Length") { // net/http sends others in their place
			continue
		}
		for _, value := range header[name] {
			to = append(to, [2]string{name, value})
		}
	}
	return to
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
