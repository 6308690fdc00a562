// Package runtimes finds or installs AWS's own runtime clients, so that a function runs on what AWS
// runs it on and not on something that we wrote.
//
// It takes the name of a Lambda runtime ("python3.13") and gives the command that starts it. What it
// installs goes into one folder, once, with every version pinned.
package runtimes

import (
	"context"
	"errors"
	"io"
)

// Runtime is how to start one of Lambda's runtimes.
type Runtime struct {
	Name    string            // "python3.13"
	Command []string          // argv handed to the exec wrapper: /var/lang/bin/python3.13 /var/runtime/bootstrap.py
	Dir     string            // directory that becomes /var/runtime
	Lang    string            // directory that becomes /var/lang
	Env     map[string]string // what AWS's bootstrap exports unless the function's configuration has it
}

// Options of Find and Nearest.
type Options struct {
	// Root is the folder that holds the installed runtimes; "" means .afterglow/runtimes in the
	// checkout that the working directory belongs to.
	Root string
	// Progress receives what is being done, a line each; nil means nowhere.
	Progress io.Writer
}

// Find finds or installs exactly the named runtime. Its error names what is missing and the command
// that installs it.
func Find(ctx context.Context, name string, opt Options) (Runtime, error) {
	return Runtime{}, errors.New("runtimes: not built yet")
}

// Nearest is Find, or the nearest version of the same family that this machine has. The note says in
// one line what is used instead; it is empty if the runtime is exactly the named one.
func Nearest(ctx context.Context, name string, opt Options) (rt Runtime, note string, err error) {
	return Runtime{}, "", errors.New("runtimes: not built yet")
}
