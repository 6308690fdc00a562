// Package tools brings what the local run needs beside Go: MiniStack, the local AWS, in a Python
// virtual environment, and the CDK CLI that fits the CDK library of go.mod.
//
// It takes the folder to install into and gives commands. Every version is pinned, in
// requirements.txt and cdk/package-lock.json. What is installed stays; what was interrupted is
// installed anew; two runs at once wait for each other.
package tools

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

//go:embed requirements.txt
var requirements []byte

//go:embed cdk/package.json
var cdkPackage []byte

//go:embed cdk/package-lock.json
var cdkLock []byte

// The versions that the files pin, for messages; a test holds them together.
const (
	MiniStackVersion = "1.5.33"
	CDKVersion       = "2.1148.1"
)

// MiniStack installs MiniStack into a folder and returns the command that runs it.
func MiniStack(ctx context.Context, m Machine, folder string, output io.Writer) ([]string, error) {
	dir := placeOf(folder, "ministack")
	if err := installPython(ctx, m, dir, requirements, output); err != nil {
		return nil, fmt.Errorf("install MiniStack: %w", err)
	}
	return []string{filepath.Join(dir, "bin", "python"), "-m", "ministack"}, nil
}

// installPython installs packages into a virtual environment of their own.
func installPython(ctx context.Context, m Machine, dir string, requirements []byte, output io.Writer) error {
	return install(ctx, dir, [][]byte{requirements, []byte(m.Python), []byte(m.PythonVersion)}, output, func() error {
		err := child.Run(ctx, child.Command{
			Name: "python3 -m venv", Args: []string{m.Python, "-m", "venv", dir}, Env: os.Environ(), Output: output,
		})
		if err != nil {
			return err
		}
		list := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(list, requirements, 0o644); err != nil {
			return fmt.Errorf("write requirements: %w", err)
		}
		return child.Run(ctx, child.Command{
			Name: "pip install",
			Args: []string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-cache-dir",
				"--progress-bar", "off", "--requirement", list},
			Env: os.Environ(), Output: output,
		})
	})
}

// CDK installs the CDK CLI into a folder and returns the command that runs it.
func CDK(ctx context.Context, m Machine, folder string, output io.Writer) ([]string, error) {
	dir := placeOf(folder, "cdk")
	if err := installNode(ctx, m, dir, folder, cdkPackage, cdkLock, output); err != nil {
		return nil, fmt.Errorf("install the CDK CLI: %w", err)
	}
	return []string{m.Node, filepath.Join(dir, "node_modules", "aws-cdk", "bin", "cdk")}, nil
}

// placeOf is where a thing is installed. It is the same for all checkouts that share a folder by a link: what is installed
// at another path than before is installed anew.
func placeOf(folder, thing string) string {
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(folder)); err == nil { // it need not be there yet
		folder = filepath.Join(real, filepath.Base(folder))
	}
	return filepath.Join(folder, thing)
}

// stampFile is written into an installed folder last, so that it tells that all of it is there.
const stampFile = ".installed"

// install runs do in an empty dir unless it was done before with the same inputs at the same place:
// a virtual environment knows its own path.
func install(ctx context.Context, dir string, inputs [][]byte, output io.Writer, do func() error) error {
	unlock, err := lock(ctx, dir+".lock", output)
	if err != nil {
		return err
	}
	defer unlock()
	sum := sha256.New()
	for _, input := range append(inputs, []byte(dir)) {
		fmt.Fprintf(sum, "%d:%s", len(input), input)
	}
	stamp, want := filepath.Join(dir, stampFile), hex.EncodeToString(sum.Sum(nil))
	if have, err := os.ReadFile(stamp); err == nil && strings.TrimSpace(string(have)) == want {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove an older installation: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := do(); err != nil {
		return err
	}
	if err := os.WriteFile(stamp, []byte(want+"\n"), 0o644); err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	return nil
}

// lockEvery is how often a lock that another run holds is tried: a file lock cannot be waited for with a context.
const lockEvery = 200 * time.Millisecond

func lock(ctx context.Context, path string, output io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if first {
			fmt.Fprintln(output, "waiting for another run that is installing the same")
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}
