// Package otelcol runs OpenTelemetry's own Collector to test against: what it takes is OTLP, whoever reads the specification how.
//
// It takes the Collector's program (internal/tools builds it) and what it shall be like: with TLS, short of memory, with a limit for
// requests. It gives a running Collector on loopback that sends everything on to a receiver, at once and without a second try, and answers
// with what became of that.
//
// It promises that the Collector listens when Start returns, and that it ends with Stop, or with this process, however that ends.
package otelcol

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say what the Collector is like.
type Options struct {
	Binary string // its program
	Dir    string // for its configuration
	Addr   string // host:port on loopback; "" is a free port

	Forward string // base of the OTLP/HTTP receiver that gets everything

	CertFile, KeyFile string // make it HTTPS
	ClientCAFile      string // asks clients for a certificate of this authority
	ShortOfMemory     bool   // its memory_limiter refuses whatever comes
	MaxBody           int    // bytes of a request, decompressed; 0 is its own default, 20 MiB
}

// A Collector is a running Collector.
type Collector struct {
	scheme, addr, metrics string

	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every line
	log     []string
	gone    bool // its output has ended
}

// Words of the Collector's log that its state is known by.
const (
	saysReady   = "Everything is ready. Begin running and processing data."
	saysRefuses = "Refusing data."
)

// leash ends the Collector when its standard input ends: as Stop does, and as the kernel does should this process be killed.
const leash = `exec 3<&0; "$@" 3<&- & pid=$!; { read -r _ <&3; kill "$pid"; } >/dev/null 2>&1 & wait "$pid"`

// killAfter is how long an orderly end may take: it has nothing in queues.
const killAfter = 10 * time.Second

// tries of finding a free port: what is free when asked may be taken a moment later.
const tries = 3

// Start runs a Collector and returns when it takes requests.
func Start(ctx context.Context, o Options) (*Collector, error) {
	var err error
	for range tries {
		var c *Collector
		if c, err = start(ctx, o); err == nil {
			return c, nil
		}
		if o.Addr != "" || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start the OpenTelemetry Collector: %w", err)
}

func start(ctx context.Context, o Options) (*Collector, error) {
	c := &Collector{scheme: "http", addr: o.Addr, ended: make(chan struct{}), changed: make(chan struct{})}
	if o.CertFile != "" {
		c.scheme = "https"
	}
	var err error
	if c.addr == "" {
		if c.addr, err = freeAddr(ctx); err != nil {
			return nil, err
		}
	}
	if c.metrics, err = freeAddr(ctx); err != nil {
		return nil, err
	}
	config, err := json.Marshal(c.configuration(o)) // JSON is YAML
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	path := filepath.Join(o.Dir, "otelcol.yaml")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	if err := c.run(o.Binary, path); err != nil {
		return nil, err
	}
	awaited := []string{saysReady}
	if o.ShortOfMemory {
		awaited = append(awaited, saysRefuses)
	}
	for _, words := range awaited {
		if err := c.Await(ctx, words); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	return c, nil
}

func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return addr, nil
}

// run starts the program on its leash. It gets nothing of this process' environment: what a developer has set for OpenTelemetry is not meant for it.
func (c *Collector) run(binary, config string) error {
	cmd := exec.Command("sh", "-c", leash, "otelcol", binary, "--config", config) //nolint:noctx // Stop ends it, in order
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // one name for it and its leash
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd, c.stdin = cmd, stdin
	go func() {
		defer close(c.ended)
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			c.say(lines.Text(), false)
		}
		c.say("", true)
		_, _ = io.Copy(io.Discard, output) // after a line that was too long for the scanner
		_ = cmd.Wait()                     // how it ended is in its log
	}()
	return nil
}

func (c *Collector) say(line string, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone {
		c.gone = true
	} else {
		c.log = append(c.log, line)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// Await waits until the Collector has logged something.
func (c *Collector) Await(ctx context.Context, words string) error {
	for {
		c.mu.Lock()
		log, gone, changed := strings.Join(c.log, "\n"), c.gone, c.changed
		c.mu.Unlock()
		switch {
		case strings.Contains(log, words):
			return nil
		case gone:
			return fmt.Errorf("it ended without having said %q:\n%s", words, log)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for it to say %q: %w; it said\n%s", words, ctx.Err(), log)
		}
	}
}

// Log gives what the Collector has printed.
func (c *Collector) Log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.log, "\n")
}

// URL is the base to give as OTEL_EXPORTER_OTLP_ENDPOINT.
func (c *Collector) URL() string { return c.scheme + "://" + c.addr }

// Addr is the host:port that another Collector may take after this one has stopped.
func (c *Collector) Addr() string { return c.addr }

// ErrKilled says that a Collector did not end when it was asked to.
var ErrKilled = errors.New("the Collector did not end by itself and was killed")

// Stop ends the Collector as an operator would, and waits for its end. A second Stop does nothing.
func (c *Collector) Stop() error {
	_ = c.stdin.Close()
	select {
	case <-c.ended:
		return nil
	case <-time.After(killAfter):
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
	return ErrKilled
}
