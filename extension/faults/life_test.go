package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// short is the timeout of functions that run into it.
const short = 3 * time.Second

// smallest is the memory of functions that run out of it.
const smallest = 128

func lifeRows() []row {
	rows := []row{
		{name: "a time-out", does: "The function waits for an answer that never comes, until its time is over.", set: setting{timeout: short}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), get("/hang"))
			s.busy(1)
		}, check: failed("timeout", 1)},
		{name: "a time-out, Node.js", does: "The same in Node.js.", set: setting{timeout: short, runtime: node}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), get("/hang"))
			s.busy(1)
		}, check: failed("timeout", 1)},
		{name: "the runtime is killed", does: "The function's process gets SIGKILL in the middle of an invocation.", story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"kill"})
			s.busy(1)
		}, check: failed("Runtime.ExitError", 1)},
		{name: "the runtime is killed, Node.js", does: "The same in Node.js.", set: setting{runtime: node}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"kill"})
			s.busy(1)
		}, check: failed("Runtime.ExitError", 1)},
		{name: "the runtime runs out of memory", does: "The function takes memory until the kernel ends it.", root: true, set: setting{memory: smallest}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"memory"})
			s.busy(1)
		}, check: failed("Runtime.OutOfMemory", 1)},
		{name: "several resets in a row", does: "Killed, killed, out of time, killed, one after the other, the first time in the first invocation.", set: setting{timeout: short}, story: func(s *stage) {
			s.begin()
			s.invoke(get("/a"), step{"kill"})
			s.invoke(get("/a"), step{"kill"})
			s.invoke(get("/a"), get("/hang"))
			s.invoke(step{"kill"})
			s.busy(1)
		}},
		{name: "a reset during an outage", does: "Nobody collects while the function is killed; after the reset the collector is back.", story: func(s *stage) {
			s.collector.Otherwise(otlptest.Answer{Status: 503})
			s.begin()
			s.busy(2)
			s.invoke(get("/a"), step{"kill"})
			s.collector.Otherwise(otlptest.Answer{})
			s.busy(1)
		}},
		{name: "resets while the collector hangs", does: "The collector never answers while the function is killed twice; then it is well again.", story: func(s *stage) {
			s.collector.Otherwise(otlptest.Answer{Hang: true})
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"kill"})
			s.invoke(get("/a"), step{"kill"})
			s.collector.Otherwise(otlptest.Answer{})
			s.busy(1)
		}},
		{name: "the extension is killed", does: "It gets SIGKILL while it exports, after the function's response. Lambda takes that for a failure of the environment and makes another.",
			repeats: true, story: extensionKilled, judge: func(s *stage) { afterKill(s, 0) }, meant: "its answers as without Afterglow; the environment begins anew"},
		{name: "children by fork", does: "Each invocation makes child processes by `os.fork`, which leave by `os._exit`; later the extension is killed as above.", set: setting{env: map[string]string{"AFTERGLOW_FLUSH": "end"}},
			repeats: true, story: childrenAndAKill, judge: func(s *stage) { afterKill(s, 2) }, meant: "its answers as without Afterglow; the environment begins anew"},
		{name: "the function signals everybody", does: "SIGHUP, SIGINT, SIGQUIT and SIGTERM reach the extension, as by `kill -TERM -1` of the function's.", story: func(s *stage) {
			s.set.env["FAULTS_STAGE"] = s.Name()
			s.begin()
			s.busy(1)
			for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
				if err := syscall.Kill(s.extension(), signal); err != nil {
					s.Error(err)
				}
				s.busy(1)
			}
		}},
		{name: "no descriptor is free", does: "The extension may have ten descriptors, which is none for the spool and none for the collector.", lost: []string{"undelivered"}, set: setting{first: "ulimit -n 10"}, story: func(s *stage) {
			s.begin()
			s.busy(3)
		}},
		{name: "few descriptors are free", does: "It may have thirteen: enough for one thing after the other.", set: setting{first: "ulimit -n 13"}, story: func(s *stage) {
			s.begin()
			s.busy(3)
			s.invoke(get("/a"), step{"kill"})
			s.busy(3)
		}},
		{name: "frozen in the middle of a send", does: "The extension stands still for a second while the collector reads its request, and goes on.", repeats: true, story: frozenSend},
		{name: "kept connections are dead", does: "Every connection is cut at each freeze, as by a long one.", set: setting{options: func(o *lambdalocal.Options) { o.CutConnections = true }}, root: true, story: func(s *stage) {
			s.begin()
			s.busy(4)
		}},
		{name: "frozen while an answer is on its way", does: "The collector takes 150 ms, invocations follow each other within less, and the environment stands still for a second in the middle.",
			repeats: true, // on a busy machine the answer may take longer than it is waited for
			set:     setting{env: densely()}, root: true, story: frozenBeside},
		{name: "frozen while an answer is on its way that is lost", does: "The same, and each freeze cuts every connection.", repeats: true,
			set: setting{env: densely(), options: func(o *lambdalocal.Options) { o.CutConnections = true }}, root: true, story: frozenBeside},
		{name: "SHUTDOWN while an answer is on its way", does: "The environment ends while an answer is awaited beside the next invocation.", set: setting{env: oftenFlushed()}, story: func(s *stage) {
			s.collector.Otherwise(otlptest.Answer{Slow: 150 * time.Millisecond})
			s.begin()
			s.busy(12)
		}},
		{name: "the collector hangs beside", does: "It answers a few requests, and then no more, while invocations follow each other closely; at the end it is well again.", repeats: true, set: setting{env: oftenFlushed()}, story: func(s *stage) {
			s.begin()
			s.busy(6)
			s.collector.Otherwise(otlptest.Answer{Hang: true})
			s.busy(12)
			s.collector.Otherwise(otlptest.Answer{})
			s.busy(1)
		}},
		{name: "reasons in upper case", does: "SHUTDOWN tells its reason as the documentation prints it.", set: setting{timeout: short, options: func(o *lambdalocal.Options) { o.UpperCaseReasons = true }}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/hang"))
			s.busy(1)
		}},
		{name: "SHUTDOWN with little time", does: "SHUTDOWN's deadline is 300 ms away, and the collector takes 50.", set: setting{between: &between{event: deadlineIn(300 * time.Millisecond)}}, story: func(s *stage) {
			s.collector.Otherwise(otlptest.Answer{Slow: 50 * time.Millisecond})
			s.begin()
			s.busy(3)
		}},
		{name: "SHUTDOWN with no time", does: "SHUTDOWN's deadline is over when it comes, and the collector hangs.", lost: []string{"undelivered"},
			set: setting{between: &between{event: deadlineIn(-time.Second)}}, story: func(s *stage) {
				s.collector.Otherwise(otlptest.Answer{Hang: true})
				s.begin()
				s.busy(2)
			}},
	}
	return append(rows, telemetryRows()...)
}

