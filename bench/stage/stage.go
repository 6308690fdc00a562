//go:build linux

// Package stage is a bare Lambda for one extension, to be measured in: the Extensions API, the Telemetry API, and a function in the form of what its hook
// writes into the spool.
//
// It takes an extension's program, starts it, and plays invocations to it, one after the other: INVOKE, the calls of a function, the end of it as a hook tells
// it, and as platform.runtimeDone does when the subscription's buffering lets it, and then it waits for the extension. It gives how long that took, and what CPU
// time and memory the extension has. Between invocations the extension is frozen, as on Lambda, and so is its telemetry.
//
// It promises to leave no process behind, and no time of its own in what it measures but what a request on loopback takes. The full Lambda, with limits and
// failures, is in internal/lambdalocal.
package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// limit bounds whatever an extension is waited for.
const limit = 40 * time.Second

// Options say what to start.
type Options struct {
	File      string      // the extension's program
	Share     *host.Share // of the CPU; nil for no limit
	Endpoint  string      // of the collector
	Env       []string    // further variables
	Hooked    bool        // a hook writes the spool
	Telemetry bool        // the Telemetry API tells what it is asked to; else it says that there is none
}

// A Stage is an extension that is running.
type Stage struct {
	opt     Options
	api     *api
	hook    *Hook
	dir     string
	command *exec.Cmd
	output  bytes.Buffer // of the extension; to be read when it has ended
	ended   chan struct{}
	exit    error
	count   int
	frozen  bool
}

// Start starts an extension and waits until it is ready for the first invocation.
func Start(ctx context.Context, opt Options) (s *Stage, err error) {
	s = &Stage{opt: opt, ended: make(chan struct{})}
	if s.dir, err = os.MkdirTemp("", "afterglow-bench-"); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	spool := filepath.Join(s.dir, "tmp", "afterglow")
	if opt.Hooked {
		if s.hook, err = NewHook(spool); err != nil {
			return s, err
		}
	}
	if s.api, err = startAPI(ctx, opt.Telemetry); err != nil {
		return s, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return s, err
	}
	s.command = exec.CommandContext(ctx, opt.File)
	s.command.Dir, s.command.Stdout, s.command.Stderr = s.dir, &s.output, &s.output
	s.command.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + s.api.address, "AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(opt.Share.Memory()), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin", "LANG=en_US.UTF-8", "TZ=:UTC", "TMPDIR=" + filepath.Join(s.dir, "tmp"),
		"AFTERGLOW_SPOOL_DIR=" + spool, "OTEL_EXPORTER_OTLP_ENDPOINT=" + opt.Endpoint, "TELEMETRY_PORT=" + port,
	}, opt.Env...)
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	begun := time.Now()
	if _, err := opt.Share.Start(s.command); err != nil {
		return s, fmt.Errorf("start extension: %w", err)
	}
	go func() {
		defer close(s.ended)
		s.exit = s.command.Wait()
	}()
	s.api.tell(telemetry.InitStart, telemetry.InitStartRecord{InitializationType: "on-demand", Phase: "init", FunctionName: "bench", FunctionVersion: "$LATEST"})
	if _, err = s.arrival(ctx); err != nil {
		return s, err
	}
	done := telemetry.InitDoneRecord{InitializationType: "on-demand", Phase: "init", Status: telemetry.StatusSuccess}
	s.api.tell(telemetry.InitRuntimeDone, done)
	done.Metrics = &telemetry.PhaseMetrics{DurationMs: inMilliseconds(time.Since(begun))}
	s.api.tell(telemetry.InitReport, done)
	return s, nil
}

// arrival waits for the extension's next request for an event.
func (s *Stage) arrival(ctx context.Context) (time.Time, error) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case at := <-s.api.arrived:
		return at, nil
	case err := <-s.api.failed:
		return time.Time{}, err
	case <-s.ended:
		return time.Time{}, fmt.Errorf("the extension has ended: %w\n%s", s.exit, s.output.Bytes())
	case <-timeout.C:
		s.signal(syscall.SIGQUIT) // a Go program tells what it is doing
		<-s.ended
		return time.Time{}, fmt.Errorf("the extension did not ask for an event within %v\n%s", limit, s.output.Bytes())
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// An Invocation is one to be played.
type Invocation struct {
	Calls   []Call
	Takes   time.Duration // the function, at least
	Timeout time.Duration // of the function
	Pause   time.Duration // after it, frozen
}

// A Result is what an invocation cost.
type Result struct {
	Hold time.Duration // from the function's end to the extension's request for an event; none if it had come before
	Late bool          // that was beyond the deadline
}

