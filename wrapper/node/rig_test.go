package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// patience bounds every wait of these tests. Nothing here takes a tenth of it on a machine that does little else.
const patience = 60 * time.Second

// runtimeNames are the runtimes that the hook is tested on, each with AWS's own client.
var runtimeNames = []string{"nodejs20.x", "nodejs22.x", "nodejs24.x"}

// eachRuntime runs a test once for each runtime.
func eachRuntime(t *testing.T, test func(t *testing.T, rt runtimes.Runtime)) {
	t.Helper()
	for _, name := range runtimeNames {
		t.Run(name, func(t *testing.T) {
			test(t, find(t, name))
		})
	}
}

// aRuntime runs a test on one of them: what it looks at depends neither on the client nor on the version.
func aRuntime(t *testing.T, test func(t *testing.T, rt runtimes.Runtime)) {
	t.Helper()
	test(t, find(t, "nodejs22.x"))
}

// find gives a runtime. On a machine that cannot have it the test is skipped, but not where tests have to be complete.
func find(t *testing.T, name string) runtimes.Runtime {
	t.Helper()
	rt, err := runtimes.Find(context.Background(), name, runtimes.Options{Progress: os.Stderr})
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("find runtime: %v", err)
		}
		t.Skipf("NOT TESTED on %s: %v", name, err)
	}
	return rt
}

// node is the interpreter of a runtime.
func node(rt runtimes.Runtime) string { return filepath.Join(rt.Lang, "bin", "node") }

// argv is what the runtime's bootstrap would start, with the paths of this machine.
func argv(rt runtimes.Runtime, env map[string]string) []string {
	out := rt.Argv(512, env)
	for i, a := range out {
		a = strings.Replace(a, "/var/lang/", rt.Lang+"/", 1)
		out[i] = strings.Replace(a, "/var/runtime/", rt.Dir+"/", 1)
	}
	return out
}

// A story is a function and what happens to it.
type story struct {
	handler string   // _HANDLER, in testdata of this directory
	events  []string // JSON; the environment is stopped when all were answered
	env     map[string]string
	prepare []string // argv put before the wrapper's: prlimit and the like
	hook    string   // another exec-wrapper than this repository's
	pause   func(n int)
}

// A post is what the runtime client sent to the Runtime API.
type post struct {
	Path    string
	Headers string
	Body    string
}

// A result is what can be seen of a run from outside.
type result struct {
	Posts  []post
	Stdout string
	Stderr string
	Exit   string // how the process ended, if it did so by itself
}

// run runs a story in a process of its own, with or without the hook.
func run(t *testing.T, rt runtimes.Runtime, s story, hooked bool, spool string) result {
	t.Helper()
	api := newRuntimeAPI(t, s)
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "LANG": "en_US.UTF-8", "TZ": ":UTC",
		"AWS_LAMBDA_RUNTIME_API": api.address, "_HANDLER": s.handler, "LAMBDA_TASK_ROOT": taskRoot(t), "LAMBDA_RUNTIME_DIR": rt.Dir,
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + rt.Name, "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
		"AFTERGLOW_SPOOL_DIR": spool,
	}
	for k, v := range rt.Env {
		env[k] = strings.ReplaceAll(v, "/var/runtime", rt.Dir)
	}
	maps.Copy(env, s.env)
	args := argv(rt, env)
	if hooked {
		hook := s.hook
		if hook == "" {
			hook = absolute(t, "../exec-wrapper")
		}
		args = append([]string{"/bin/sh", hook}, args...)
	} else { // a shell comes first here too: it puts variables of its own into the environment
		args = append([]string{"/bin/sh", "-c", `exec "$@"`, "sh"}, args...)
	}
	args = append(slices.Clone(s.prepare), args...)
	return api.watch(t, args, env)
}

// A runtimeAPI is the part of Lambda that the runtime client talks to.
type runtimeAPI struct {
	address string
	story   story

	mu    sync.Mutex
	next  int
	posts []post
	came  *sync.Cond    // signalled with every post; its lock is mu
	idle  chan struct{} // closed when the client asks for more than there is
}

