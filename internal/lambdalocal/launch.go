package lambdalocal

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// checkLaunch finds why a file could not be executed, in the words that Lambda has for it ("fork/exec
// /var/task/bootstrap: exec format error"). It is asked here and not of exec, because not every sandbox
// executes a file right away. What it does not find, exec still does.
func (e *Environment) checkLaunch(seen string) error {
	refuse := func(reason syscall.Errno) error { return &fs.PathError{Op: "fork/exec", Path: seen, Err: reason} }
	real := e.resolve(seen)
	info, err := os.Stat(real)
	if err != nil {
		return refuse(syscall.ENOENT) // a link that leads nowhere
	}
	if info.Mode()&0o111 == 0 {
		return refuse(syscall.EACCES)
	}
	f, err := os.Open(real)
	if err != nil {
		return nil // not readable, but executable
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(syscall.ENOEXEC) // empty
	}
	head = head[:n]
	if line, script := bytes.CutPrefix(head, []byte("#!")); script {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			return refuse(syscall.ENOEXEC)
		}
		if interpreter := string(fields[0]); filepath.IsAbs(interpreter) {
			if _, err := os.Stat(e.resolve(interpreter)); err != nil {
				return refuse(syscall.ENOENT)
			}
		}
		return nil
	}
	if runtime.GOOS == "linux" && !runsHere(f) {
		return refuse(syscall.ENOEXEC)
	}
	return nil
}

// runsHere tells whether a file is a program for this machine's processor.
func runsHere(f io.ReaderAt) bool {
	program, err := elf.NewFile(f) // which leaves f to its caller
	if err != nil {
		return false
	}
	switch runtime.GOARCH {
	case "amd64":
		return program.Machine == elf.EM_X86_64 || program.Machine == elf.EM_386
	case "arm64":
		return program.Machine == elf.EM_AARCH64
	}
	return true
}

// maxLinks is how many links a path may lead through (Linux' own limit is 40).
const maxLinks = 40

// resolve is realPath behind links: an absolute one leads to somewhere in what the function sees.
func (e *Environment) resolve(seen string) string {
	for range maxLinks {
		target, err := os.Readlink(e.realPath(seen))
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(seen), target)
		}
		seen = target
	}
	return e.realPath(seen)
}

// realPath is where a path that the function sees is on this machine.
func (e *Environment) realPath(seen string) string {
	for _, p := range [][2]string{
		{"/var/task", e.fn.Code}, {"/opt", e.layout.optSource(e.fn)}, {"/tmp", e.layout.tmp},
		{"/var/runtime", e.opt.Runtime.Dir}, {"/var/lang", e.opt.Runtime.Lang},
	} {
		if rest, ok := strings.CutPrefix(seen, p[0]+"/"); ok && p[1] != "" {
			return filepath.Join(p[1], rest)
		}
	}
	return seen
}
