package lambdalocal

import (
	"os"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/cgroup"
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

// Files that were written are no memory, be they still there, in the page cache, or removed since; what a process has
// held that is gone by the end of the invocation is, and it stays the environment's maximum.
func TestMaxMemory(t *testing.T) {
	e, _ := lambda{change: func(f *Function, _ *Options) { f.MemoryMB, f.EphemeralMB = 512, 1024 }}.start(t)
	needGroup(t, e.limits)
	for _, c := range []struct {
		do          string
		least, most int // MB
	}{
		{"shell=dd_if=/dev/zero_of=/tmp/big_bs=1M_count=800", 1, 150},
		{"shell=rm_/tmp/big", 1, 150},
		{"shell=head_-c_200000000_/dev/zero_|_tail_-n_1_|_wc_-c", 180, 400}, // tail holds a line until its end
		{"", 180, 400},
	} {
		if r, report := invoke(t, e, `{"do":"`+c.do+`"}`); r.FunctionError != "" || report.MaxMemoryMB < c.least || report.MaxMemoryMB > c.most {
			t.Errorf("after %q the report says %d MB (%s)", c.do, report.MaxMemoryMB, r.Payload)
		}
	}
}

// What the meter makes of what it has seen.
func TestMeter(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []cgroup.MemoryUse
		held    int64 // the processes' own peaks
		want    int64
	}{
		{"the most of what was held", []cgroup.MemoryUse{{Held: 5, Peak: 5}, {Held: 9, Peak: 9}, {Held: 2, Peak: 9}}, 9, 9},
		{"cache is none of it", []cgroup.MemoryUse{{Held: 5, Cache: 90, Peak: 95}, {Held: 5, Peak: 95}}, 6, 5},
		{"what came between two samples", []cgroup.MemoryUse{{Held: 5, Cache: 10, Peak: 95}}, 80, 80},
		{"and is not more than the group had", []cgroup.MemoryUse{{Held: 5, Cache: 10, Peak: 95}}, 200, 85},
		{"a kernel without peaks", []cgroup.MemoryUse{{Held: 5, Cache: 10}}, 200, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m memoryMeter
			for _, s := range c.samples {
				m.add(s)
			}
			if got := m.held(c.held); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
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
