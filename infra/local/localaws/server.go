// Package localaws is an AWS on this machine that takes a real `cdk deploy`: MiniStack, listening on
// loopback, and the CDK CLI pointed at it.
//
// It takes the commands that package tools installed and a folder for what they write. Nothing of it
// reads the user's AWS settings or reaches a real account, and its state is gone when it stops.
package localaws

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

// What MiniStack takes without being told otherwise. Any credentials will do, but it wants some.
const (
	Account   = "000000000000"
	Region    = "us-east-1"
	AccessKey = "local"
	SecretKey = "local"
)

const (
	host = "127.0.0.1"

	// healthPath answers as soon as MiniStack serves.
	healthPath = "/_ministack/health"

	// readyWithin bounds MiniStack's start: about one second on a laptop, several on a busy machine
	// that reads its modules for the first time.
	readyWithin = 60 * time.Second

	// readyEvery is how often it is asked: a program cannot tell us that it listens.
	readyEvery = 50 * time.Millisecond
)

// mend is what Python runs before MiniStack; see there.
//
//go:embed python/sitecustomize.py
var mend []byte

// Options say how a server runs.
type Options struct {
	Command []string  // that runs MiniStack
	Dir     string    // for what it writes; removed by Stop
	Port    int       // 0 means a free one
	Output  io.Writer // of its log; may be nil
	Place             // that it stands for
}

// Place is an account and a region; what is empty is the default.
type Place struct{ Account, Region string }

// OrDefault fills in what is empty.
func (p Place) OrDefault() Place {
	if p.Account == "" {
		p.Account = Account
	}
	if p.Region == "" {
		p.Region = Region
	}
	return p
}

// Key is an access key for the account. The CDK CLI remembers which account a key belongs to, so two accounts have two;
// MiniStack takes a key that is an account's number for that account's.
func (p Place) Key() string {
	if p.Account == "" || p.Account == Account {
		return AccessKey
	}
	return p.Account
}

// Server is a running local AWS.
type Server struct {
	process  *child.Process
	endpoint string
	dir      string
}

// Start starts MiniStack and waits until it answers.
func Start(ctx context.Context, opt Options) (*Server, error) {
	port, err := choosePort(ctx, opt.Port)
	if err != nil {
		return nil, fmt.Errorf("start MiniStack: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(opt.Dir, "tmp"), 0o755); err != nil {
		return nil, fmt.Errorf("start MiniStack: make folder: %w", err)
	}
	if err := writeMend(opt.Dir); err != nil {
		return nil, fmt.Errorf("start MiniStack: %w", err)
	}
	process, err := child.Start(child.Command{
		Name: "MiniStack", Args: opt.Command, Dir: opt.Dir, Env: serverEnv(opt.Dir, port, opt.OrDefault()), Output: opt.Output,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{process: process, endpoint: fmt.Sprintf("http://%s:%d", host, port), dir: opt.Dir}
	if err := s.waitReady(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start MiniStack: %w", err)
	}
	return s, nil
}

// choosePort checks that a wanted port is free, or finds one that is.
func choosePort(ctx context.Context, wanted int) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(wanted)))
	if err != nil {
		return 0, fmt.Errorf("port %d is taken; choose another or none: %w", wanted, err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("give port %d back: %w", port, err)
	}
	return port, nil
}

// writeMend puts the module where Python finds it.
func writeMend(dir string) error {
	if err := os.MkdirAll(mendFolder(dir), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(mendFolder(dir), "sitecustomize.py"), mend, 0o644); err != nil {
		return fmt.Errorf("write module: %w", err)
	}
	return nil
}

func mendFolder(dir string) string { return filepath.Join(dir, "python") }

// leadFile has the address at which functions are invoked.
func leadFile(dir string) string { return filepath.Join(dir, "lead") }

// Lead has every function, deployed already or not, invoked at base with its name behind it. Nothing of it shows in the
// function's configuration.
func (s *Server) Lead(base string) error {
	half := leadFile(s.dir) + ".half" // who reads the file sees all of it
	if err := os.WriteFile(half, []byte(base), 0o644); err != nil {
		return fmt.Errorf("lead invocations to %s: %w", base, err)
	}
	if err := os.Rename(half, leadFile(s.dir)); err != nil {
		return fmt.Errorf("lead invocations to %s: %w", base, err)
	}
	return nil
}

// serverEnv is all that MiniStack sees. In particular it does not see the user's AWS settings.
func serverEnv(dir string, port int, place Place) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir,
		"TMPDIR=" + filepath.Join(dir, "tmp"),
		"LANG=C.UTF-8",
		"PYTHONUNBUFFERED=1",
		"PYTHONPATH=" + mendFolder(dir),
		"AFTERGLOW_LEAD=" + leadFile(dir),
		"GATEWAY_PORT=" + strconv.Itoa(port),
		"BIND_HOST=" + host,      // otherwise every interface
		"MINISTACK_HOST=" + host, // in the addresses that it hands out: queue URLs, code locations
		"MINISTACK_REGION=" + place.Region,
		"MINISTACK_ACCOUNT_ID=" + place.Account,
		"PERSIST_STATE=0",
		"STATE_DIR=" + filepath.Join(dir, "state"),
		"S3_DATA_DIR=" + filepath.Join(dir, "s3"),
	}
}

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	var last error
	for {
		if last = s.healthy(ctx); last == nil {
			return nil
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("it ended at once: %w", errors.Join(s.process.Err(), errors.New(s.process.Tail())))
		case <-ctx.Done():
			return fmt.Errorf("it does not answer at %s: %w (%w)", s.endpoint, ctx.Err(), last)
		case <-ticker.C:
		}
	}
}

func (s *Server) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+healthPath, nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	response, err := directClient().Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for health: it answers %s", response.Status)
	}
	return nil
}

// directClient asks without the user's proxy: what we ask is on this machine.
func directClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// Endpoint is what AWS_ENDPOINT_URL has to be.
func (s *Server) Endpoint() string { return s.endpoint }

// Pid is the server's process id.
func (s *Server) Pid() int { return s.process.Pid() }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Stop ends the server and removes its files.
func (s *Server) Stop() {
	s.process.Stop(child.Grace)
	_ = os.RemoveAll(s.dir) // what cannot be removed is in the checkout's ignored folder
}
