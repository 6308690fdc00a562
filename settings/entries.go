package settings

import (
	"slices"
	"strings"
)

// parseEntries gives the entries that can mean something, beside an error for one that cannot: a rule of masking that never applies hides nothing, and nobody
// would notice.
func (s Setting) parseEntries(value string) (any, error) {
	var right []string
	var err error
	for _, entry := range splitList(value) {
		if s.Type == Hosts {
			bare := bareHost(entry) // what is taken off may hold keys: no error shows it
			if !slices.Contains(s.Readers, Extension) && bare != strings.ToLower(entry) {
				err = &Error{Name: s.Name, Value: shownURL(bare), Problem: "more than a host", Remedy: "write the host alone, which is all that hooks compare with"}
				continue
			}
			entry = bare
		}
		if problem, remedy := s.Type.judge(entry); problem != "" {
			err = &Error{Name: s.Name, Value: shownURL(entry), Problem: problem, Remedy: remedy}
			continue
		}
		right = append(right, entry)
	}
	return right, err
}

// judge tells what is wrong with an entry of a list of this type, and what to write; "" if nothing is.
func (t Type) judge(entry string) (problem, remedy string) {
	switch {
	case t == Keys && !isKey(entry):
		return "not a key: it has neither a letter nor a digit", "write keys as they stand in the data; a preset that hides every value is strict"
	case t == Places && !isPlace(entry):
		return "no place in a document", "write keys with dots between them, such as customer.address.street; for a key wherever it stands there is AFTERGLOW_MASK_KEYS"
	case t == Hosts && !isHosts(entry):
		return "not a host", "write one like pay.example.com, .example.com for every host below, or pay.*.com"
	}
	return "", ""
}

func isKey(entry string) bool {
	return strings.IndexFunc(entry, func(r rune) bool { return r >= 0x80 || isAlphanumeric(byte(r)) }) >= 0
}

// isPlace tells whether a path has keys, and no notation that masking does not know: any depth, filters, keys in brackets.
func isPlace(entry string) bool {
	entry = strings.ReplaceAll(entry, `\.`, "x")
	if strings.Contains(entry, "..") || strings.Contains(entry, "**") {
		return false
	}
	keys, rest := "", entry
	for {
		key, inside, found := strings.Cut(rest, "[")
		if keys += key; !found {
			break
		}
		index, behind, _ := strings.Cut(inside, "]")
		if strings.Trim(index, "0123456789*:") != "" {
			return false
		}
		rest = behind
	}
	return strings.Trim(keys, "./$ ") != ""
}

// isHosts tells whether a bare entry names hosts.
func isHosts(host string) bool {
	colon := strings.LastIndexByte(host, ':')
	port := ""
	if colon > strings.LastIndexByte(host, ']') {
		if host, port = host[:colon], host[colon+1:]; port == "" || strings.Trim(port, "0123456789*") != "" {
			return false
		}
	}
	if literal := strings.HasPrefix(host, "["); literal != strings.Contains(host, ":") { // addresses of IPv6 have brackets around them in a URL
		return false
	}
	for i := range len(host) {
		if !isAlphanumeric(host[i]) && strings.IndexByte(".-_*:[]", host[i]) < 0 {
			return false
		}
	}
	return host != "" && host != "." && !strings.Contains(host, "..")
}

// bareHost takes off what people write around a host and what would keep it from ever being met: a scheme, a user, a path, the root's dot, capitals.
func bareHost(entry string) string {
	host := strings.ToLower(strings.TrimSpace(entry))
	if _, rest, ok := strings.Cut(host, "//"); ok {
		host = rest
	}
	if end := strings.IndexAny(host, "/?#"); end >= 0 {
		host = host[:end]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	name, port, ok := strings.Cut(host, ".:") // the root's dot before a port
	if ok {
		host = name + ":" + port
	}
	if len(host) > 1 {
		host = strings.TrimSuffix(host, ".")
	}
	return host
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
