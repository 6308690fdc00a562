package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// kept is memory that stays allocated.
type kept struct{ pages []byte }

// cat says what is in a file.
func (p *probe) cat(path string) {
	b, err := os.ReadFile(local(path))
	p.say("cat %s %q %v", path, strings.TrimSpace(string(b)), err)
}

// limits says who this is and what it may.
func (p *probe) limits(string) {
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	p.say("limits files %d of %d %v uid %d gid %d", files.Cur, files.Max, err, os.Getuid(), os.Getgid())
}

// alloc uses so many megabytes, until the process ends.
func (p *probe) alloc(arg string) {
	mb, err := strconv.Atoi(arg)
	if err != nil {
		panic(err)
	}
	p.kept = append(p.kept, kept{make([]byte, mb<<20)})
	pages := p.kept[len(p.kept)-1].pages
	for i := 0; i < len(pages); i += os.Getpagesize() {
		pages[i] = 1
	}
	p.say("allocated %s", arg)
}

// shell runs a command, spaces as underscores, and says what it printed.
func (p *probe) shell(arg string) {
	out, err := exec.Command("/bin/sh", "-c", arg0(arg)).CombinedOutput()
	p.say("shell %q %v", strings.TrimSpace(string(out)), err)
}

// fill makes a file of so many megabytes, without holes: fill=/tmp/file:100
func (p *probe) fill(arg string) {
	path, size, _ := strings.Cut(arg, ":")
	mb, err := strconv.Atoi(size)
	if err != nil {
		panic(err)
	}
	f, err := os.Create(local(path))
	if err != nil {
		panic(err)
	}
	defer f.Close()
	p.say("fill %s: %v", arg, allocate(f, int64(mb)<<20))
}
