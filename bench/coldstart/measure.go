//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

const (
	// limit bounds one run. The slowest known extension needs a second at 128 MB.
	limit = 30 * time.Second
	// settle is how long a program may go on with what it postponed until after its first request for an event, before its memory
	// is read.
	settle = 100 * time.Millisecond
)

// A sample is one run.
type sample struct {
	register time.Duration // from just before fork to the arrival of register
	ready    time.Duration // … of the first request for an event
	cpu      time.Duration // user and system, from exec to the exit after SHUTDOWN
	rss      int64         // bytes at idle
}

// measure runs a program through a life without an invocation.
func measure(ctx context.Context, p program, share *host.Share) (s sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	api, err := startAPI(ctx)
	if err != nil {
		return sample{}, err
	}
	defer api.close()
	tmp, err := os.MkdirTemp("", "coldstart-")
	if err != nil {
		return sample{}, fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(tmp)

	var output bytes.Buffer
	command := exec.CommandContext(ctx, p.file)
	port, err := freePort(ctx)
	if err != nil {
		return sample{}, err
	}
	command.Env = environment(api.address, tmp, port)
	command.Dir = tmp
	command.Stdout, command.Stderr = &output, &output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }

	started, err := share.Start(command)
	if err != nil {
		return sample{}, fmt.Errorf("start: %w", err)
	}
	ended := make(chan struct{})
	var exit error
	go func() {
		defer close(ended)
		exit = command.Wait()
	}()
	s, err = follow(api, started, ended, command.Process.Pid)
	if err != nil {
		cancel() // kills it, if it still lives
	}
	<-ended // by SHUTDOWN, the limit, or the line above
	if err := errors.Join(err, exit); err != nil {
		return sample{}, fmt.Errorf("%w\n%s", err, output.Bytes())
	}
	s.cpu = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return s, nil
}

// errEnded is only ever seen beside the program's own exit.
var errEnded = errors.New("ended before its first request for an event was there")

// follow takes the times, reads the memory, and tells the program to end.
func follow(api *api, started time.Time, ended <-chan struct{}, pid int) (s sample, err error) {
	for _, wait := range []struct {
		arrival <-chan time.Time
		into    *time.Duration
	}{{api.registered, &s.register}, {api.ready, &s.ready}} {
		select {
		case at := <-wait.arrival:
			*wait.into = at.Sub(started)
		case <-ended:
			return s, errEnded
		case err := <-api.failed:
			return s, err
		}
	}
	select {
	case <-time.After(settle):
	case err := <-api.failed:
		return s, err
	}
	if s.rss, err = host.Status(pid, "VmRSS:"); err != nil {
		return s, err
	}
	close(api.shutdown)
	select {
	case <-ended:
		return s, nil
	case err := <-api.failed:
		return s, err
	}
}

// environment is what Lambda gives an extension, as far as any of them looks at it, and nothing of this process's own.
func environment(address, tmp, port string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + address,
		"AWS_LAMBDA_FUNCTION_NAME=coldstart",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_REGION=eu-west-1",
		"AWS_DEFAULT_REGION=eu-west-1",
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
		"TMPDIR=" + tmp,
		"AFTERGLOW_SPOOL_DIR=" + tmp + "/afterglow",
		// A port that nobody listens on: a cold start has nothing to send.
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9",
		"TELEMETRY_PORT=" + port, // of bench/floors/rust; Afterglow's takes any
	}
}

// freePort finds a port to listen on; between here and there another could take it, which no run has seen.
func freePort(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	defer func() { _ = listener.Close() }() // it was only asked for its port
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
