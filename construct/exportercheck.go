package construct

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/afterglow-lambda/afterglow/settings"
)

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
		written := map[string]string{}
		for _, name := range sortedKeys(*headers[field]) {
			if other, twice := written[strings.ToLower(name)]; twice {
				return fmt.Errorf("property %s: %q and %q are one header, whose name knows no case; keep one of the two", field, other, name)
			}
			written[strings.ToLower(name)] = name
			if err := checkHeader(name, deref((*headers[field])[name])); err != nil {
				return fmt.Errorf("property %s: %w", field, err)
			}
		}
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
		return fmt.Errorf("property SecretHeader: there is no HeadersFromSecret and no HeadersFromParameter whose header %s could be; set one of them", shownName(*p.SecretHeader))
	case !isToken(*p.SecretHeader) && !headerName.MatchString(*p.SecretHeader), settings.LooksSecret(*p.SecretHeader):
		return fmt.Errorf("property SecretHeader: %s is no header's name; write one like api-key; its value is what the secret holds", shownName(*p.SecretHeader))
	}
	return nil
}

// checkClientFiles: a certificate is shown with its key or not at all.
func (e *otlp) checkClientFiles() error {
	p := &e.props
	half := func(field string, certificate, key *string) error {
		switch {
		case deref(certificate) != "" && deref(key) == "":
			return fmt.Errorf("property %sClientCertificateFile: %s cannot be shown without its key; set ClientKeyFile too", field, shownPath(*certificate))
		case deref(key) != "" && deref(certificate) == "":
			return fmt.Errorf("property %sClientKeyFile: %s is the key of no certificate; set ClientCertificateFile too", field, shownPath(*key))
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