// telemetryRows are faults of the Telemetry API.
func telemetryRows() []row {
	const done = "platform.runtimeDone"
	story := func(s *stage) {
		s.begin()
		s.busy(2)
		s.invoke(get("/a"), step{"kill"})
		s.busy(1)
	}
	return []row{
		{name: "no telemetry", does: "The Telemetry API answers 202: nothing will come.", set: setting{options: func(o *lambdalocal.Options) { o.NoTelemetry = true }}, story: story, judge: deaf, meant: waited},
		{name: "runtimeDone is missing", does: "platform.runtimeDone never comes.", set: setting{between: &between{telemetry: func(batch []fact) (out []fact) {
			for _, f := range batch {
				if f.Type != done {
					out = append(out, f)
				}
			}
			return out
		}}}, story: story, judge: deaf, meant: waited},
		{name: "telemetry is doubled", does: "Every event comes twice.", set: setting{between: &between{telemetry: func(batch []fact) (out []fact) {
			for _, f := range batch {
				out = append(out, f, f)
			}
			return out
		}}}, story: story},
		{name: "telemetry is late", does: "Every delivery comes with the next one.", set: setting{between: late()}, story: story, judge: deaf, meant: waited},
		{name: "telemetry is nonsense", does: "Every event has a twin without sense: another type, a record that is none, ids of nobody.", set: setting{between: &between{telemetry: nonsense}}, story: story},
	}
}

