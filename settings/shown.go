package settings

import (
	"fmt"
	"strconv"
	"strings"
)

// shown is a value as an error may show it: somebody may have mistaken one variable for another, and put a secret into it. What is too long for a word or a
// number, holds what none of them does, or looks like a credential, is left out.
func shown(value string) string {
	const (
		longest = 20 // for numbers and for words in small letters
		mixed   = 12 // for words with capitals or digits, which may be keys
	)
	number := value != "" && value[0] <= '9' && strings.Trim(value, "0123456789.+-eEmshun") == ""
	if len(value) > longest || LooksSecret(value) {
		return "…"
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("@?=&%;:/", c) >= 0 {
			return "…"
		}
		if small := c >= 'a' && c <= 'z' || !isAlphanumeric(c); !small && !number && len(value) > mixed {
			return "…"
		}
	}
	return value
}

// shownURL is shown for what was meant to be a URL: one with a scheme or a port is shown too, if no credentials can stand in it.
func shownURL(value string) string {
	const longest = 100 // names of hosts are shorter
	for _, c := range []byte(value) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("@?=&%;", c) >= 0 {
			return "…"
		}
	}
	host, _, _ := strings.Cut(value, "/")
	port := host[strings.LastIndexByte(host, ':')+1:]
	_, err := strconv.ParseUint(port, 10, 16)
	if len(value) <= longest && !LooksSecret(value) && (strings.Contains(value, "://") || err == nil && port != host) {
		return value
	}
	return shown(value)
}

// shownAddress is shownURL for the address of a collector, which may have changed places with the key for it.
func shownAddress(value string) string {
	if shown := shownURL(value); strings.ContainsAny(shown, ":/") {
		return shown
	}
	return shownWord(value)
}

// shownWord is shown for what was meant to be a path or a URL and is neither: a bare word may be a password, or a key of any shape. Of one with more in it than small
// letters in words, as names of hosts and files have them, the beginning is shown, and its length.
func shownWord(value string) string {
	const most, part = 4, 4 // characters, and not more than one in so many
	if shown := shown(value); shown == "…" || strings.ContainsAny(value, ".-_") && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz.-_") == "" {
		return shown
	}
	return fmt.Sprintf("%s… (%d characters)", value[:min(most, len(value)/part)], len(value))
}

// issued are how issuers' keys begin, those that they document or make public for scanners, and the schemes of HTTP's credentials (RFC 7235). Masking knows
// their exact shapes; here a value is what somebody wrote into an app, and a beginning with something behind it is enough.
var issued = [...]string{
	"AKIA", "ASIA", "IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-",
	"sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "sk-", "AIza", "ya29.", "GOCSPX-", "SG.", "npm_", "pypi-", "dop_v1_", "shpat_", "shpss_", "shpca_", "shppa_", "hvs.", "hvb.",
	"sq0atp-", "sq0csp-", "NRAK-", "lin_api_", "PMAK-", "ATATT3x", "xkeysib-", "hf_", "AGE-SECRET-KEY-1", "eyJ", "glsa_", "glc_", "hcaik_", "dt0c01.",
}

// LooksSecret tells whether a value, or a word in it, looks like a credential: a key as its issuer writes them, a private key, or Bearer and Basic with what comes
// behind.
func LooksSecret(value string) bool {
	if strings.Contains(value, "-----BEGIN ") {
		return true
	}
	const (
		least    = 8  // characters of the key behind its beginning
		ofShort  = 16 // behind a short one, which words begin with too: ASIA-PACIFIC-1
		shortest = 4
	)
	for start := 0; start < len(value); {
		end := start
		for end < len(value) && (isAlphanumeric(value[end]) || strings.IndexByte("-_.", value[end]) >= 0) {
			end++
		}
		word := value[start:end]
		if (strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic")) && start == 0 && strings.HasPrefix(value[end:], " ") {
			return true
		}
		for _, begin := range issued {
			enough := least
			if len(begin) <= shortest {
				enough = ofShort
			}
			if rest, found := strings.CutPrefix(word, begin); found && len(rest) >= enough && strings.ContainsAny(word, "0123456789") {
				return true
			}
		}
		start = end + 1
	}
	return false
}

// isPort tells whether a text of digits is a port.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
