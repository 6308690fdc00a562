package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEarlier(t *testing.T) {
	noon := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		now    time.Time
		passed time.Duration
		want   time.Time
	}{
		{"a clock that runs", noon.Add(time.Minute), time.Minute, noon},
		{"set back", noon.Add(-time.Hour), time.Minute, noon.Add(-time.Hour - time.Minute)},
		{"set forward", noon.Add(time.Hour), time.Minute, noon},
		{"frozen, and the other clock stood still", noon.Add(time.Hour), 0, noon},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := earlier(noon, test.now, test.passed); !got.Equal(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestAClockThatWasSetBack: the environment seems to be born an hour from now.
func TestAClockThatWasSetBack(t *testing.T) {
	dir := t.TempDir()
	in := New(dir, time.Now())
	in.born = in.born.Add(time.Hour) // what the clock showed before it was set back; started is by the other one
	put(t, dir, "A.999999.1.open", encode(t, true, process(999999), begin("A")))
	if got := collectAs(in, false); got != "nothing" {
		t.Errorf("got %s", got)
	}
	if got := list(t, dir, in); got != "files: A.999999.1.open" {
		t.Errorf("got %s", got)
	}
}

// TestAFileOfALivingProcessStays, even if both clocks say that it is of an earlier life; one that only has its number does not.
func TestAFileOfALivingProcessStays(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip(err)
	}
	for name, test := range map[string]struct {
		pid  int
		old  time.Duration
		want string
	}{
		"alive":                           {os.Getpid(), 0, "nothing"},
		"dead":                            {999_999_999, 0, "A open"},
		"the number of one that is alive": {os.Getpid(), 24 * time.Hour, "A open"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := New(dir, time.Now().Add(time.Hour)) // by either clock
			file := fmt.Sprintf("A.%d.1.open", test.pid)
			put(t, dir, file, encode(t, true, process(test.pid), begin("A")))
			modified := time.Now().Add(-test.old)
			if err := os.Chtimes(filepath.Join(dir, file), modified, modified); err != nil {
				t.Fatal(err)
			}
			if got := collectAs(in, false); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAgeOf(t *testing.T) {
	const rest = " 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 "
	for name, test := range map[string]struct {
		stat, uptime string
		want         time.Duration
		ok           bool
	}{
		"a process":              {"17 (python3.13) S" + rest + "250 99 99\n", "12.50 3.00\n", 10 * time.Second, true},
		"a name with everything": {"17 (a) S 1 (b)) R" + rest + "250 99\n", "12.50 3.00\n", 10 * time.Second, true},
		"a zombie":               {"17 (x) Z" + rest + "250 99\n", "12.50 3.00\n", 0, false},
		"cut":                    {"17 (x) S 1 1", "12.50 3.00\n", 0, false},
		"empty":                  {"", "", 0, false},
		"no uptime":              {"17 (x) S" + rest + "250 99\n", "soon", 0, false},
	} {
		if got, ok := ageOf([]byte(test.stat), []byte(test.uptime)); got != test.want || ok != test.ok {
			t.Errorf("%s: got %v %v", name, got, ok)
		}
	}
}
