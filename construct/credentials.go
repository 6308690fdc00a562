package construct

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/afterglow-lambda/afterglow/settings"
)

// sensitive are names of headers whose values nobody should read in a template: what credentials are called everywhere, and what backends call theirs:
//   - team: Honeycomb's key of an environment, x-honeycomb-team (docs.honeycomb.io/send-data/opentelemetry)
//   - dsn: Uptrace's, a URL with a token in it, uptrace-dsn (uptrace.dev/ingest/opentelemetry)
//   - ingest: keys that may only send, such as x-ingest of several backends' gateways
//   - license: New Relic's and others' licence keys are keys for sending
//   - as words: pat, a personal access token; sas, a shared access signature; hec, Splunk's token; and what people call passwords for short
var sensitive = regexp.MustCompile(`(?i)auth|key|token|secret|passw|passphrase|credential|cookie|session|signature|team|dsn|ingest|licen[cs]e|bearer|jwt` +
	`|(^|[^a-z])(pat|pwd|pass|creds?|access|pin|otp|sas|hec|private)([^a-z]|$)`)

// Why what would be readable in the template is refused, and what helps.
var (
	errUser = errors.New("the URL holds credentials, and everyone who may read the template could read them; " +
		"remove user and password from it")
	errQuery = errors.New("the URL has a query, which is where keys of collectors stand, and everyone who may read the template could " +
		"read it; remove the query")
	errFragment = errors.New("the URL has a fragment, which reaches no collector, and everyone who may read the template could read it; " +
		"remove # and what comes after it")
	errKey = errors.New("the URL holds what looks like a key, and everyone who may read the template could read it; " +
		"take it out, and give it as HeadersFromSecret or HeadersFromParameter if the collector takes it there")
)

// checkHeader does not show the value: it may be what nobody should see.
func checkHeader(name, value string) error {
	switch {
	case !headerName.MatchString(name) || settings.LooksSecret(name):
		return fmt.Errorf("%s is no header's name; write one like x-dataset, and its value as the value", shownName(name))
	case strings.ContainsAny(value, "\r\n\x00"):
		return fmt.Errorf("the value of %q has a line end in it, which no header can have; write it in one line", name)
	case sensitive.MatchString(name) && !isWholeToken(value):
		return readable(name, "sounds like")
	case settings.LooksSecret(value):
		return readable(name, "has a value that looks like")
	}
	return nil
}

func readable(header, how string) error {
	return fmt.Errorf("%q %s a credential, and everyone who may read the template could read it; put it into a secret "+
		"and give that as HeadersFromSecret or HeadersFromParameter", header, how)
}

// shownName is what was given as a header's name, as an error may show it: up to where a value may begin.
func shownName(name string) string {
	const longest = 40
	if end := strings.IndexAny(name, ":= \t\r\n"); end >= 0 {
		name = name[:end] + "…"
	}
	if settings.LooksSecret(name) || len(name) > longest {
		name = "…"
	}
	return fmt.Sprintf("%q", name)
}

// shownPath is what was given as a file's path, as an error may show it: somebody may have given the file itself.
func shownPath(path string) string {
	const longest = 100
	if !strings.HasPrefix(path, "/") || len(path) > longest || strings.ContainsAny(path, "\r\n") || settings.LooksSecret(path) {
		path = "…"
	}
	return fmt.Sprintf("%q", path)
}

// checkResolved looks into the tokens of exporters' endpoints and headers, at the end: an intrinsic function may have a credential written into it, which would stand
// in the template. Few functions have any, so resolve is not called for the others.
func checkResolved(exporters []Exporter, resolve func(any) any) error {
	for n, e := range exporters {
		to, is := e.(*otlp)
		if !is {
			continue
		}
		held := to.tokens()
		if len(held) == 0 {
			continue
		}
		values := make([]any, len(held))
		for i, h := range held {
			values[i] = h.value
		}
		resolved, _ := unwrap(resolve(values)).([]any)
		if len(resolved) != len(held) {
			return fmt.Errorf("property Afterglow.Exporters[%d]: its tokens cannot be looked into; write its endpoints and headers into the app", n)
		}
		for i, h := range held {
			if err := h.check(writtenIn(resolved[i])); err != nil {
				return fmt.Errorf("property Afterglow.Exporters[%d].%s: %w", n, h.field, err)
			}
		}
	}
	return nil
}

