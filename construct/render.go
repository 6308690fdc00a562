package construct

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/settings"
)

// A row joins a field to its setting.
type row struct {
	field   string
	setting string
	value   any
}

// environment gives the variables of the fields that are set, those too that say what the default says: merge looks for conflicts with the function's own
// environment, and leaves them out then. Exporters are nil where they are left to what that environment says.
func (i *Instrumentation) environment() (map[string]string, error) {
	variables := map[string]string{}
	if err := add(variables, "Afterglow", i.rows()); err != nil {
		return nil, err
	}
	if err := i.layer().check(); err != nil {
		return nil, fmt.Errorf("property Afterglow.Layer: %w", err)
	}
	if i.Exporters == nil {
		return variables, nil
	}
	kinds := []string{}
	for n, e := range *i.Exporters {
		path := fmt.Sprintf("Afterglow.Exporters[%d]", n)
		if e == nil {
			return nil, fmt.Errorf("property %s is nil; make exporters with ToOTLP, ToXRay and ToLog", path)
		}
		if slices.Contains(kinds, e.kind()) {
			return nil, fmt.Errorf("property %s: there is one to %s before it already, and a function can have one of a kind; remove one of the two", path, e.kind())
		}
		kinds = append(kinds, e.kind())
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("property %s: %w", path, err)
		}
		if err := add(variables, path, e.rows()); err != nil {
			return nil, err
		}
	}
	variables[envExporters] = cmp.Or(strings.Join(kinds, ","), "none")
	return variables, nil
}

// add renders rows into variables; path is where their fields are.
func add(variables map[string]string, path string, rows []row) error {
	for _, r := range rows {
		value, set, err := r.text()
		if err != nil {
			return fmt.Errorf("property %s.%s: %w", path, r.field, err)
		}
		if set {
			variables[r.setting] = value
		}
	}
	return nil
}

// text renders a row; set is false where its field is not.
func (r row) text() (value string, set bool, err error) {
	value, err = render(r.value)
	if err != nil {
		return "", false, err
	}
	if value == "" {
		list, is := r.value.(*[]*string)
		set = is && list != nil // an empty list says that there is none
		if set && r.setting == "AFTERGLOW_SIGNALS" {
			return "", false, errors.New("the list is empty, which would count as the default; name some of traces, metrics and logs, or give an empty list of Exporters to export nothing")
		}
		return "", set, nil
	}
	setting, ok := settings.Lookup(r.setting)
	if !ok {
		return "", false, fmt.Errorf("there is no setting %s", r.setting)
	}
	if err := checkNoCredentials(setting, value); err != nil {
		return "", false, err
	}
	if err := r.checkForm(value); err != nil {
		return "", false, err
	}
	// A value that only CloudFormation knows cannot be checked any further here; the extension falls back to the default at run time.
	if isToken(value) {
		return value, true, nil
	}
	if err := setting.Check(value); err != nil {
		return "", false, err
	}
	if r.setting == "AFTERGLOW_SPOOL_DIR" && !strings.HasPrefix(path.Clean(value), "/tmp/") {
		return "", false, &settings.Error{Name: r.setting, Value: strings.Trim(shownPath(value), `"`),
			Problem: "not below /tmp, which is all that a function can write", Remedy: "write a path like " + settings.DefaultSpoolDir}
	}
	return value, true, nil
}

// checkForm refuses what the type of a setting allows, and what does not do there what was meant.
func (r row) checkForm(value string) error {
	switch r.setting {
	case "OTEL_SERVICE_NAME":
		if strings.TrimSpace(value) == "" {
			return fmt.Errorf("%q is blank; a variable of the build may not be set; write a name, or leave the property out", value)
		}
	case "AFTERGLOW_SPOOL_DIR":
		if strings.ContainsFunc(value, unicode.IsSpace) {
			return fmt.Errorf("%s has white space in it; write a path like %s", shownPath(value), settings.DefaultSpoolDir)
		}
	case "OTEL_EXPORTER_OTLP_ENDPOINT":
		for _, s := range (&otlp{}).signals() {
			if own := "/v1/" + strings.ToLower(s.field); strings.HasSuffix(strings.TrimRight(value, "/"), own) {
				return fmt.Errorf("the URL ends in %s, which is appended to it once more; leave that out, or give the URL as %s.Endpoint", own, s.field)
			}
		}
	case "AFTERGLOW_PROPAGATION_DOMAINS": // hooks compare with hosts alone; what stands within a token nobody knows here
		for entry := range strings.SplitSeq(value, ",") {
			if isToken(entry) && strings.ContainsAny(tokens.ReplaceAllString(entry, ""), "/@?#") {
				return errors.New("an entry has more than a host around its token; write the host alone, which is all that hooks compare with")
			}
		}
	}
	return nil
}

// checkNoCredentials refuses what would be readable in the template. Its error does not show the value.
func checkNoCredentials(s settings.Setting, value string) error {
	if s.Type != settings.URL {
		return nil
	}
	if isToken(value) { // and no URL yet
		return checkWritten(tokens.ReplaceAllString(value, ""))
	}
	switch u, err := url.Parse(value); {
	case err != nil:
		return nil //nolint:nilerr // Check will say what is wrong, without showing the value
	case u.User != nil:
		return errUser
	case u.RawQuery != "":
		return errQuery
	case u.Fragment != "":
		return errFragment
	case settings.LooksSecret(value):
		return errKey
	}
	return nil
}

// isDefault tells whether a setting's value means the same as leaving it out.
func isDefault(name, value string) bool {
	if name == envExporters {
		return value == "otlp" // which its endpoint says
	}
	return sameMeaning(name, value, "")
}