// Invoke plays an invocation.
func (s *Stage) Invoke(ctx context.Context, inv Invocation) (Result, error) {
	s.thaw()
	s.count++
	id := fmt.Sprintf("6d68ca91-49c9-448d-89b8-%012x", s.count)
	begun := time.Now()
	deadline := begun.Add(inv.Timeout)
	tracing := &telemetry.Tracing{SpanID: "53995c3f42cd8ad8", Type: "X-Amzn-Trace-Id", Value: trace}
	s.api.tell(telemetry.Start, telemetry.StartRecord{RequestID: id, Version: "$LATEST", Tracing: tracing})
	s.api.events <- fmt.Sprintf(`{"eventType":"INVOKE","deadlineMs":%d,"requestId":"%s","invokedFunctionArn":"%s","tracing":{"type":"X-Amzn-Trace-Id","value":"%s"}}`,
		deadline.UnixMilli(), id, arn, trace)
	if err := s.run(id, inv, begun, deadline); err != nil {
		return Result{}, err
	}
	end := time.Now()
	took, produced := inMilliseconds(end.Sub(begun)), 80
	s.api.tell(telemetry.RuntimeDone, telemetry.RuntimeDoneRecord{RequestID: id, Status: telemetry.StatusSuccess, Tracing: tracing,
		Metrics: &telemetry.PhaseMetrics{DurationMs: took, ProducedBytes: &produced}, Spans: []telemetry.Span{{Name: "responseLatency", Start: end, DurationMs: 0.3}}})
	at, err := s.arrival(ctx)
	if err != nil {
		return Result{}, err
	}
	r := Result{Hold: max(0, at.Sub(end)), Late: at.After(deadline)}
	if inv.Pause > 0 {
		s.freeze()
	}
	s.api.tell(telemetry.Report, telemetry.ReportRecord{RequestID: id, Status: telemetry.StatusSuccess, Tracing: tracing,
		Metrics: telemetry.ReportMetrics{DurationMs: took, BilledDurationMs: int64(took) + 1, MemorySizeMB: s.opt.Share.Memory(), MaxMemoryUsedMB: 90}})
	time.Sleep(inv.Pause)
	return r, nil
}

// run is the function.
func (s *Stage) run(id string, inv Invocation, begun, deadline time.Time) error {
	var file *file
	if s.hook != nil {
		var err error
		if file, err = s.hook.begin(id, deadline); err != nil {
			return err
		}
		for _, c := range inv.Calls {
			file.call(c)
		}
	}
	time.Sleep(inv.Takes - time.Since(begun))
	if file == nil {
		return nil
	}
	return file.finish(time.Since(begun))
}

func (s *Stage) freeze() {
	s.api.pause(true)
	s.frozen = s.signal(syscall.SIGSTOP)
}

func (s *Stage) thaw() {
	if s.frozen {
		s.frozen = !s.signal(syscall.SIGCONT)
		s.api.pause(false)
	}
}

func (s *Stage) signal(sig syscall.Signal) bool {
	return syscall.Kill(-s.command.Process.Pid, sig) == nil
}

// Shutdown ends the extension as Lambda does and gives what it wrote to its log.
func (s *Stage) Shutdown(ctx context.Context) (log string, err error) {
	s.thaw()
	s.api.flush(ctx)
	const budget = 2 * time.Second // of external extensions (docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)
	s.api.events <- fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":"spindown"}`, time.Now().Add(budget).UnixMilli())
	select {
	case <-s.ended:
	case <-time.After(limit):
		return "", fmt.Errorf("the extension did not end within %v", limit)
	}
	return s.output.String(), s.exit
}

// CPU is what the extension has had, to a hundredth of a second.
func (s *Stage) CPU() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	const user, tick = 11, 10 * time.Millisecond // fields behind the name, which may hold spaces (proc_pid_stat(5)); USER_HZ is 100 on all of Linux
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < user+2 {
		return 0, fmt.Errorf("read CPU time: %q", stat)
	}
	var ticks, system int64
	if _, err := fmt.Sscan(fields[user], &ticks); err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	if _, err := fmt.Sscan(fields[user+1], &system); err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	return time.Duration(ticks+system) * tick, nil
}

// Memory is what the extension has in memory now and has had at most, in bytes.
func (s *Stage) Memory() (now, peak int64, err error) {
	pid := s.command.Process.Pid
	if now, err = host.Status(pid, "VmRSS:"); err == nil {
		peak, err = host.Status(pid, "VmHWM:")
	}
	return now, peak, err
}

// Close ends whatever is left, and again does nothing.
func (s *Stage) Close() error {
	if s.command != nil && s.command.Process != nil {
		s.thaw()
		s.signal(syscall.SIGKILL) // nobody is left if it has ended
		<-s.ended
	}
	if s.api != nil {
		s.api.close()
		s.api = nil
	}
	return os.RemoveAll(s.dir)
}

// inMilliseconds is a duration as records have it, microseconds precise.
func inMilliseconds(d time.Duration) telemetry.Milliseconds {
	return telemetry.Milliseconds(float64(d.Microseconds()) / 1000)
}

// Total is the CPU time of the extension's whole life, after Shutdown.
func (s *Stage) Total() time.Duration {
	return s.command.ProcessState.UserTime() + s.command.ProcessState.SystemTime()
}
