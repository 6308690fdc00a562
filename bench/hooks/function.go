//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// patience bounds whatever a function is waited for.
const patience = 60 * time.Second

// memoryMB is what the function's bootstrap is told that it has: the smallest with a whole core, so that runtimes set themselves up as on one.
const memoryMB = host.MemoryOfOneCore

// A function is a process of a runtime, with or without a hook.
type function struct {
	variant variant
	api     *runtimeAPI
	dir     string // of its own: spool, and what it appends to
	command *exec.Cmd
	output  bytes.Buffer // to be read when it has ended
	ended   chan struct{}
	exit    error
	ready   time.Duration // from its start to its first request for an event
	begun   time.Duration // CPU that it took until then
}

// launch says what to start.
type launch struct {
	program program
	variant variant
	handler string
	library string
	share   *host.Share
	env     map[string]string // for this measurement, in every variant
}

// start starts a function and waits until it asks for its first event.
func (shop *workshop) start(ctx context.Context, l launch) (f *function, err error) {
	f = &function{variant: l.variant, ended: make(chan struct{})}
	if f.dir, err = os.MkdirTemp(shop.dir, "function-"); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	if err := os.Mkdir(f.spool(), 0o700); err != nil { // as the extension does before the runtime starts
		return nil, fmt.Errorf("make spool: %w", err)
	}
	if f.api, err = startAPI(ctx); err != nil {
		return nil, err
	}
	argv, env := shop.commandLine(l, f)
	f.command = exec.CommandContext(ctx, argv[0], argv[1:]...)
	f.command.Dir = l.program.code
	for name, value := range env {
		f.command.Env = append(f.command.Env, name+"="+value)
	}
	f.command.Stdout, f.command.Stderr = &f.output, &f.output
	f.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, err := startOnOneCore(f.command, l.share)
	if err != nil {
		f.api.close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	go func() {
		f.exit = f.command.Wait()
		close(f.ended)
	}()
	asked, err := f.asked(ctx)
	if err == nil {
		f.ready = asked.Sub(started)
		f.begun, err = f.cpu()
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// commandLine gives what Lambda would start and in which environment, with the paths of this machine.
func (shop *workshop) commandLine(l launch, f *function) ([]string, map[string]string) {
	rt := l.program.rt
	inside := strings.NewReplacer("/var/lang", rt.Lang, "/var/runtime", rt.Dir)
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "LANG": "en_US.UTF-8", "TZ": ":UTC", "HOME": f.dir,
		"AWS_LAMBDA_RUNTIME_API": f.api.address, "_HANDLER": l.handler, "LAMBDA_TASK_ROOT": l.program.code, "LAMBDA_RUNTIME_DIR": rt.Dir,
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + rt.Name, "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(memoryMB), "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AFTERGLOW_SPOOL_DIR": f.spool(), "BENCH_LIBRARY": l.library,
	}
	for name, value := range rt.Env {
		env[name] = inside.Replace(value)
	}
	maps.Copy(env, l.program.env)
	maps.Copy(env, l.env)
	argv := rt.Argv(memoryMB, env)
	for i, a := range argv {
		argv[i] = inside.Replace(a)
	}
	if rt.Script != "" {
		argv = append([]string{"/bin/sh", "-c", inside.Replace(rt.Script) + "\n" + `exec "$@"`, "sh"}, argv...)
	}
	switch l.variant {
	case hook:
		env["AWS_LAMBDA_EXEC_WRAPPER"] = filepath.Join(shop.layer, "exec-wrapper")
		argv = append([]string{"/bin/sh", env["AWS_LAMBDA_EXEC_WRAPPER"]}, argv...)
	case discarding, exporting:
		env["BENCH_OTEL"] = string(l.variant)
		env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = shop.url + collector
		fallthrough
	default: // a shell comes first here too: its start is none of the hook's cost
		argv = append([]string{"/bin/sh", "-c", `exec "$@"`, "sh"}, argv...)
	}
	if l.program.start != nil {
		argv = l.program.start(l.variant, argv, env)
	}
	return argv, env
}

func (f *function) spool() string { return filepath.Join(f.dir, "spool") }

// appended is a file beside the spool.
func (f *function) appended() string { return filepath.Join(f.dir, "appended") }

// asked waits until the function asks for an event, and tells when.
func (f *function) asked(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case at := <-f.api.asked:
		return at, nil
	case err := <-f.api.failed:
		return time.Time{}, err
	case <-f.ended:
		return time.Time{}, fmt.Errorf("the function ended: %w\n%s", f.exit, f.output.Bytes())
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("wait for the function: %w", ctx.Err())
	}
}

// invoke plays one invocation and gives the CPU time that the process took, until it asks for the next event.
func (f *function) invoke(ctx context.Context, payload []byte) (time.Duration, error) {
	before, err := f.cpu()
	if err != nil {
		return 0, err
	}
	f.api.events <- payload
	if _, err := f.asked(ctx); err != nil {
		return 0, err
	}
	after, err := f.cpu()
	return after - before, err
}

// cpu is the time that all threads of the process have had so far, user and system, to the nanosecond: the process' own clock, whose number is made of its
// id (clock_getcpuclockid(3), glibc's and Linux' own MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED).
func (f *function) cpu() (time.Duration, error) {
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^f.command.Process.Pid<<3|sched), &t); err != nil { //nolint:gosec // a process' id fits
		return 0, fmt.Errorf("read the clock of process %d: %w", f.command.Process.Pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// collect does what the extension does between invocations: it takes the files that are done. It gives their bytes.
func (f *function) collect() (int64, error) {
	files, err := filepath.Glob(filepath.Join(f.spool(), "*.done"))
	if err != nil {
		return 0, fmt.Errorf("collect: %w", err)
	}
	bytes := int64(0)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, fmt.Errorf("collect: %w", err)
		}
		bytes += info.Size()
		if err := os.Remove(file); err != nil {
			return 0, fmt.Errorf("collect: %w", err)
		}
	}
	if err := os.Truncate(f.appended(), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("collect: %w", err)
	}
	return bytes, nil
}

func (f *function) close() error {
	f.api.close()
	select {
	case <-f.ended:
	default:
		if err := f.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("end the function: %w", err)
		}
		<-f.ended
	}
	return nil
}
