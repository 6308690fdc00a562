package cloud

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/control"
)

// ErrNothingUp says that nothing is up.
var ErrNothingUp = errors.New("nothing is up")

// meant are the folders of runs below a folder, or the one that is a run's own.
func meant(runs string) []string {
	if strings.HasPrefix(filepath.Base(runs), runPrefix) {
		if _, err := os.Stat(runs); err != nil {
			return nil // it has ended
		}
		return []string{runs}
	}
	return runDirs(runs)
}

// Find finds the one run that is up in a folder of runs, or the one whose own folder is given.
func Find(runs string) (control.Client, error) {
	dirs := meant(runs)
	var up []string
	var found control.Client
	for _, dir := range dirs {
		address, err := os.ReadFile(filepath.Join(dir, controlFile))
		if err != nil {
			continue // still on its way up
		}
		lock, err := tryLock(filepath.Join(dir, lockFile), 0)
		if err == nil {
			_ = lock.Close() // nobody held it: the run was killed
		}
		if !errors.Is(err, errHeld) {
			continue
		}
		found = control.Client{URL: string(address)}
		up = append(up, dir)
	}
	switch len(up) {
	case 0:
		return control.Client{}, fmt.Errorf("%w (in %s): go run ./infra/local up", ErrNothingUp, runs)
	case 1:
		return found, nil
	}
	return control.Client{}, fmt.Errorf("%d are up: say which with --runs and one of\n  %s", len(up), strings.Join(up, "\n  "))
}
