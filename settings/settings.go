// Package settings holds every knob of Afterglow once: its name, type, default, bounds, meaning and who reads it.
//
// docs/settings.md is generated from the table, the hooks' sources are checked against it, the construct takes its types from
// it, and the extension reads its values through it. A wrong value is an error for the construct, at synth; for the hooks and the
// extension it is a warning and the default, or the safer value where the setting is about masking: no setting can fail a function.
package settings

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Type is what a setting's value must look like.
type Type string

const (
	Bool     Type = "bool"     // true, false, 1, 0 in any case
	Bytes    Type = "bytes"    // whole number of bytes
	Number   Type = "number"   // zero or more, in digits or as 1.6e-5
	Duration Type = "duration" // 250ms, 1.5s, 2m; a bare number is milliseconds, as OpenTelemetry's variables have it
	Enum     Type = "enum"     // one of Values
	Set      Type = "set"      // comma-separated, each one of Values; a wrong entry does not take the others with it
	List     Type = "list"     // comma-separated, white space around an entry ignored
	Keys     Type = "keys"     // a List of keys; as in the next two, a wrong entry does not take the others with it
	Places   Type = "places"   // a List of exact places in documents
	Hosts    Type = "hosts"    // a List of hosts, read as bare ones: without schemes, paths, users, capitals
	Pairs    Type = "pairs"    // comma-separated key=value, percent-encoded, as OpenTelemetry's variables have it
	Path     Type = "path"     // absolute path
	String   Type = "string"
	URL      Type = "url" // absolute http or https URL
)

// A Reader is a part of Afterglow that reads settings.
type Reader string

const (
	Wrapper   Reader = "exec-wrapper"
	Hooks     Reader = "hooks"
	Extension Reader = "extension"
)

// A Setting is one knob: an environment variable of the function.
type Setting struct {
	Name     string
	Type     Type
	Default  string // as it would be written in the environment; "" means unset
	Wrong    string // what a wrong value, or one with a wrong entry, counts as, where that is not Default: masking must not fail open
	Min, Max int64  // for Bytes; for Duration in milliseconds; Max 0 means unbounded
	Values   []string
	AnyKey   bool // of Pairs: keys are any text, percent-encoded like values; else they name headers
	Readers  []Reader
	Doc      string
}

// An Error tells what is wrong with a value and what to do.
type Error struct {
	Name, Value, Problem, Remedy string

	Counts string // what the value counts as where a function runs with it all the same
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s=%q: %s; %s", e.Name, e.Value, e.Problem, e.Remedy)
	if e.Counts != "" {
		text += "; until then it counts as " + e.Counts
	}
	return text
}

// Lookup finds a setting by name.
func Lookup(name string) (Setting, bool) { return find(table(), name) }

func find(table []Setting, name string) (Setting, bool) {
	for _, s := range table {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// Parse checks a value against the setting's type and bounds. The error is an *Error.
func Parse(name, value string) error {
	s, ok := Lookup(name)
	if !ok {
		return &Error{Name: name, Value: "…", Problem: "there is no such setting", Remedy: remedyFor(name, prefix)}
	}
	return s.Check(value)
}

// Check is Parse for a setting at hand. An empty value always means the default.
func (s Setting) Check(value string) error {
	if value == "" {
		return nil
	}
	_, err := s.parse(value)
	return err
}

func (s Setting) parse(value string) (any, error) {
	bad := func(problem, remedy string) (any, error) {
		return nil, &Error{Name: s.Name, Value: shown(value), Problem: problem, Remedy: remedy}
	}
	switch s.Type {
	case Bool:
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return bad("not a boolean", "write true or false")
	case Bytes:
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return bad("not a whole number of bytes", "write a number like "+s.Default)
		}
		if n < s.Min || s.Max > 0 && n > s.Max {
			return bad("out of bounds", fmt.Sprintf("write a number from %d to %d", s.Min, s.Max))
		}
		return n, nil
	case Number:
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || n < 0 || n > math.MaxFloat64 || n != n {
			return bad("not a number of zero or more", "write one like 0.0000166667")
		}
		return n, nil
	case Duration:
		d, err := parseDuration(strings.TrimSpace(value))
		if err != nil {
			return bad("not a duration", "write one like 250ms or 2s; a bare number is milliseconds")
		}
		if ms := d.Milliseconds(); d < 0 || ms < s.Min || s.Max > 0 && ms > s.Max {
			return bad("out of bounds", fmt.Sprintf("write a duration from %dms to %dms", s.Min, s.Max))
		}
		return d, nil
	case Enum:
		for _, v := range s.Values {
			if strings.EqualFold(strings.TrimSpace(value), v) {
				return v, nil
			}
		}
		return bad("not one of its values", "write one of "+strings.Join(s.Values, ", "))
	case Set:
		return s.parseSet(value)
	case List:
		return splitList(value), nil
	case Keys, Places, Hosts:
		return s.parseEntries(value)
	case Pairs:
		return s.parsePairs(value)
	case Path:
		if !strings.HasPrefix(value, "/") || strings.ContainsRune(value, 0) {
			show := shown
			if strings.HasPrefix(s.Name, "OTEL_EXPORTER_") { // a key for the collector may be meant, which is set beside it
				show = shownWord
			}
			return nil, &Error{Name: s.Name, Value: show(value), Problem: "not an absolute path", Remedy: "write a path that starts with /"}
		}
		return value, nil
	case URL:
		u, err := url.Parse(strings.TrimSpace(value))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, &Error{Name: s.Name, Value: shownAddress(value), Problem: "not an absolute http or https URL", Remedy: "write one like https://collector.example.com:4318"}
		}
		if port := u.Port(); port != "" && !isPort(port) {
			return nil, &Error{Name: s.Name, Value: shownAddress(value), Problem: "its port is none", Remedy: "write one from 1 to 65535"}
		}
		return strings.TrimSpace(value), nil
	default:
		return value, nil
	}
}

// parseSet gives the entries that are right, beside an error for one that is not.
func (s Setting) parseSet(value string) (any, error) {
	var right []string
	var err error
	for _, entry := range splitList(value) {
		known := ""
		for _, v := range s.Values {
			if strings.EqualFold(entry, v) {
				known = v
			}
		}
		if known == "" {
			err = &Error{Name: s.Name, Value: shown(entry), Problem: "not one of its values", Remedy: "write some of " + strings.Join(s.Values, ", ")}
			continue
		}
		right = append(right, known)
	}
	return right, err
}

func parseDuration(s string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		if most := math.MaxInt64 / int64(time.Millisecond); ms > most || ms < -most { // it would become any other
			return 0, strconv.ErrRange
		}
		return time.Duration(ms) * time.Millisecond, nil
	}
	return time.ParseDuration(s)
}

func splitList(s string) []string {
	var l []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			l = append(l, e)
		}
	}
	return l
}
