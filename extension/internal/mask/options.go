package mask

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask/internal/redact"
)

// Options are what the user changes of the built-in rules. What is of no known name in them hides more rather than less: a preset is strict then, and a part is
// every part.
type Options struct {
	Preset       string   // default, strict, pci or off; "" is default
	Keys         []string // further keys whose values are hidden
	AllowKeys    []string // keys that are shown although a rule for keys would hide them; with strict, or in a part that is hidden, the only ones shown
	Paths        []string // exact places in documents whose values are hidden: customer.address.street
	All          []string // parts of which every value is hidden, see partNames
	DetectorsOff []string // what is not looked for: aws, jwt, auth, pem, cards, urls, vendors
	Domains      []string // further hosts whose headers and bodies are never shown, in lower case; a leading dot means every host below, a star anything
	HeadersOnly  []string // hosts whose bodies are never shown, while headers are
	Credentials  string   // the URL that hands out the role's credentials, of which nothing is shown either; "" if there is none
	Parameters   string   // the port at which AWS's extension hands out parameters and secrets, where it is not its usual one; "" if it is
	DropUnknown  bool     // bodies without keys, of which only the shape of credentials can be seen, are left out and counted; pci does so in any case
}

// A part is a kind of content that can be hidden as a whole.
type part int

const (
	partEvent part = iota
	partResult
	partRequestHeaders
	partRequestBody
	partResponseHeaders
	partResponseBody
	partQuery
	partErrors
	partLogs
	partCount
)

// partNames are those that the user knows them by.
var partNames = [partCount]string{"event", "response", "request_headers", "request_body", "response_headers", "response_body", "query", "errors", "logs"}

func partsOf(o Options) (hidden [partCount]bool, any bool) {
	all := isStrict(o.Preset)
	for _, asked := range o.All {
		known := false
		for p, name := range partNames {
			if strings.EqualFold(asked, name) {
				hidden[p], any, known = true, true, true
			}
		}
		all = all || !known
	}
	if all {
		for p := range hidden {
			hidden[p] = true
		}
	}
	return hidden, any || all
}

// isStrict tells whether a preset is strict, which one that nobody knows is as well.
func isStrict(preset string) bool {
	switch strings.ToLower(preset) {
	case "", "default", "pci", "off":
		return false
	}
	return true
}

func detectorsOf(names []string) (d redact.Detectors) {
	for _, name := range names {
		switch strings.ToLower(name) {
		case "aws":
			d |= redact.AWS
		case "jwt":
			d |= redact.JWT
		case "auth":
			d |= redact.Schemes
		case "pem":
			d |= redact.PEM
		case "cards":
			d |= redact.Cards
		case "urls":
			d |= redact.URLs
		case "vendors":
			d |= redact.Vendors
		}
	}
	return d
}

func presetOf(name string) redact.Preset {
	switch strings.ToLower(name) {
	case "pci":
		return redact.PCI
	case "off":
		return redact.Off
	}
	return redact.Default // and strict, for names and ids
}

// A Masker holds the rules. It is safe for concurrent use.
type Masker struct {
	rules       *redact.Rules
	strict      *redact.Rules // for parts of which every value is hidden; nil if there are none
	hidden      [partCount]bool
	everything  bool // the preset is strict
	domains     domains
	headersOnly domains
	dropUnknown bool
	openKeys    openKeys
}

// New makes a Masker.
func New(o Options) *Masker {
	rules := redact.Options{Preset: presetOf(o.Preset), Keys: o.Keys, Allow: o.AllowKeys, Paths: o.Paths, Off: detectorsOf(o.DetectorsOff)}
	m := &Masker{
		rules:       redact.New(rules),
		everything:  isStrict(o.Preset),
		domains:     newDomains(o.Domains, append(localSecrets[:], hostOf(o.Credentials), "localhost:"+o.Parameters)...),
		headersOnly: newDomains(o.HeadersOnly),
		dropUnknown: o.DropUnknown || rules.Preset == redact.PCI,
	}
	var any bool
	if m.hidden, any = partsOf(o); any {
		rules.Preset = redact.Strict
		m.strict = redact.New(rules)
	}
	return m
}

// of gives the rules for a part.
func (m *Masker) of(p part) *redact.Rules {
	if m.hidden[p] {
		return m.strict
	}
	return m.rules
}

// isResource tells whether a text attribute names something of the program's: a queue, a table, a route. The others hold values.
func isResource(attribute string) bool {
	for _, prefix := range [...]string{"messaging.", "aws.", "db.", "http.", "server.", "rpc.", "cloud.", "faas."} {
		if strings.HasPrefix(attribute, prefix) {
			return attribute != "db.query.text" && attribute != "aws.s3.key"
		}
	}
	return false
}
