package lambdalocal

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// What an environment gets of the machine's CPU time is within 10 % of its memory's share (reference 6: 1,769 MB are
// one vCPU). It is counted, not timed, so that a busy machine does not matter: in no stretch of periods may it be
// more, and in as many periods as ended with somebody waiting it must have been all.
func TestCPUShare(t *testing.T) {
	const (
		tolerance = 0.1
		enough    = 50 // periods that ended with a wait: half a slice at the beginning and end is then 2 %
		busyTime  = 10 * time.Second
	)
	for _, mb := range []int{128, 256, 512, 1024, 1769} {
		t.Run(fmt.Sprint(mb), func(t *testing.T) {
			l := newLimits(Function{MemoryMB: mb}, Options{})
			defer l.release()
			needGroup(t, l)
			burn(t, l)
			before, err := l.group.CPUUse()
			if err != nil {
				t.Fatal(err)
			}
			var periods, throttled int64
			var used time.Duration
			for end := time.Now().Add(busyTime); throttled < enough && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				now, err := l.group.CPUUse()
				if err != nil {
					t.Fatal(err)
				}
				periods, throttled, used = now.Periods-before.Periods, now.Throttled-before.Throttled, now.Time-before.Time
			}
			share := func(n int64) time.Duration {
				return time.Duration(float64(n) * float64(before.Period) * float64(mb) / memoryPerCPU)
			}
			t.Logf("%v in %d periods, which are worth %v; %d ended with a wait", used, periods, share(periods), throttled)
			if most := share(periods + 1); float64(used) > float64(most)*(1+tolerance) {
				t.Errorf("it used %v in %d periods, which are worth %v", used, periods, most)
			}
			if least := share(throttled - 1); float64(used) < float64(least)*(1-tolerance) {
				t.Errorf("it used %v, but had used up %d periods, which are worth %v", used, throttled, least)
			}
			if throttled < enough {
				t.Logf("this machine was too busy to use up more than %d periods", throttled)
			}
		})
	}
}

// burn starts as many processes as can use up any share of these tests.
func burn(t *testing.T, l *limits) {
	t.Helper()
	run := newStarter()
	t.Cleanup(run.stop)
	for range 2 {
		cmd := exec.Command("/bin/sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := l.start(run, cmd); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
}
