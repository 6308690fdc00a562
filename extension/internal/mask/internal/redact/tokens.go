package redact

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// What a byte means to the search for secrets in text. Flags.
const (
	word    byte = 1 << iota // part of a word: a letter or a digit
	starter                  // a word that begins with it may be a credential
	mark                     // may stand between a key and a value
	alnum                    // characters of credentials, for shapes below
	dash                     // - _
	dot                      // .
	symbol                   // + / = % ~ :
	joint                    // what base64 has between letters and digits: + / - _
)

// tokenRules know credentials by how they look.
type tokenRules struct {
	classes [256]byte
	shapes  [256][]shape // by first byte
	on      Detectors
	issuers bool // any issuer's numbers count as cards, known or not
}

// A shape is how one issuer writes its credentials: a prefix that nothing else begins with, and at least so many characters behind it.
type shape struct {
	prefix string
	least  int
	chars  byte // flags of the characters behind the prefix
	exact  bool // neither more nor fewer than least
}

// detector gives whose shape it is.
func (s shape) detector() Detectors {
	switch s.prefix {
	case "AKIA", "ASIA", "IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz":
		return AWS
	case "eyJ":
		return JWT
	}
	return Vendors
}

// shapes lists what issuers document or make public for secret scanners.
func shapes() []shape {
	return []shape{
		{"AKIA", 16, alnum, true}, {"ASIA", 16, alnum, true}, // AWS access key ids
		{"IQoJb3JpZ2lu", 64, alnum | dash | symbol, false}, // AWS session tokens
		{"FwoGZXIvYXdz", 64, alnum | dash | symbol, false}, {"FQoGZXIvYXdz", 64, alnum | dash | symbol, false},
		{"ghp_", 30, alnum, false}, {"gho_", 30, alnum, false}, {"ghu_", 30, alnum, false}, {"ghs_", 30, alnum, false}, {"ghr_", 30, alnum, false},
		{"github_pat_", 30, alnum | dash, false},
		{"glpat-", 20, alnum | dash, false},
		{"xoxb-", 10, alnum | dash, false}, {"xoxp-", 10, alnum | dash, false}, {"xoxa-", 10, alnum | dash, false}, {"xoxr-", 10, alnum | dash, false},
		{"xoxs-", 10, alnum | dash, false}, {"xapp-", 10, alnum | dash, false}, // Slack
		{"sk_live_", 10, alnum, false}, {"sk_test_", 10, alnum, false}, {"rk_live_", 10, alnum, false}, {"rk_test_", 10, alnum, false},
		{"whsec_", 16, alnum | symbol, false},                                                                                  // Stripe
		{"sk-", 20, alnum | dash, false},                                                                                       // OpenAI, Anthropic
		{"AIza", 30, alnum | dash, false},                                                                                      // Google API keys
		{"ya29.", 20, alnum | dash | dot, false},                                                                               // Google access tokens
		{"GOCSPX-", 20, alnum | dash, false},                                                                                   // Google client secrets
		{"SG.", 40, alnum | dash | dot, false},                                                                                 // SendGrid
		{"npm_", 30, alnum, false},                                                                                             //
		{"pypi-", 40, alnum | dash, false},                                                                                     //
		{"dop_v1_", 40, alnum, false},                                                                                          // DigitalOcean
		{"shpat_", 20, alnum, false}, {"shpss_", 20, alnum, false}, {"shpca_", 20, alnum, false}, {"shppa_", 20, alnum, false}, // Shopify
		{"hvs.", 20, alnum | dash, false}, {"hvb.", 20, alnum | dash, false}, // Vault
		{"sq0atp-", 20, alnum | dash, false}, {"sq0csp-", 20, alnum | dash, false}, // Square
		{"NRAK-", 20, alnum, false},                   // New Relic
		{"dapi", 32, alnum, true},                     // Databricks
		{"lin_api_", 20, alnum, false},                // Linear
		{"PMAK-", 20, alnum | dash, false},            // Postman
		{"ATATT3x", 20, alnum | dash | symbol, false}, // Atlassian
		{"xkeysib-", 20, alnum | dash, false},         // Brevo
		{"hf_", 30, alnum, false},                     // Hugging Face
		{"AGE-SECRET-KEY-1", 20, alnum, false},        //
		{"eyJ", 8, alnum | dash, false},               // JSON Web Tokens, see jwt
	}
}

func newTokenRules(o Options) tokenRules {
	t := tokenRules{on: o.on(), issuers: o.Preset == PCI}
	for c := range t.classes {
		switch b := byte(c); {
		case b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z':
			t.classes[c] = word | alnum
		case b == '-' || b == '_':
			t.classes[c] = dash
		case b == '.':
			t.classes[c] = dot
		case strings.IndexByte("+/=%~:", b) >= 0:
			t.classes[c] = symbol
		}
	}
	for _, c := range []byte("=:-<%&@\\\t\x1b") {
		t.classes[c] |= mark
	}
	for _, c := range []byte("+/-_") {
		t.classes[c] |= joint
	}
	for _, s := range shapes() {
		if t.on&s.detector() == 0 {
			continue
		}
		t.classes[s.prefix[0]] |= starter
		t.shapes[s.prefix[0]] = append(t.shapes[s.prefix[0]], s)
	}
	var starters string
	if t.on&Cards != 0 {
		starters = "23456"
	}
	if t.issuers {
		starters = "123456789"
	}
	if t.on&Schemes != 0 {
		starters += "Bb"
	}
	starters += "ABDFILPbdpr" // see phrase
	for _, c := range []byte(starters) {
		t.classes[c] |= starter
	}
	return t
}

