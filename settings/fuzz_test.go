package settings

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzValues gives every setting the same arbitrary value: nothing panics; what comes out is within the setting's bounds; and what does not come out as it was
// written is told in a warning, in which no more of the value stands than a line may take.
func FuzzValues(f *testing.F) {
	for _, s := range Table() {
		f.Add(s.Default)
	}
	for _, value := range []string{"a=b,c=%20", "1.5s", "-1", "9223372036854775808", "1e9h", "TRUE ", ",,", "http://[::1", "/\x00", "none,log", "\xff", "0x10", "5", "://", "otlp, nonsense"} {
		f.Add(value)
	}
	f.Add("-758080ns")                         // less than nothing, and no whole millisecond
	f.Add("92233720368547")                    // milliseconds that are more nanoseconds than there are numbers
	f.Add("18446744073710")                    // the same, and a whole one again
	f.Add("!#" + strings.Repeat("\xf8", 1000)) // stood in the log, byte for byte
	f.Add("glpat" + strings.Repeat("A1b2", 20))
	f.Fuzz(func(t *testing.T, value string) {
		for _, s := range Table() {
			v := Read(func(name string) string {
				if name == s.Name {
					return value
				}
				return ""
			})
			inBounds(t, s, v)
			warned := v.Warnings()
			if checked := s.Check(value); (checked != nil) != (len(warned) == 1) || len(warned) > 1 {
				t.Errorf("%s=%q: the construct is told %v, the extension %v", s.Name, value, checked, warned)
			}
			for _, w := range warned {
				var e *Error
				if !errors.As(w, &e) || e.Name != s.Name || e.Problem == "" || e.Remedy == "" {
					t.Errorf("%s=%q: %v does not tell what to do", s.Name, value, w)
				}
				if text := w.Error(); len(text) > longestWarning || len(value) > longestShown && strings.Contains(text, value) || strings.ContainsAny(text, "\n\r") || !utf8.ValidString(text) {
					t.Errorf("%s=%q: %q", s.Name, value, text)
				}
			}
		}
	})
}

const (
	// longestWarning is what a line of a log may take: names, problems and remedies are short.
	longestWarning = 512
	// longestShown is what a value may take that is shown in it.
	longestShown = 100
)

// inBounds reads a setting by its type.
func inBounds(t *testing.T, s Setting, v *Values) {
	t.Helper()
	number := func(n int64) {
		if n < s.Min || s.Max > 0 && n > s.Max {
			if s.Default != "" || n != 0 { // unset
				t.Errorf("%s: %d is not from %d to %d", s.Name, n, s.Min, s.Max)
			}
		}
	}
	switch s.Type {
	case Bool:
		v.Bool(s.Name)
	case Bytes:
		number(int64(v.Bytes(s.Name)))
	case Number:
		if got := v.Number(s.Name); !(got >= 0 && got <= math.MaxFloat64) {
			t.Errorf("%s: %v", s.Name, got)
		}
	case Duration:
		d := v.Duration(s.Name)
		if number(d.Milliseconds()); d < 0 {
			t.Errorf("%s: %v", s.Name, d)
		}
	case Enum:
		if got := v.String(s.Name); got != "" && !slices.Contains(s.Values, got) {
			t.Errorf("%s: %q is none of its values", s.Name, got)
		}
	case Set:
		for _, got := range v.Set(s.Name) {
			if !slices.Contains(s.Values, got) {
				t.Errorf("%s: %q is none of its values", s.Name, got)
			}
		}
	case List, Keys, Places, Hosts:
		for _, got := range v.List(s.Name) {
			if got == "" || got != strings.TrimSpace(got) {
				t.Errorf("%s: entry %q", s.Name, got)
			}
		}
	case Pairs:
		for key := range v.Pairs(s.Name) {
			if key == "" {
				t.Errorf("%s: a pair without a name", s.Name)
			}
		}
	case Path:
		if got := v.String(s.Name); got != "" && !strings.HasPrefix(got, "/") {
			t.Errorf("%s: path %q", s.Name, got)
		}
	case URL:
		if got := v.String(s.Name); got != "" && !strings.HasPrefix(strings.ToLower(got), "http://") && !strings.HasPrefix(strings.ToLower(got), "https://") {
			t.Errorf("%s: URL %q", s.Name, got)
		}
	case String:
		v.String(s.Name)
	default:
		t.Errorf("%s is of type %s, which nothing here looks at", s.Name, s.Type)
	}
}