func newRuntimeAPI(t *testing.T, s story) *runtimeAPI {
	t.Helper()
	api := &runtimeAPI{story: s, idle: make(chan struct{})}
	api.came = sync.NewCond(&api.mu)
	// The same address for both runs of a story: it is in the environment that functions may print.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api.address = l.Addr().String()
	server := &http.Server{Handler: api, ReadHeaderTimeout: patience}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return api
}

func (api *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/2018-06-01/runtime/invocation/next" {
		api.serveNext(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	api.mu.Lock()
	defer api.mu.Unlock()
	p := post{Path: r.URL.Path, Headers: list(r.Header) + list(r.Trailer), Body: string(body)}
	if err != nil {
		p.Body += fmt.Sprintf(" (%v)", err)
	}
	api.posts = append(api.posts, p)
	api.came.Broadcast()
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"status":"OK"}`)
}

func (api *runtimeAPI) serveNext(w http.ResponseWriter, r *http.Request) {
	api.mu.Lock()
	n := api.next
	api.next++
	api.mu.Unlock()
	if n >= len(api.story.events) {
		close(api.idle)
		<-r.Context().Done()
		return
	}
	if api.story.pause != nil {
		api.story.pause(n)
	}
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", requestID(n))
	h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(patience).UnixMilli()))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", arn)
	h.Set("Lambda-Runtime-Trace-Id", trace)
	h.Set("Lambda-Runtime-Aws-Tenant-Id", "tenant-1")
	h.Set("Content-Type", "application/json")
	io.WriteString(w, api.story.events[n])
}

const (
	arn   = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
	trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
)

func requestID(n int) string { return fmt.Sprintf("6d68ca91-49c9-448d-89b8-%012d", n) }

// watch starts the process and waits until it asks for an invocation too many or ends by itself.
func (api *runtimeAPI) watch(t *testing.T, args []string, env map[string]string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = taskRoot(t)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	kill := func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	r := result{}
	select {
	case err := <-ended:
		r.Exit = exitOf(err)
	case <-api.idle:
		api.waitForPosts(len(api.story.events))
		kill()
		<-ended
	case <-time.After(patience):
		kill()
		<-ended
		t.Fatalf("%s did neither answer nor end\nstdout:\n%s\nstderr:\n%s", api.story.handler, &stdout, &stderr)
	}
	kill() // children that were left behind
	api.mu.Lock()
	defer api.mu.Unlock()
	r.Posts, r.Stdout, r.Stderr = api.posts, plain(stdout.String(), api.address), plain(stderr.String(), api.address)
	for i := range r.Posts {
		r.Posts[i].Body = plain(r.Posts[i].Body, api.address)
	}
	return r
}

// waitForPosts waits until every event has its outcome: client 4 asks for the next one while an error at the end of a stream
// is still on its way.
func (api *runtimeAPI) waitForPosts(n int) {
	timer := time.AfterFunc(patience, func() {
		api.mu.Lock()
		defer api.mu.Unlock()
		n = 0
		api.came.Broadcast()
	})
	defer timer.Stop()
	api.mu.Lock()
	defer api.mu.Unlock()
	for len(api.posts) < n {
		api.came.Wait()
	}
}

func exitOf(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.String()
	}
	return fmt.Sprint(err)
}

var (
	timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`)
	process   = regexp.MustCompile(`\(node:\d+\)`)
)

// plain takes out what differs between two runs of the same story: the time, the process id and the API's port.
func plain(s, address string) string {
	s = strings.ReplaceAll(s, address, "API")
	return process.ReplaceAllString(timestamp.ReplaceAllString(s, "TIME"), "(node:PID)")
}

func list(h http.Header) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(&b, "%s: %q\n", k, h[k])
	}
	return b.String()
}

func taskRoot(t *testing.T) string { return absolute(t, "tests/functions") }

func absolute(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
