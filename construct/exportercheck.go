package construct

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// sensitive are names of headers whose values nobody should read in a template: what credentials are called everywhere, and what backends call theirs:
//   - team: Honeycomb's key of an environment, x-honeycomb-team (docs.honeycomb.io/send-data/opentelemetry)
//   - dsn: Uptrace's, a URL with a token in it, uptrace-dsn (uptrace.dev/ingest/opentelemetry)
//   - ingest: keys that may only send, such as x-ingest of several backends' gateways
//   - license: New Relic's and others' licence keys are keys for sending
//   - pat as a word: a personal access token
var sensitive = regexp.MustCompile(`(?i)auth|key|token|secret|passw|credential|cookie|session|signature|team|dsn|ingest|licen[cs]e|(^|[^a-z])pat([^a-z]|$)`)

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// tokens are how the CDK writes into a text what CloudFormation will put there.
var tokens = regexp.MustCompile(`\$\{Token\[[^\]]*\]\}`)

// isWholeToken tells whether nothing of a text is written in the app.
func isWholeToken(value string) bool { return tokens.FindString(value) == value && value != "" }

// check finds what is wrong with an exporter as a whole, or what its settings' own types do not tell.
func (e *otlp) check() error {
	for _, check := range []func() error{e.checkEndpoints, e.checkHeaders, e.checkStored, e.checkClientFiles} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkEndpoints: an empty text is what the variable of a build that is not set gives, and a function that exports nowhere is not what was meant.
func (e *otlp) checkEndpoints() error {
	const remedy = "write the collector's URL, like https://collector.example.com:4318"
	empty := func(field string, endpoint *string) error {
		if endpoint != nil && strings.TrimSpace(*endpoint) == "" {
			return fmt.Errorf("property %s: %q is no URL; a variable of the build may not be set; %s, or leave the property out", field, *endpoint, remedy)
		}
		return nil
	}
	if err := empty("Endpoint", e.props.Endpoint); err != nil {
		return err
	}
	reachable := e.props.Endpoint != nil
	for _, s := range e.signals() {
		if s.props == nil {
			continue
		}
		if err := empty(s.field+".Endpoint", s.props.Endpoint); err != nil {
			return err
		}
		reachable = reachable || s.props.Endpoint != nil
	}
	if !reachable {
		return errors.New("property Endpoint: there is none; " + remedy)
	}
	return nil
}

func (e *otlp) checkHeaders() error {
	headers := map[string]*map[string]*string{"Headers": e.props.Headers}
	for _, s := range e.signals() {
		if s.props != nil {
			headers[s.field+".Headers"] = s.props.Headers
		}
	}
	for _, field := range sortedKeys(headers) {
		if headers[field] == nil {
			continue
		}
		for _, name := range sortedKeys(*headers[field]) {
			if err := checkHeader(name, deref((*headers[field])[name])); err != nil {
				return fmt.Errorf("property %s: %w", field, err)
			}
		}
	}
	return nil
}

// checkHeader does not show the value: it may be what nobody should see.
func checkHeader(name, value string) error {
	switch {
	case !headerName.MatchString(name):
		return fmt.Errorf("%q is no header's name; write one like x-dataset", name)
	case strings.ContainsAny(value, "\r\n\x00"):
		return fmt.Errorf("the value of %q has a line end in it, which no header can have; write it in one line", name)
	case sensitive.MatchString(name) && !isWholeToken(value):
		return fmt.Errorf("%q sounds like a credential, and everyone who may read the template could read it; put it into a secret "+
			"and give that as HeadersFromSecret or HeadersFromParameter", name)
	}
	return nil
}

func (e *otlp) checkStored() error {
	p := &e.props
	switch stored := p.HeadersFromSecret != nil || p.HeadersFromParameter != nil; {
	case p.HeadersFromSecret != nil && p.HeadersFromParameter != nil:
		return errors.New("properties HeadersFromSecret and HeadersFromParameter are both set; keep one of the two")
	case deref(p.SecretHeader) == "":
		return nil
	case !stored:
		return fmt.Errorf("property SecretHeader: there is no HeadersFromSecret and no HeadersFromParameter whose header %q could be; set one of them", *p.SecretHeader)
	case !isToken(*p.SecretHeader) && !headerName.MatchString(*p.SecretHeader):
		return fmt.Errorf("property SecretHeader: %q is no header's name; write one like api-key", *p.SecretHeader)
	}
	return nil
}

// checkClientFiles: a certificate is shown with its key or not at all.
func (e *otlp) checkClientFiles() error {
	p := &e.props
	half := func(field string, certificate, key *string) error {
		switch {
		case deref(certificate) != "" && deref(key) == "":
			return fmt.Errorf("property %sClientCertificateFile: %q cannot be shown without its key; set ClientKeyFile too", field, *certificate)
		case deref(key) != "" && deref(certificate) == "":
			return fmt.Errorf("property %sClientKeyFile: %q is the key of no certificate; set ClientCertificateFile too", field, *key)
		}
		return nil
	}
	if err := half("", p.ClientCertificateFile, p.ClientKeyFile); err != nil {
		return err
	}
	for _, s := range e.signals() {
		if s.props == nil {
			continue
		}
		certificate, key := s.props.ClientCertificateFile, s.props.ClientKeyFile
		if deref(certificate) == "" {
			certificate = p.ClientCertificateFile
		}
		if deref(key) == "" {
			key = p.ClientKeyFile
		}
		if err := half(s.field+".", certificate, key); err != nil {
			return err
		}
	}
	return nil
}
