package export

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	// hidden stands where a credential was.
	hidden = "[hidden]"
	// shortestValue is the length from which a header's value is taken for a secret: a tenant named 1 is none, and text without any "1" tells little.
	shortestValue = 4
	// shortestWord is the same for a word of a value: "Bearer" alone is none.
	shortestWord = 7
	// longestName is the length up to which a piece of a path without digits is no key: "opentelemetry" is none. With digits, shortestWord holds.
	longestName = 20
)

// secrets are the texts that must not be shown, longest first.
type secrets []string

// secretsOf collects them: each header's value, whole and in its words, and what the URL holds, in its path too, as they are and as JSON and URLs write them.
func secretsOf(header http.Header, u *url.URL) secrets {
	var s secrets
	add := func(text string, shortest int) {
		if len(text) < shortest {
			return
		}
		quoted, _ := json.Marshal(text) // a string can be marshalled
		s = append(s, text, strings.Trim(string(quoted), `"`), url.QueryEscape(text), url.PathEscape(text))
	}
	for _, values := range header {
		for _, value := range values {
			add(value, shortestValue)
			for _, word := range strings.Fields(value) {
				add(word, shortestWord)
			}
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		add(password, shortestValue)
	}
	for _, values := range u.Query() {
		for _, value := range values {
			add(value, shortestWord)
		}
	}
	for piece := range strings.SplitSeq(u.Path, "/") {
		if strings.ContainsAny(piece, "0123456789") {
			add(piece, shortestWord)
		} else {
			add(piece, longestName+1)
		}
	}
	return s.sorted()
}

// secretsOfProxy are those of a proxy's URL, as they are sent to it, too: a proxy may show what it was sent.
func secretsOfProxy(proxy *url.URL) secrets {
	if proxy == nil || proxy.User == nil {
		return nil
	}
	r := http.Request{Header: http.Header{}}
	password, _ := proxy.User.Password()
	r.SetBasicAuth(proxy.User.Username(), password)
	return secretsOf(r.Header, &url.URL{User: proxy.User})
}

func (s secrets) sorted() secrets {
	slices.SortFunc(s, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(s)
}

// hide takes them out of a text.
func (s secrets) hide(text string) string {
	pairs := make([]string, 0, 2*len(s))
	for _, secret := range s {
		pairs = append(pairs, secret, hidden)
	}
	return strings.NewReplacer(pairs...).Replace(text) // at each place the first that fits, which is the longest
}

// isToken tells whether a header's name is one: RFC 7230, section 3.2.6.
func isToken(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			return false
		}
		return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}

// isValue tells whether a header's value is one: no control characters but the tab.
func isValue(value string) bool {
	for i := range len(value) {
		if b := value[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
