package enrich

import (
	"fmt"
	"testing"
)

func TestTraceparent(t *testing.T) {
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, test := range []struct {
		name, header string
		none         bool
	}{
		{"as specified", "00-" + trace + "-" + span + "-01", false},
		{"not sampled", "00-" + trace + "-" + span + "-00", false},
		{"a later version with more", "cc-" + trace + "-" + span + "-01-what-comes", false},
		{"empty", "", true},
		{"version that is forbidden", "ff-" + trace + "-" + span + "-01", true},
		{"version that is none", "0x-" + trace + "-" + span + "-01", true},
		{"more in version 00", "00-" + trace + "-" + span + "-01-more", true},
		{"more in a later version without a hyphen", "cc-" + trace + "-" + span + "-01more", true},
		{"zero trace", "00-00000000000000000000000000000000-" + span + "-01", true},
		{"zero span", "00-" + trace + "-0000000000000000-01", true},
		{"capitals", "00-0AF7651916CD43DD8448EB211C80319C-" + span + "-01", true},
		{"no flags", "00-" + trace + "-" + span, true},
		{"flags that are none", "00-" + trace + "-" + span + "-0x", true},
		{"other separators", "00_" + trace + "_" + span + "_01", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := trace + " " + span
			if test.none {
				want = "00000000000000000000000000000000 0000000000000000"
			}
			if p := readTraceparent(test.header); fmt.Sprintf("%x %x", p.Trace, p.Span) != want {
				t.Errorf("%x %x, want %s", p.Trace, p.Span, want)
			}
		})
	}
}