// sameMeaning tells whether two values of a setting do the same, in whatever way they are written.
func sameMeaning(name, one, other string) bool {
	s, known := settings.Lookup(name)
	return one == other || known && meaning(s, one) == meaning(s, other)
}

// meaning is what a value is read as; a wrong one, and one that only CloudFormation knows, is itself.
func meaning(s settings.Setting, value string) any {
	if s.Check(value) != nil {
		return value
	}
	v := settings.Read(func(string) string { return value })
	switch s.Type {
	case settings.Bool:
		return v.Bool(s.Name)
	case settings.Bytes:
		return v.Bytes(s.Name)
	case settings.Number:
		return v.Number(s.Name)
	case settings.Duration:
		return v.Duration(s.Name)
	case settings.Enum:
		return v.String(s.Name)
	}
	return cmp.Or(value, s.Default)
}

// errUnknown is about values that the CDK can only pass on as they are, and which a setting has in a unit of its own.
var errUnknown = errors.New("the value is a token, which CloudFormation alone knows, and it must be known at synth; write it into the app")

// render writes a field as the environment has it, "" for a field that is not set.
func render(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case *string:
		return deref(v), nil
	case *bool:
		if v == nil {
			return "", nil
		}
		return strconv.FormatBool(*v), nil
	case LogLevel:
		return string(v), nil
	case Compression:
		return string(v), nil
	case MetricTemporality:
		return string(v), nil
	case *float64:
		if v == nil {
			return "", nil
		}
		if math.IsNaN(*v) || math.IsInf(*v, 0) { // which the CDK's process does not survive being asked about
			return "", fmt.Errorf("%v is no number that can be written; write one like 0.0000166667", *v)
		}
		if *awscdk.Token_IsUnresolved(*v) {
			return "", errUnknown
		}
		return strconv.FormatFloat(*v, 'g', -1, 64), nil
	case MaskPreset:
		return string(v), nil
	case MaskUnknown:
		return string(v), nil
	case Flush:
		return string(v), nil
	case Undelivered:
		return string(v), nil
	case awscdk.Duration:
		if *v.IsUnresolved() {
			return "", errUnknown
		}
		ms, err := whole(v.ToMilliseconds(&awscdk.TimeConversionOptions{Integral: jsii.Bool(false)}), "milliseconds")
		return ms + "ms", err
	case awscdk.Size:
		if *v.IsUnresolved() {
			return "", errUnknown
		}
		return whole(v.ToBytes(&awscdk.SizeConversionOptions{Rounding: awscdk.SizeRoundingBehavior_NONE}), "bytes")
	case *[]*string:
		return renderList(v)
	case *map[string]*string:
		if err := checkPairs(v); err != nil {
			return "", err
		}
		return renderPairs(v), nil
	}
	return "", fmt.Errorf("no way to write a %T", value)
}

func whole(n *float64, unit string) (string, error) {
	if *n != math.Trunc(*n) {
		return "", fmt.Errorf("%v %s is not a whole number; write a value without a fraction", *n, unit)
	}
	return strconv.FormatFloat(*n, 'f', 0, 64), nil
}

func renderList(list *[]*string) (string, error) {
	if list == nil {
		return "", nil
	}
	var entries []string
	for n, entry := range *list {
		if strings.TrimSpace(deref(entry)) == "" {
			return "", fmt.Errorf("entry %d is %q, which counts for nothing; a variable of the build may not be set; leave it out", n, deref(entry))
		}
		if strings.Contains(deref(entry), "#{Token[") { // how the CDK writes a list that it does not know
			return "", errUnknown
		}
		if strings.Contains(deref(entry), ",") {
			shown := *entry
			if settings.LooksSecret(shown) {
				shown = "…"
			}
			return "", fmt.Errorf("%q holds a comma; write one entry for each", shown)
		}
		entries = append(entries, deref(entry))
	}
	return strings.Join(entries, ","), nil
}

// attributeName is what keys of attributes are written in: OpenTelemetry allows any text, and these characters say the same however they are read.
var attributeName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z/:@-]+$")

// checkPairs refuses what would come out as other pairs. Its error shows no value.
func checkPairs(pairs *map[string]*string) error {
	if pairs == nil {
		return nil
	}
	for _, key := range sortedKeys(*pairs) {
		switch {
		case !attributeName.MatchString(key) && !isToken(key):
			return fmt.Errorf("the key %s has a character that no key can have; write it in letters, digits, dots and dashes, and its value as the value", shownName(key))
		case settings.LooksSecret(deref((*pairs)[key])):
			return fmt.Errorf("%s has a value that looks like a credential, and everyone who may read the template could read it; take it out", shownName(key))
		}
	}
	return nil
}

func renderPairs(pairs *map[string]*string) string {
	if pairs == nil {
		return ""
	}
	var entries []string
	for _, key := range sortedKeys(*pairs) {
		entries = append(entries, strings.ReplaceAll(key, "%", "%25")+"="+escape(deref((*pairs)[key])))
	}
	return strings.Join(entries, ",")
}

// escape writes a value of a pair, where commas and percent signs have a meaning, as it is written around tokens.
func escape(value string) string {
	var b strings.Builder
	at := 0
	for _, token := range tokens.FindAllStringIndex(value, -1) {
		b.WriteString(url.PathEscape(value[at:token[0]]) + value[token[0]:token[1]])
		at = token[1]
	}
	return b.String() + url.PathEscape(value[at:])
}

// isToken tells whether a text holds a token, by the mark that the CDK's encoding puts there: to ask the CDK takes a way to another process and back.
func isToken(value string) bool { return strings.Contains(value, "${Token[") }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
