package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhereTheOutboxIs(t *testing.T) {
	for spool, want := range map[string]string{
		"/tmp/afterglow":  "/tmp/afterglow-outbox",
		"/tmp/afterglow/": "/tmp/afterglow-outbox",
		"/tmp/a/b":        "/tmp/a/b-outbox",
		"/tmp":            "/tmp/afterglow-outbox",
		"/tmp/":           "/tmp/afterglow-outbox",
	} {
		if got := outboxDir(spool); got != want {
			t.Errorf("%s: %s, want %s", spool, got, want)
		}
	}
}

// TestTheSpoolIsMadeBeforeHooksWrite: with the folders above it, and not where nothing is wanted.
func TestTheSpoolIsMadeBeforeHooksWrite(t *testing.T) {
	for _, disabled := range []string{"false", "true"} {
		dir := filepath.Join(t.TempDir(), "a", "b")
		env := map[string]string{"AFTERGLOW_SPOOL_DIR": dir, "AFTERGLOW_DISABLED": disabled}
		makeSpool(func(name string) string { return env[name] })
		if info, err := os.Stat(dir); (err == nil) != (disabled == "false") || err == nil && info.Mode().Perm() != 0o700 {
			t.Errorf("disabled %s: %v, %v", disabled, info, err)
		}
	}
}
