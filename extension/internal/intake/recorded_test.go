package intake

import (
	"fmt"
	"strings"
	"testing"
)

// TestRecorded: an invocation is recorded if the environment's next process finds what was made of it in files. Those that are deleted with their round it does not find, and calls may
// be given later than that.
func TestRecorded(t *testing.T) {
	child := write("A.21.1.done", process(21), call("A", "21-1"), callEnd("A", "21-1"))
	parent := write("A.17.1.done", process(17), begin("A"), end("A"))
	next := write("B.17.2.done", process(17), begin("B"), end("B"))
	for name, test := range map[string]struct {
		first []step
		then  []step // after the first round
		final bool
		kept  bool // files of the first round stay: what it gave is in memory alone
		want  string
	}{
		"as usual":             {nil, []step{announce("A"), parent}, false, false, "A true"},
		"told by Lambda alone": {nil, []step{announce("A"), observe(started("A", 0), done("A", 1))}, false, false, "A false"},
		"a child, and a parent that does not tell":        {[]step{announce("A"), child}, []step{announce("B"), next}, false, false, "A false, B true"},
		"the same, and its file is still there":           {[]step{announce("A"), child}, []step{announce("B"), next}, false, true, "A true, B true"},
		"a child, and a parent that tells later":          {[]step{announce("A"), child}, []step{parent}, false, false, "A false"},
		"a child, and Lambda tells of the parent":         {[]step{announce("A"), child}, []step{observe(started("A", 0), done("A", 1))}, false, false, "A false"},
		"a child that lives on":                           {[]step{announce("A"), parent, write("A.21.1.open", process(21), call("A", "21-1"))}, []step{appendTo("A.21.1.open", callEnd("A", "21-1")), announce("B"), next}, false, false, "B true, A true"},
		"a child that lived on and is done":               {[]step{announce("A"), parent, write("A.21.1.open", process(21), call("A", "21-1"))}, []step{rename("A.21.1.open"), announce("B"), next}, true, false, "B true, A true"},
		"a call that did not end in its invocation":       {[]step{announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A"))}, nil, true, false, "A false"},
		"the same, and its file is still there, too":      {[]step{announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A"))}, nil, true, true, "A true"},
		"a set-up that is told with the first invocation": {[]step{write("init.22.1.done", process(22), call("init", "22-1"), callEnd("init", "22-1"))}, []step{announce("A"), parent}, false, false, "A false"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := New(dir, born)
			run := func(steps []step) {
				for _, do := range steps {
					do(t, dir, in)
				}
			}
			run(test.first)
			if first := in.Collect(false); test.kept {
				in.Hold(first)
			} else {
				in.Release(first)
			}
			run(test.then)
			var got []string
			for _, inv := range in.Collect(test.final).Invocations {
				got = append(got, fmt.Sprint(inv.ID, " ", inv.Recorded))
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
