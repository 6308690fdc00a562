package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDemoKeep runs `demo --keep` as a person would: what it prints can be used as it stands, what that
// leads to is shown, and `down` ends it.
func TestDemoKeep(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	binary := buildDemo(t)
	before := childrenOf(os.Getpid())
	demo := startDemo(t, binary, "--keep")
	demo.awaitLine("tail -f")
	curl := regexp.MustCompile(`curl .*`).FindString(demo.output())
	if _, err := exec.LookPath("curl"); err == nil {
		if out, err := exec.Command("sh", "-c", curl).CombinedOutput(); err != nil || !strings.Contains(string(out), "pay-good-1") {
			t.Errorf("%s: %v\n%s", curl, err, out)
		}
		demo.awaitNewLine("pay-good-1")
	}
	if out, err := exec.Command(binary, "down", "--runs", demo.runs).CombinedOutput(); err != nil || !strings.Contains(string(out), "stopped") {
		t.Errorf("down: %v\n%s", err, out)
	}
	if code := demo.awaitEnd(); code != succeeded {
		t.Errorf("exit code %d\n%s", code, demo.output())
	}
	demo.mustLeaveNothing(before)
}