// waited is what becomes of a function whose process is killed while nobody tells the extension of it.
const waited = "as without Afterglow, but that Lambda waits for the extension, its two seconds, before it begins anew after the function was killed"

// deaf is the judgement of rows in which nobody tells the extension that the function was killed: it waits for the end of the invocation until Lambda kills it.
func deaf(s *stage) {
	s.Helper()
	for n, e := range s.ends {
		if e.Reason == "failure" && !e.InTime && e.Status == "signal: killed" {
			s.ends[n].InTime, s.ends[n].Status = true, "exit status 0"
		}
	}
	s.check()
}

// late hands every batch on with the next one.
func late() *between {
	var held []fact
	return &between{telemetry: func(batch []fact) []fact {
		before := held
		held = batch
		return before
	}}
}

func nonsense(batch []fact) (out []fact) {
	for n, f := range batch {
		twin := f
		switch n % 5 {
		case 0:
			twin.Type = "platform.unheardOf"
		case 1:
			twin.Record = json.RawMessage(`[[["platform"]]]`)
		case 2:
			twin.Record = json.RawMessage(`{"requestId":"nobody","status":7,"metrics":"none"}`)
		case 3:
			twin.Time = "yesterday"
			twin.Record = json.RawMessage(`null`)
		default:
			twin.Type = ""
		}
		out = append(out, twin, f)
	}
	return out
}

// deadlineIn gives SHUTDOWN another deadline.
func deadlineIn(d time.Duration) func(map[string]any) {
	return func(event map[string]any) {
		if event["eventType"] == "SHUTDOWN" {
			event["deadlineMs"] = time.Now().Add(d).UnixMilli()
		}
	}
}

// failed checks how many invocations are told to have failed for a reason.
func failed(reason string, times int) func(*stage, account) {
	return func(s *stage, a account) {
		s.Helper()
		n := 0
		for _, span := range a.spans {
			if span.Kind == otlptest.Server && span.Attributes["error.type"] == reason {
				n++
			}
		}
		if n != times {
			s.Errorf("%d invocations are told to have ended by %s, not %d", n, reason, times)
		}
	}
}

// extensions gives the ids of the extension's processes, of which there is one: a variable of its environment has a value that no other one has.
func (s *stage) extension() int {
	s.Helper()
	mark := "FAULTS_STAGE=" + s.Name()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		missing(s.T, "no /proc to find the extension in")
	}
	for _, e := range entries {
		environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !strings.Contains(string(environ), mark+"\x00") {
			continue
		}
		command, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		var pid int
		if _, scan := fmt.Sscan(e.Name(), &pid); err == nil && scan == nil && strings.HasPrefix(string(command), "/opt/extensions/afterglow") {
			return pid
		}
	}
	s.Fatal("the extension is not to be found")
	return 0
}

// extensionKilled kills the extension while it waits for the collector's answer.
func extensionKilled(s *stage) {
	export := s.killedAtExport()
	s.begin()
	export()
	s.busy(3)
}

// childrenAndAKill: the files of children that ended go with those of their invocation, so that the life after a kill finds none.
func childrenAndAKill(s *stage) {
	export := s.killedAtExport()
	s.begin()
	s.invoke(get("/a"), step{"fork", "/b"}, step{"fork", "/c"})
	s.invoke(step{"fork", "/d"}, step{"fork", "/e"})
	left, err := filepath.Glob(fmt.Sprintf("/proc/%d/root%s/*", s.extension(), spoolDir))
	if err != nil || len(left) > 0 {
		s.Errorf("left in the spool between invocations: %v, %v", left, err)
	}
	export()
	s.invoke(get("/a"), step{"fork", "/b"})
	s.busy(2)
}

