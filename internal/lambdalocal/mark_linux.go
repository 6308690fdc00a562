package lambdalocal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Every process of an environment is marked, so that it is found wherever it has moved to: into a session or a
// namespace of its own, with other variables, with init as its parent. The mark is its limit of file locks, which the
// kernel has not enforced since Linux 2.4 (getrlimit(2), RLIMIT_LOCKS), a number that no other environment has:
// children inherit it through everything, and anybody may read it (/proc/<pid>/limits). A mark that somebody takes
// off can be found no more; nothing does that but on purpose.

// newMark makes a number that is below the limit which this process has itself: it may be in an environment.
func newMark() uint64 {
	const most = math.MaxInt64
	var now unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &now); err != nil || now.Max < 4 {
		return 0
	}
	top := min(now.Max, most)
	return top/2 + rand.Uint64N(top/2)
}

// markProcess marks a process. One of another user's cannot be marked without CAP_SYS_RESOURCE; then its sandbox has a
// process namespace, which it cannot leave either.
func (l *limits) markProcess(pid int) error {
	if l.mark == 0 {
		return nil
	}
	err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: l.mark, Max: l.mark}, nil)
	if err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("mark process %d: %w", pid, err)
	}
	return nil
}

// marked are the marked processes that are in none of the groups.
func (l *limits) marked(groups map[int]bool) []int {
	if l.mark == 0 {
		return nil
	}
	words := fmt.Sprintf(" %d %d ", l.mark, l.mark)
	return straysThat(func(pid string) bool {
		limits, err := os.ReadFile("/proc/" + pid + "/limits")
		_, locks, ok := strings.Cut(string(limits), "\nMax file locks ")
		locks, _, _ = strings.Cut(locks, "\n")
		return err == nil && ok && strings.Contains(" "+strings.Join(strings.Fields(locks), " "), words)
	}, func(group int) bool { return groups[group] })
}

// killMarked is the end of a holder that has outlived this process: it kills what has the mark. Whoever is killed is
// there until somebody has reaped it.
func (l *limits) killMarked() string {
	return fmt.Sprintf(`
try=0
while [ $try -lt 200 ]; do
	found=
	for limits in $(grep -ls "^Max file locks  *%[1]d  *%[1]d " /proc/[0-9]*/limits); do
		id=${limits#/proc/}; found=1; kill -9 "${id%%/limits}" 2>/dev/null
	done
	[ -n "$found" ] || break
	try=$((try + 1)); sleep 0.01
done
`, l.mark)
}
