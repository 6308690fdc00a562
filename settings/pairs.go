package settings

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// parsePairs gives all of the pairs or none: OpenTelemetry's specification of resources has the whole value discarded on any error. Values may hold credentials, and so may
// what was meant to be one: an error tells the place of an entry and shows nothing of it.
func (s Setting) parsePairs(value string) (any, error) {
	m := map[string]string{}
	for n, entry := range splitList(value) {
		key, text, problem, remedy := s.pair(entry)
		if problem != "" {
			return nil, &Error{Name: s.Name, Value: "…", Problem: fmt.Sprintf("entry %d %s", n+1, problem), Remedy: remedy}
		}
		m[key] = text
	}
	return m, nil
}

// pair reads one entry, or tells what is wrong with it and what to write.
func (s Setting) pair(entry string) (key, value, problem, remedy string) {
	key, value, ok := strings.Cut(entry, "=")
	key = strings.TrimSpace(key)
	value, err := url.PathUnescape(strings.TrimSpace(value))
	if err == nil && s.AnyKey {
		key, err = url.PathUnescape(key)
	}
	switch {
	case !ok:
		return "", "", "is not key=value", "write key=value,key2=value2, percent-encoding commas within values"
	case err != nil:
		return "", "", "has a percent sign with no two hexadecimal digits behind it", "write %25 for a percent sign, %2C for a comma"
	case key == "":
		return "", "", "has no key", "write key=value,key2=value2"
	case s.AnyKey && (!utf8.ValidString(key) || !utf8.ValidString(value)):
		return "", "", "is not UTF-8 once its percent signs are read", "percent-encode the bytes of UTF-8"
	case !s.AnyKey && !isToken(key):
		return "", "", "has a key that cannot name a header", "write names of letters, digits and dashes"
	}
	return key, value, "", ""
}

// isToken tells whether s can name a header (RFC 9110, token).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
