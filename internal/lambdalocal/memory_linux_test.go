package lambdalocal

import (
	"os"
	"strings"
	"testing"
)

// A function that takes more memory than it has is killed, and so is one whose extension takes it (EXT: the
// extension's memory counts as the function's); the invocation fails and REPORT shows all memory as used
// (reference 2.4). What both use together is what REPORT shows otherwise.
func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		name, runtime, extension string
		do                       string
		fails                    bool
		atLeast                  int // MB
	}{
		{"runtime takes too much", "", "", "alloc=400", true, 256},
		{"together they take too much", "", "alloc=110 register=INVOKE,SHUTDOWN loop", "alloc=200", true, 256},
		{"together they fit", "", "alloc=60 register=INVOKE,SHUTDOWN loop", "alloc=60", false, 120},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lambda{change: func(f *Function, _ *Options) { f.MemoryMB = 256 }}
			if c.extension != "" {
				l.extensions = map[string]string{"ext": c.extension}
			}
			e, _ := l.start(t)
			needGroup(t, e.limits)
			r, report := invoke(t, e, `{"do":"`+c.do+`"}`)
			if (r.FunctionError != "") != c.fails || (report.Status != "success") != c.fails {
				t.Errorf("answer %s, report %+v", r.Payload, report)
			}
			if c.fails && !strings.Contains(string(r.Payload), "killed") && !strings.Contains(string(r.Payload), "Extension") {
				t.Errorf("the caller is told %s", r.Payload)
			}
			if report.MaxMemoryMB < c.atLeast || report.MaxMemoryMB > 256 {
				t.Errorf("the report says %d MB, want %d at least", report.MaxMemoryMB, c.atLeast)
			}
			if r, _ := invoke(t, e, `{}`); r.FunctionError != "" { // after the reset it works again
				t.Errorf("the next invocation fails: %s", r.Payload)
			}
		})
	}
}

// Two processes of one program share its pages.
func TestPrograms(t *testing.T) {
	one, two := programs([]int{os.Getpid()}), programs([]int{os.Getpid(), os.Getpid()})
	if one == 0 || one != two {
		t.Errorf("the pages of this program are %d once, and %d twice", one, two)
	}
	if gone := programs([]int{1 << 30}); gone != 0 {
		t.Errorf("a process that is none has %d", gone)
	}
}
