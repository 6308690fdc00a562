package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/afterglow-lambda/afterglow/settings"
)

// toWrite asks access(2) whether files can be made in a directory: W_OK and X_OK.
const toWrite = 2 | 1

// makeSpool makes the spool's directory where the settings have named another one than the usual, with the folders above it: hooks begin to write when this process has
// registered, and some of them make no folders. What goes wrong shows in checkSpool.
func makeSpool(getenv func(string) string) {
	v := settings.Read(getenv)
	if dir := v.String("AFTERGLOW_SPOOL_DIR"); dir != settings.DefaultSpoolDir && !v.Bool("AFTERGLOW_DISABLED") {
		_ = os.MkdirAll(dir, 0o700)
	}
}

// checkSpool tells whether somebody can write where the settings want the spool. The usual place is Lambda's own, and what a function does to it shows elsewhere.
func checkSpool(dir string) error {
	if dir == settings.DefaultSpoolDir {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the spool's directory: %w", err)
	}
	if err := syscall.Access(dir, toWrite); err != nil {
		return fmt.Errorf("write to %s: %w", dir, err)
	}
	return nil
}

// outboxDir is beside the spool, because hooks count what is in that and remove what is old; or in it, where there is nothing beside it that could be written: the spool may be all of /tmp.
func outboxDir(spool string) string {
	spool = filepath.Clean(spool)
	if filepath.Dir(spool) == string(filepath.Separator) {
		return filepath.Join(spool, "afterglow-outbox")
	}
	return spool + "-outbox"
}
