package metric

import (
	"testing"
)

// TestPeek: it gives what was counted since the last collection, once until something is new, and an invocation that waits for Lambda's word with it.
func TestPeek(t *testing.T) {
	for name, change := range map[string]func(*Options){"deltas": func(*Options) {}, "totals": func(o *Options) { o.Cumulative = true }} {
		t.Run(name, func(t *testing.T) {
			m := meter(change)
			want := func(what string, invocations float64) {
				t.Helper()
				payload, points := m.Peek(at(10))
				got := sums{}
				add(t, got, decode(t, payload), points)
				if got["faas.invocations"] != invocations {
					t.Errorf("%s: %v", what, got)
				}
			}
			before := 0. // what totals hold of what was collected
			want("nothing", 0)
			m.Invocation(invocation("a", 1))
			want("an invocation", 1)
			want("nothing new", 0)
			m.Collect(at(2), false)
			want("it was collected", 0)
			if m.options.Cumulative {
				before = 1
			}
			m.Fact(start("b", 3))
			m.Invocation(invocation("b", 3))
			want("it is not due", before+1)
			m.Invocation(invocation("c", 4))
			want("a second one", before+2)
			m.Collect(at(100), false) // both wait
			m.Invocation(invocation("d", 101))
			m.Collect(at(200), false) // the two are counted, the third waits
			if m.options.Cumulative {
				before = 3
			}
			want("what waits when the others were collected", before+1)
			want("which is nothing new either", 0)
		})
	}
}
