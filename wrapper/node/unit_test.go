package node_test

import (
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// TestUnits runs the tests that the hook has in its own language, on each version of it.
func TestUnits(t *testing.T) {
	files, err := filepath.Glob("tests/unit/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("find unit tests: %v, %d files", err, len(files))
	}
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		out, err := exec.Command(node(rt), append([]string{"--test", "--test-reporter=tap"}, files...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestWriter has Go's reader read what the hook's writer wrote.
func TestWriter(t *testing.T) {
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		dir := filepath.Join(t.TempDir(), "spool")
		out, err := exec.Command(node(rt), "tests/write.js", dir).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want []struct{ URL, Body string }
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatal(err)
		}
		got := of(spooled(t, dir), spool.KindCallStart)
		if len(got) != len(want) {
			t.Fatalf("read %d records, want %d", len(got), len(want))
		}
		for i, r := range got {
			_, request, _ := r.Part(spool.PartRequest)
			p, response, ok := r.Part(spool.PartResponse)
			if r.URL != want[i].URL || hex.EncodeToString(request) != want[i].Body {
				t.Errorf("record %d is %.60q with %d bytes, want %.60q", i, r.URL, len(request), want[i].URL)
			}
			if !ok || string(response) != "ü" || p.Size != nil || !p.Truncated {
				t.Errorf("second part of record %d is %+v %q", i, p, response)
			}
		}
	})
}