// A held is a value with a token in it.
type held struct{ field, header, value string }

// tokens gives endpoints and headers that hold any.
func (e *otlp) tokens() (all []held) {
	look := func(field string, endpoint *string, headers *map[string]*string) {
		if isToken(deref(endpoint)) {
			all = append(all, held{field: field + "Endpoint", value: *endpoint})
		}
		if headers == nil {
			return
		}
		for _, name := range sortedKeys(*headers) {
			if value := deref((*headers)[name]); isToken(value) {
				all = append(all, held{field + "Headers", name, value})
			}
		}
	}
	look("", e.props.Endpoint, e.props.Headers)
	for _, s := range e.signals() {
		if s.props != nil {
			look(s.field+".", s.props.Endpoint, s.props.Headers)
		}
	}
	return all
}

// check judges what is written in the template of a value.
func (h held) check(written string) error {
	literal := strings.NewReplacer(unwritten, "", either, " ").Replace(written)
	switch {
	case h.header == "":
		return checkWritten(literal)
	case sensitive.MatchString(h.header) && strings.ContainsFunc(literal, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return readable(h.header, "sounds like")
	case settings.LooksSecret(strings.TrimSpace(literal)):
		return readable(h.header, "has a value that looks like")
	}
	return nil
}

// checkWritten judges what is written of a URL, wherever in it that will come to stand.
func checkWritten(written string) error {
	switch {
	case strings.Contains(written, "@"):
		return errUser
	case strings.Contains(written, "?"):
		return errQuery
	case strings.Contains(written, "#"):
		return errFragment
	case settings.LooksSecret(written):
		return errKey
	}
	return nil
}

const (
	unwritten = "\x00" // where a value comes to stand that only CloudFormation knows
	either    = "\x01" // between values of which one comes to stand there
)

// Within texts: dynamic references, which CloudFormation fills in, and the variables of Fn::Sub, but for ${!, which is written.
var (
	dynamicReference = regexp.MustCompile(`\{\{resolve:[^{}]*\}\}`)
	subVariable      = regexp.MustCompile(`\$\{[^!}][^}]*\}`)
)

// writtenIn gives what of a resolved value stands in the template as it is.
// Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html.
func writtenIn(resolved any) string {
	return dynamicReference.ReplaceAllString(textOf(resolved), unwritten)
}

func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case []any:
		return join(value, either)
	case map[string]any:
		var all []string
		for _, name := range sortedKeys(value) {
			all = append(all, textOfIntrinsic(name, value[name]))
		}
		return strings.Join(all, either)
	}
	return fmt.Sprint(value)
}

func textOfIntrinsic(name string, of any) string {
	arguments, _ := of.([]any)
	switch {
	case slices.Contains([]string{"Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::FindInMap"}, name):
		return unwritten
	case name == "Fn::Sub" && len(arguments) == 2:
		return subVariable.ReplaceAllString(textOf(arguments[0]), unwritten) + either + textOf(arguments[1])
	case name == "Fn::Sub":
		return subVariable.ReplaceAllString(textOf(of), unwritten)
	case name == "Fn::Join" && len(arguments) == 2:
		if pieces, known := arguments[1].([]any); known {
			return join(pieces, textOf(arguments[0]))
		}
	case (name == "Fn::Select" || name == "Fn::Split" || name == "Fn::If") && len(arguments) > 1:
		return join(arguments[1:], either) // behind an index, a delimiter, a condition
	}
	return textOf(of)
}

func join(values []any, between string) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = textOf(value)
	}
	return strings.Join(texts, between)
}
