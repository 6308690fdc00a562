package cgroup

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// groupPrefix is what the names of all groups of this package begin with.
const groupPrefix = "afterglow-"

// sweepLimit bounds what a new group waits for the removal of old ones.
const sweepLimit = 200 * time.Millisecond

// owner is the process that made a group. Its id alone would not do: after its death the id is somebody else's, and
// in another container it is somebody else's as well.
type owner struct {
	namespace string // of process ids
	pid       string
	started   string // in ticks since the machine's start
}

// groupName is a name that no other group has.
func (o owner) groupName() string {
	unique := make([]byte, 8)
	if _, err := rand.Read(unique); err != nil {
		panic(err) // documented never to happen
	}
	return fmt.Sprintf("%s%s-%s-%s-%s", groupPrefix, o.namespace, o.pid, o.started, hex.EncodeToString(unique))
}

// ownerOf reads a group's name.
func ownerOf(name string) (owner, bool) {
	rest, ok := strings.CutPrefix(name, groupPrefix)
	parts := strings.Split(rest, "-")
	if !ok || len(parts) != 4 {
		return owner{}, false
	}
	return owner{namespace: parts[0], pid: parts[1], started: parts[2]}, true
}

// owner is this process.
func (m machine) owner() (owner, error) {
	pid := strconv.Itoa(os.Getpid())
	o := owner{pid: pid}
	namespace, err := os.Readlink(filepath.Join(m.proc, "self", "ns", "pid")) // pid:[4026531836]
	if err != nil {
		return owner{}, fmt.Errorf("identify this process: %w", err)
	}
	o.namespace = strings.Trim(strings.TrimPrefix(namespace, "pid:"), "[]")
	if o.started = m.startOf("self"); o.started == "" {
		return owner{}, fmt.Errorf("identify this process: %s has no start time", m.proc)
	}
	return o, nil
}

// startOf is when a process was started, or "" if there is none: the 22nd field, counted after the name, which may
// have anything in it but ends with the last parenthesis.
func (m machine) startOf(pid string) string {
	const field = 22
	stat, err := os.ReadFile(filepath.Join(m.proc, pid, "stat"))
	if err != nil {
		return ""
	}
	text := string(stat)
	after := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(after) <= field-3 {
		return ""
	}
	return after[field-3]
}

// sweep removes the groups of processes that are gone. A version 1 hierarchy may have put this process into
// another group than the earlier one, so its neighbours are looked at as well. What cannot be removed stays: it is
// in nobody's way.
func (m machine) sweep(h hierarchies) {
	me, err := m.owner()
	if err != nil {
		return
	}
	parents := map[string]bool{}
	for _, dir := range h.first {
		parents[dir] = true
		near, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*"))
		if err != nil {
			continue
		}
		for _, other := range near {
			parents[other] = true
		}
	}
	for _, dir := range h.upwards() {
		parents[dir] = true
	}
	var gone []string
	for parent := range parents {
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, e := range entries {
			o, ok := ownerOf(e.Name())
			if ok && e.IsDir() && o.namespace == me.namespace && m.startOf(o.pid) != o.started {
				gone = append(gone, filepath.Join(parent, e.Name()))
			}
		}
	}
	_ = remove(gone, sweepLimit) // as said
}
