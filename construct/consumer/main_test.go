package consumer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/child"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

func TestMain(m *testing.M) {
	if err := child.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	code := m.Run()
	for _, command := range child.Sweep() {
		fmt.Fprintln(os.Stderr, "left by a test:", command)
		code = 1
	}
	os.Exit(code)
}

// needMachine skips a test on a machine that lacks Go, Python, Node.js or git; CI may not lack them.
func needMachine(t *testing.T) {
	t.Helper()
	_, err := tools.Look(t.Context())
	_, noGit := exec.LookPath("git")
	if err = errors.Join(err, noGit); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
}
