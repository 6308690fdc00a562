package hook

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// TestProcessesThatAFunctionStarts work for the invocation that has started them.
func TestProcessesThatAFunctionStarts(t *testing.T) {
	parent := os.Getppid()
	above, err := parentOf(parent)
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	name := func(invocation string, pid, number int, state string) string {
		return spool.Name{Invocation: invocation, PID: pid, Number: number, State: state}.String()
	}
	for _, c := range []struct {
		name        string
		files       []string
		concurrency string
		want        string
	}{
		{"by the function", []string{name("one", parent, 2, "done"), name("two", parent, 3, "open")}, "", "two"},
		{"by a shell of the function's", []string{name("two", above, 3, "open"), name("init", above, 1, "done")}, "", "two"},
		{"while it was set up", []string{name("init", parent, 1, "open")}, "", "init"},
		{"after a reset", []string{name("two", parent, 30, "open"), name("old", parent, 4, "open")}, "", "two"},
		{"by one of several invocations", []string{name("two", parent, 3, "open"), name("one", parent, 2, "open")}, "8", "none"},
		{"between two of them", []string{name("two", parent, 3, "done")}, "", ""},
		{"by nobody known", []string{name("two", 1<<30, 3, "open"), "two.open"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spool")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, file := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h := start(t, map[string]string{"AFTERGLOW_SPOOL_DIR": dir, "AWS_LAMBDA_MAX_CONCURRENCY": c.concurrency})
			for _, file := range c.files {
				os.Remove(filepath.Join(dir, file))
			}
			if made := len(spooled(t, h)) > 0; made != (c.want == "") {
				t.Errorf("a file was made at once: %t", made)
			}
			h.Handler.Record(h.Handler.Invocation(t.Context()), &spool.Header{Kind: spool.KindCallStart, Call: "1"})
			want := map[string]string{c.want + ".1.open": "call.start(" + c.want + ")"}
			if c.want == "" {
				want = map[string]string{"init.1.open": "call.start(init)"}
			}
			same(t, spooled(t, h), want)
		})
	}
}