// token hides the credential that begins at i, the beginning of a word, if there is one. It returns the index behind it, or i.
func (w *work) token(e *edit, s *scan, i int) int {
	begin, j, cut, t := s.begin, s.end, s.cut, &w.rules.tokens
	in := e.in[:j]
	c := in[i]
	if isDigit(c) {
		return t.card(e, begin, i, j, cut)
	}
	if end := w.phrase(e, begin, i, j, cut); end > i {
		return end
	}
	if c == 'B' || c == 'b' {
		if end := t.track1(e, i, j, cut); end > i {
			return end
		}
	}
	if (c == 'B' || c == 'b') && t.on&Schemes != 0 {
		if end := w.credentials(e, i, j, cut); end > i {
			return end
		}
	}
	for k := range t.shapes[c] {
		known := &t.shapes[c][k]
		n := len(known.prefix)
		if j-i < n || string(in[i:i+n]) != known.prefix {
			continue
		}
		if c == 'e' && i < s.single {
			return i
		}
		end := i + n
		for end < j && t.classes[in[end]]&known.chars != 0 {
			end++
		}
		w.steps += end - i
		if c == 'e' {
			s.single = end
			return w.jwt(e, i, end, j, cut)
		}
		size := end - i - n
		if size == known.least || size > known.least && !known.exact || size > 0 && size < known.least && end == j && cut&CutEnd != 0 {
			e.hide(i, end)
			return end
		}
	}
	return i
}

// jwt hides a JSON Web Token, whose first part ends at end: signed ones have three parts, encrypted ones five. One part alone is one only where
// the rest may have been cut off.
func (w *work) jwt(e *edit, i, end, j int, cut Cut) int {
	const least = 10
	in, classes := e.in[:j], &w.rules.tokens.classes
	parts := 1
	for end < j && in[end] == '.' && end-i >= least {
		next := end + 1
		for next < j && classes[in[next]]&(alnum|dash) != 0 {
			next++
		}
		if next-end <= 4 && parts == 1 && (next < j || cut&CutEnd == 0) {
			break
		}
		parts++
		end = next
	}
	w.steps += end - i
	if parts == 1 && (end < j || cut&CutEnd == 0) {
		return i
	}
	e.hide(i, end)
	return end
}

// credentials hides what follows the name of an authentication scheme. Basic is also a word: what follows has to be base64 of name and password.
func (w *work) credentials(e *edit, i, j int, cut Cut) int {
	const leastBearer, leastBasic = 8, 6
	const mostName = 384 // digits that the name's end is in. Where a plus counts as a space, more of them would be read again for each word
	in := e.in[:j]
	bearer := hasPrefixFold(in[i:], "bearer")
	if !bearer && (!hasPrefixFold(in[i:], "basic") || encodedSpace(in[i+len("basic"):]) == 0) {
		return i
	}
	from := i + len("basic")
	if bearer {
		from++
	}
	for from < j && (in[from] == ' ' || in[from] == '\t' || in[from] == '+') {
		from++
	}
	if bytes.HasPrefix(in[from:], []byte("%20")) {
		from += len("%20")
	}
	if prefix := in[from-1]; prefix != ' ' && prefix != '\t' && prefix != '+' && prefix != '0' {
		return i
	}
	reach := j
	if prefix := in[from-1]; prefix == '+' || prefix == '0' {
		reach = min(j, from+mostName)
	}
	to := credentialsEnd(in[:reach], from)
	cutOff := to == j && cut&CutEnd != 0 && to > from
	w.steps += to - i
	if cutOff || bearer && to-from >= leastBearer || !bearer && to-from >= leastBasic && isUserPassword(in[from:to]) {
		to = credentialsEnd(in, to)
		w.steps += to - from
		e.hide(from, to)
		return to
	}
	return i
}

// credentialsEnd gives where the run of characters of credentials ends that begins at i.
func credentialsEnd(in []byte, i int) int {
	for i < len(in) && (isKeyChar(in[i]) && in[i] != '[' && in[i] != ']' || strings.IndexByte("._~+/=%", in[i]) >= 0) {
		i++
	}
	return i
}

func hasPrefixFold(in []byte, prefix string) bool {
	return len(in) >= len(prefix) && strings.EqualFold(string(in[:len(prefix)]), prefix)
}

func isUserPassword(in []byte) bool {
	digits := strings.TrimRight(strings.ReplaceAll(string(in), "%3D", "="), "=")
	plain, err := base64.RawStdEncoding.DecodeString(digits)
	return err == nil && bytes.IndexByte(plain, ':') >= 0
}
