package intake

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is how far a file's time may lie behind the clock: a file system stamps with the time of the kernel's last tick, 4 or 10 ms ago.
const tick = 20 * time.Millisecond

// IsPast tells whether a file was last written before this life of the environment.
func (in *Intake) IsPast(modified time.Time) bool {
	in.born = earlier(in.born, time.Now().Round(0), time.Since(in.started))
	return modified.Before(in.born.Add(-tick))
}

// earlier gives the birth by a wall clock that may have been set back since: it shows now, and so much time has passed by a clock that nobody
// sets. A clock that was set forward changes nothing, because files that were written before carry the earlier times. So the birth only
// ever becomes earlier, and at worst a file of an earlier life is taken for one that still grows, which waits for SHUTDOWN.
func earlier(born, now time.Time, passed time.Duration) time.Time {
	if b := now.Add(-passed); b.Before(born) {
		return b
	}
	return born
}

// clockTick is the unit of the times in /proc/<pid>/stat: USER_HZ, 100 on every Linux that Lambda has.
const clockTick = 10 * time.Millisecond

// isHeld tells whether the process that a file is named after runs, and did already when the file was last written: it may go on with it,
// whatever the times say about the environment. A process with the same id of an earlier life had ended before this one began, and
// Lambda starts extensions first: what is older than this process is no process of the environment's that writes.
func isHeld(pid int, modified time.Time) bool {
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return false // no /proc
	}
	age, ok := ageIn(uptime, pid)
	if !ok || modified.Before(time.Now().Round(0).Add(-age-clockTick-tick)) {
		return false
	}
	own, ok := ageIn(uptime, os.Getpid())
	return ok && age <= own
}

// ageIn gives how long a process has run; false if there is none.
func ageIn(uptime []byte, pid int) (time.Duration, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	return ageOf(stat, uptime)
}

// ageOf reads how long a process has run: proc_pid_stat(5), field 22, against proc_uptime(5).
func ageOf(stat, uptime []byte) (time.Duration, bool) {
	fields := fieldsOf(stat)
	seconds, _, _ := bytes.Cut(uptime, []byte(" "))
	const state, started = 3, 22 // numbers of fields, from 1
	if len(fields) <= started-state || isZombie(fields) {
		return 0, false // a zombie writes nothing
	}
	ticks, err := strconv.ParseInt(string(fields[started-state]), 10, 64)
	if err != nil {
		return 0, false
	}
	up, err := strconv.ParseFloat(string(seconds), 64)
	if err != nil {
		return 0, false
	}
	return time.Duration(up*float64(time.Second)) - time.Duration(ticks)*clockTick, true
}

// fieldsOf gives the fields from the third on: the second one is the command's name in parentheses and may hold anything, parentheses too.
func fieldsOf(stat []byte) [][]byte {
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
}

// isZombie tells whether a process has ended and is there for its parent alone.
func isZombie(fields [][]byte) bool { return len(fields) > 0 && string(fields[0]) == "Z" }