// killedAtExport prepares that the extension gets SIGKILL at its first request after ready was called, which nobody answers.
func (s *stage) killedAtExport() (ready func()) {
	s.set.env["FAULTS_STAGE"] = s.Name()
	var armed atomic.Bool
	asked := make(chan bool, 1)
	s.in(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if !armed.CompareAndSwap(true, false) {
			return false
		}
		asked <- true
		<-r.Context().Done() // its process is gone
		return true
	})
	return func() {
		armed.Store(true)
		go func() {
			<-asked
			_ = syscall.Kill(s.extension(), syscall.SIGKILL)
		}()
	}
}

// afterKill is the judgement of a row whose extension was killed once, after an invocation: the function's answers are as ever, the environment is made anew once.
func afterKill(s *stage, killed int) {
	s.Helper()
	want := s.world.without(s.T, s.set, s.calls)
	for n, c := range s.calls {
		got := c.result
		if n == killed {
			got.Status = want[n].Status // the environment failed, after the response
		}
		if got != want[n] {
			s.Errorf("invocation %d gave %+v, without Afterglow %+v", n, got, want[n])
		}
	}
	if len(s.ends) != 2 || s.ends[0].Status != "signal: killed" || !s.ends[1].InTime || s.ends[1].Status != "exit status 0" {
		s.Errorf("the extension left like this: %+v", s.ends)
	}
}

// oftenFlushed has data exported as often as may be, and not at the end of each invocation: answers come beside the next ones then.
func oftenFlushed() map[string]string {
	return map[string]string{"AFTERGLOW_FLUSH": "interval", "AFTERGLOW_FLUSH_INTERVAL": "100ms"}
}

// densely has data exported every half a second. Answers come beside the next invocations once five have begun within a tenth of a second of each other, and a flush that waits for an
// answer of 150 ms is longer than that: so there is room for five in between, also on a machine where each takes all but 100 ms.
func densely() map[string]string {
	return map[string]string{"AFTERGLOW_FLUSH": "interval", "AFTERGLOW_FLUSH_INTERVAL": "500ms"}
}

// frozenBeside leaves the environment alone for a second whenever an invocation is over and the collector has not answered a request yet. Its answer comes meanwhile.
func frozenBeside(s *stage) {
	var open atomic.Int64
	s.in(func(http.ResponseWriter, *http.Request, []byte) bool {
		open.Add(1)
		defer open.Add(-1)
		time.Sleep(150 * time.Millisecond) // of the collector
		return false
	})
	s.begin()
	const enough, most = 2, 100 // freezes, and invocations if there was one: where connections are lost, the collector is soon left alone for longer than this
	freezes, row, longestRow := 0, 0, 0
	began := time.Now()
	for n := 0; freezes < enough && (n < most || freezes == 0 && time.Since(began) < patience/3); n++ {
		start := time.Now()
		s.invoke(get("/a"))
		if open.Load() > 0 {
			freezes++
			time.Sleep(time.Second) // of the freeze: nothing can be waited for
		}
		if row++; time.Since(start) > 90*time.Millisecond {
			row = 0
		}
		longestRow = max(longestRow, row)
	}
	s.busy(5)
	switch {
	case freezes > 0:
	case longestRow < 100 && os.Getenv("CI") != "true": // a flush falls into the middle of so many, whatever they take
		s.Log("NOT TESTED: on this machine invocations do not follow each other closely enough for an answer to come beside the next one")
	default:
		s.Error("no request was under way when an invocation was over")
	}
}

// frozenSend stops the extension's process while the collector reads its request.
func frozenSend(s *stage) {
	s.set.env["FAULTS_STAGE"] = s.Name()
	first := true
	s.in(func(http.ResponseWriter, *http.Request, []byte) bool {
		if !first {
			return false
		}
		first = false
		pid := s.extension()
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		time.Sleep(time.Second) // of the freeze: nothing can be waited for
		_ = syscall.Kill(pid, syscall.SIGCONT)
		return false
	})
	s.begin()
	s.busy(3)
}
