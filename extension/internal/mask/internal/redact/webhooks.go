package redact

import (
	"bytes"
	"strings"
)

// A webhook is where an issuer takes messages from whoever knows the address: what stands behind its path is the secret.
type webhook struct {
	host  string // or what it ends in, behind a dot
	below bool   // hosts below it count, and it itself does not
	path  string // a star in it is any one segment
}

// webhooks lists the addresses that the issuers document.
var webhooks = [...]webhook{
	{host: "hooks.slack.com", path: "/services/"}, {host: "hooks.slack.com", path: "/workflows/"}, {host: "hooks.slack.com", path: "/triggers/"},
	{host: "hooks.slack-gov.com", path: "/services/"}, {host: "hooks.slack-gov.com", path: "/workflows/"}, {host: "hooks.slack-gov.com", path: "/triggers/"},
	{host: "discord.com", path: "/api/webhooks/"}, {host: "discord.com", path: "/api/*/webhooks/"},
	{host: "discord.com", below: true, path: "/api/webhooks/"}, {host: "discord.com", below: true, path: "/api/*/webhooks/"}, // ptb and canary
	{host: "discordapp.com", path: "/api/webhooks/"}, {host: "discordapp.com", path: "/api/*/webhooks/"},
	{host: "discordapp.com", below: true, path: "/api/webhooks/"}, {host: "discordapp.com", below: true, path: "/api/*/webhooks/"},
	{host: "api.telegram.org", path: "/bot"}, {host: "api.telegram.org", path: "/file/bot"},
	{host: "webhook.office.com", below: true, path: "/"}, {host: "outlook.office.com", path: "/webhook/"}, {host: "outlook.office365.com", path: "/webhook/"},
}

// webhook gives where the path of a URL becomes a secret whose host begins at i, or behind the @ there: whoever knows the address of such a hook may post to it. 0 if
// nowhere.
func (w *work) webhook(in []byte, i int) int {
	const longestHost = 96 // of the names above, with a label of 63 before Teams'
	if w.rules.tokens.on&URLs == 0 {
		return 0
	}
	if i < len(in) && in[i] == '@' {
		i++
	}
	end := i
	for last := min(len(in), i+longestHost); end < last && (isLetterOrDigit(in[end]) || in[end] == '-' || in[end] == '.'); end++ {
	}
	w.steps += end - i
	host, path := bytes.TrimSuffix(in[i:end], []byte(".")), end
	if path < len(in) && in[path] == ':' { // a port
		for path++; path < len(in) && path-end < len(":65536") && isDigit(in[path]); path++ {
		}
	}
	if path == len(in) || in[path] != '/' {
		return 0
	}
	for k := range webhooks {
		if h := &webhooks[k]; h.isHost(host) {
			if size := h.pathSize(in[path:]); size > 0 && path+size < len(in) {
				return path + size
			}
		}
	}
	return 0
}

func (h *webhook) isHost(host []byte) bool {
	if !h.below {
		return len(host) == len(h.host) && strings.EqualFold(string(host), h.host)
	}
	dot := len(host) - len(h.host) - 1
	return dot > 0 && host[dot] == '.' && strings.EqualFold(string(host[dot+1:]), h.host)
}

// pathSize gives the length of the hook's path, which in begins with: 0 if it does not.
func (h *webhook) pathSize(in []byte) int {
	const longestSegment = 8 // v10
	before, after, star := strings.Cut(h.path, "*")
	if !hasPrefixFold(in, before) {
		return 0
	}
	size := len(before)
	if !star {
		return size
	}
	size += indexOr(in[size:min(len(in), size+longestSegment)], '/', 0)
	if !hasPrefixFold(in[size:], after) {
		return 0
	}
	return size + len(after)
}

// hideWebhook hides what is secret in the address in text whose host begins at i. It returns where to go on.
func (w *work) hideWebhook(e *edit, i, j int) int {
	from := w.webhook(e.in[:j], i)
	if from == 0 {
		return i
	}
	to := from
	for to < j && strings.IndexByte(" \t\r\n\"'`<>()[]{}|\\^,;?#\x1b", e.in[to]) < 0 {
		to++
	}
	if w.steps += to - i; from == to {
		return i
	}
	e.hide(from, to)
	return to
}
