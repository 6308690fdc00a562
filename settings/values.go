package settings

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Values reads settings out of an environment. A value that does not parse leaves a warning and counts as unset, or as what its setting says for that.
type Values struct {
	getenv   func(string) string
	table    []Setting // made once: it is larger than most of what it is asked for, and the extension's memory is the function's
	warnings []error
}

// Read prepares the reading of settings; getenv is os.Getenv or a test's.
func Read(getenv func(string) string) *Values {
	return &Values{getenv: getenv, table: table()}
}

// Warnings gives what was wrong with the values read so far. Each is an *Error.
func (v *Values) Warnings() []error { return v.warnings }

// Bool gives a setting of type Bool.
func (v *Values) Bool(name string) bool { return get[bool](v, name, Bool) }

// Bytes gives a setting of type Bytes.
func (v *Values) Bytes(name string) int { return int(get[int64](v, name, Bytes)) }

// Number gives a setting of type Number.
func (v *Values) Number(name string) float64 { return get[float64](v, name, Number) }

// Duration gives a setting of type Duration.
func (v *Values) Duration(name string) time.Duration { return get[time.Duration](v, name, Duration) }

// String gives a setting of type String, Path, URL or Enum.
func (v *Values) String(name string) string { return get[string](v, name, "") }

// List gives a setting of type List, Keys, Places or Hosts.
func (v *Values) List(name string) []string { return get[[]string](v, name, "") }

// Set gives a setting of type Set, as its Values are written.
func (v *Values) Set(name string) []string { return get[[]string](v, name, Set) }

// Pairs gives a setting of type Pairs.
func (v *Values) Pairs(name string) map[string]string { return get[map[string]string](v, name, Pairs) }

// get gives a setting of a type of Go. It panics on a name or type that the table does not have, which the package's tests would have shown:
// every reader names its settings by constant strings.
func get[T any](v *Values, name string, want Type) T {
	var zero T
	if x := v.read(name, want); x != nil {
		return x.(T)
	}
	return zero
}

// read parses the value from the environment, else the default; nil if there is neither.
func (v *Values) read(name string, want Type) any {
	s, ok := find(v.table, name)
	if !ok || want != "" && s.Type != want {
		panic("settings: no " + string(want) + " setting " + name)
	}
	fallback := s.Default
	if value := v.getenv(name); value != "" {
		x, err := s.parse(value)
		if err == nil {
			return x
		}
		partly := x != nil && s.Wrong == "" // what was right in it
		v.warn(err, s, partly)
		if partly {
			return x
		}
		fallback = cmp.Or(s.Wrong, s.Default)
	}
	if fallback == "" {
		return nil
	}
	x, err := s.parse(fallback)
	if err != nil {
		panic("settings: bad default: " + err.Error())
	}
	return x
}

// warn keeps what was wrong, once: settings may be read twice.
func (v *Values) warn(err error, s Setting, partly bool) {
	var e *Error
	if errors.As(err, &e) {
		switch {
		case partly:
			e.Counts = "not there"
		case s.Wrong != "":
			e.Counts = s.Wrong
		case s.Default != "":
			e.Counts = s.Default
		default:
			e.Counts = "unset"
		}
	}
	if !slices.ContainsFunc(v.warnings, func(w error) bool { return w.Error() == err.Error() }) {
		v.warnings = append(v.warnings, err)
	}
}
