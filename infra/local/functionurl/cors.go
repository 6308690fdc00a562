package functionurl

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CORS is what a URL says about requests from web pages of other origins. What a function answers itself is
// overridden by it.
type CORS struct {
	Origins, Methods, Headers, Expose []string
	Credentials                       bool
	MaxAge                            int // seconds
}

// preflight tells whether a request only asks what is allowed: Lambda answers it without the function.
func (c *CORS) preflight(r *http.Request) bool {
	return c != nil && r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// allow sets the headers of an answer, if the request's origin may see it.
func (c *CORS) allow(header http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	if c == nil || origin == "" || !slices.ContainsFunc(c.Origins, func(allowed string) bool { return matches(allowed, origin) }) {
		return
	}
	if slices.Contains(c.Origins, "*") && !c.Credentials {
		origin = "*"
	}
	header.Set("Access-Control-Allow-Origin", origin)
	if origin != "*" {
		header.Set("Vary", "Origin")
	}
	if c.Credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.Expose) > 0 {
		header.Set("Access-Control-Expose-Headers", strings.Join(c.Expose, ","))
	}
	if !c.preflight(r) {
		return
	}
	if len(c.Methods) > 0 {
		header.Set("Access-Control-Allow-Methods", strings.Join(c.Methods, ","))
	}
	if len(c.Headers) > 0 {
		header.Set("Access-Control-Allow-Headers", strings.Join(c.Headers, ","))
	}
	if c.MaxAge > 0 {
		header.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
}

// matches tells whether an origin is one that is allowed, which may have a * for a part of it.
func matches(allowed, origin string) bool {
	before, after, wild := strings.Cut(allowed, "*")
	if !wild {
		return allowed == origin
	}
	return len(origin) >= len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after)
}
