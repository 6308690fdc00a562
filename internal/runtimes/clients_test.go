package runtimes

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait of these tests: what has not come by then will not come.
const patience = 20 * time.Second

// runtimeAPI is a Runtime API that a client is watched through: what it sends, and what it does with what no
// local Lambda sends.
type runtimeAPI struct {
	*httptest.Server
	events chan http.Header // of each event; its body is {}
	posts  chan post
}

type post struct {
	path   string
	header http.Header
	body   string
}

func newRuntimeAPI(t *testing.T, events ...http.Header) *runtimeAPI {
	api := &runtimeAPI{events: make(chan http.Header, len(events)), posts: make(chan post, 10)}
	for i, e := range events {
		e.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("event-%d", i))
		api.events <- e
	}
	api.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			select {
			case e := <-api.events:
				for name := range e {
					w.Header().Set(name, e.Get(name))
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, "{}")
			case <-r.Context().Done():
			}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read what the client sent: %v", err)
		}
		api.posts <- post{strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/"), r.Header, string(body)}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(api.Close)
	return api
}

func (a *runtimeAPI) post(t *testing.T) post {
	t.Helper()
	select {
	case p := <-a.posts:
		return p
	case <-time.After(patience):
		t.Fatal("the client sent nothing")
		return post{}
	}
}

// startClient runs a runtime in its folders as they are, without a local Lambda around it. The function
// returned ends it and gives what it wrote to descriptor 3 and to the standard outputs.
func startClient(t *testing.T, rt Runtime, api *runtimeAPI, code string, env map[string]string) (end func() (channel []byte, output string)) {
	t.Helper()
	real := func(path string) string {
		for seen, is := range map[string]string{"/var/lang": rt.Lang, "/var/runtime": rt.Dir} {
			if rest, ok := strings.CutPrefix(path, seen); ok {
				return is + rest
			}
		}
		return path
	}
	argv := []string{"-c", rt.Script + `exec "$@"`, "bootstrap"}
	for _, a := range rt.Command {
		argv = append(argv, real(a))
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/bin/sh", argv...)
	cmd.Dir = code
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LAMBDA_TASK_ROOT=" + code, "LAMBDA_RUNTIME_DIR=" + rt.Dir,
		"AWS_LAMBDA_RUNTIME_API=" + api.Listener.Addr().String(),
		"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1", // which the client must not take
	}
	for name, value := range rt.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	channel, err := os.Create(filepath.Join(t.TempDir(), "channel"))
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	var output bytes.Buffer
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{channel}, &output, &output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() ([]byte, string) {
		t.Helper()
		cancel()
		_ = cmd.Wait() // it was killed, unless it has ended by itself
		written, err := os.ReadFile(channel.Name())
		if err != nil {
			t.Fatal(err)
		}
		return written, output.String()
	}
}

// frames takes the messages out of what was written to a log channel.
func frames(t *testing.T, channel []byte) []string {
	t.Helper()
	var messages []string
	for len(channel) > 0 {
		if len(channel) < 16 {
			t.Fatalf("half a head: %q", channel)
		}
		size := int(binary.BigEndian.Uint32(channel[4:]))
		at := time.UnixMicro(int64(binary.BigEndian.Uint64(channel[8:])))
		if kind := binary.BigEndian.Uint32(channel); kind != 0xa55a0003 || len(channel) < 16+size || time.Since(at).Abs() > time.Hour {
			t.Fatalf("head of kind %#x, %d bytes, of %v", kind, size, at)
		}
		messages = append(messages, string(channel[16:16+size]))
		channel = channel[16+size:]
	}
	return messages
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkCause looks whether an error, and nothing else, carries what X-Ray is told.
func checkCause(t *testing.T, p post, is bool) {
	t.Helper()
	cause := p.header.Get("Lambda-Runtime-Function-XRay-Error-Cause")
	if !is {
		if cause != "" {
			t.Errorf("a cause of nothing: %s", cause)
		}
		return
	}
	var got struct {
		Dir        string `json:"working_directory"`
		Exceptions []struct {
			Message string
			Stack   []struct {
				Path, Label string
				Line        int
			}
		}
	}
	if err := json.Unmarshal([]byte(cause), &got); err != nil || got.Dir == "" || len(got.Exceptions) != 1 || len(got.Exceptions[0].Stack) == 0 {
		t.Errorf("cause is %s (%v)", cause, err)
	}
}
