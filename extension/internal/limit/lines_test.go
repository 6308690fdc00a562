package limit

import (
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

func TestLines(t *testing.T) {
	make := func(lengths ...int) mask.Invocation {
		var inv event.Invocation
		for n, length := range lengths {
			inv.Lines = append(inv.Lines, event.Line{Body: event.TextOf(strings.Repeat(string(rune('a'+n%26)), length))})
		}
		return mask.New(mask.Options{}).Apply(inv)
	}
	many := []int{}
	for range maxLines + 5 {
		many = append(many, 2)
	}
	tests := []struct {
		name    string
		lengths []int
		limits  Limits
		first   string // letter of the first line that is left
		lengthy int    // bytes of the longest
		dropped mask.Dropped
	}{
		{"no limit", []int{10, 20}, Limits{}, "a", 20, mask.Dropped{}},
		{"a long line is shortened", []int{10, 200}, Limits{LineBytes: 100}, "a", 100, mask.Dropped{}},
		{"the oldest go", []int{100, 100, 100}, Limits{InvocationBytes: 2 * (100 + lineOverhead)}, "b", 100, mask.Dropped{Lines: 1, Bytes: 100}},
		{"what is shortened makes room", []int{100, 100, 100}, Limits{LineBytes: 64, InvocationBytes: 3 * (64 + lineOverhead)}, "a", 64, mask.Dropped{}},
		{"too many", many, Limits{}, "f", 2, mask.Dropped{Lines: 5, Bytes: 10}},
		{"the last one is shortened until it fits", []int{100, 1000}, Limits{LineBytes: 2000, InvocationBytes: 700}, "b", 700 - lineOverhead - levelBytes, mask.Dropped{Lines: 1, Bytes: 100}},
		{"none fits", []int{100}, Limits{InvocationBytes: 10}, "", 0, mask.Dropped{Lines: 1, Bytes: 100}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Apply(make(test.lengths...), test.limits)
			longest := 0
			for _, l := range got.Lines {
				longest = max(longest, l.Body.Len())
				if l.Truncated != strings.HasSuffix(l.Body.String(), "…") {
					t.Errorf("%q is marked %v", l.Body, l.Truncated)
				}
			}
			if first := len(got.Lines) > 0; first != (test.first != "") || first && !strings.HasPrefix(got.Lines[0].Body.String(), test.first) || longest != test.lengthy || got.Dropped != test.dropped {
				t.Errorf("%d lines of at most %d bytes, dropped %+v", len(got.Lines), longest, got.Dropped)
			}
		})
	}
}

func TestLevelsOfLines(t *testing.T) {
	inv := mask.New(mask.Options{}).Apply(event.Invocation{Lines: []event.Line{{Level: "INFO", Body: event.TextOf("x")}, {Level: strings.Repeat("l", 1000), Body: event.TextOf("x")}}})
	got := Apply(inv, Limits{InvocationBytes: 300})
	if len(got.Lines) != 1 || got.Lines[0].Level.Len() != levelBytes || got.Dropped.Lines != 1 || got.Dropped.Bytes < 1000-levelBytes {
		t.Errorf("%d lines, level of %d bytes, dropped %+v", len(got.Lines), got.Lines[0].Level.Len(), got.Dropped)
	}
}
