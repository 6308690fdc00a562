package dotnet

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// program is one of tests/, built with the hook's source if it looks inside.
type program struct {
	dotnet, dll string
}

func build(t *testing.T, name string, inside bool) program {
	t.Helper()
	rt, err := runtimes.Find(t.Context(), "dotnet9", runtimes.Options{Progress: os.Stderr})
	if err != nil {
		missing(t, err)
	}
	dir := t.TempDir()
	c := runtimes.CSharp{Out: filepath.Join(dir, name+".dll"), Program: true, Sources: []string{filepath.Join("tests", name+".cs")}}
	if inside {
		c.Sources = append(sources(t), c.Sources...)
	}
	compile(t, c)
	config := filepath.Join(dir, name+".runtimeconfig.json")
	if err := os.WriteFile(config, []byte(`{"runtimeOptions":{"rollForward":"LatestMajor","framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return program{dotnet: filepath.Join(rt.Lang, "bin", "dotnet"), dll: c.Out}
}

// run gives what a program prints. Its environment is env alone.
func (p program) run(t *testing.T, env []string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), p.dotnet, append([]string{"exec", p.dll}, args...)...)
	command.Env = append([]string{"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1", "PATH=" + os.Getenv("PATH")}, env...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(p.dll), err, out)
	}
	return string(out)
}

// TestUnits runs the tests that are written in C#, on the hook's source.
func TestUnits(t *testing.T) {
	if out := build(t, "Units", true).run(t, nil); out != "" {
		t.Error(out)
	}
}

// listen answers every request and keeps what arrived, byte for byte.
func listen(t *testing.T) (address string, taken func() string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var mu sync.Mutex
	var arrived strings.Builder
	serve := func(connection net.Conn) {
		defer func() { _ = connection.Close() }()
		var raw strings.Builder
		in := bufio.NewReader(io.TeeReader(connection, &raw))
		for {
			request, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, request.Body); err != nil {
				return
			}
			mu.Lock()
			arrived.WriteString(raw.String())
			mu.Unlock()
			raw.Reset()
			if _, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nok"); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(connection)
		}
	}()
	return "http://" + listener.Addr().String(), func() string {
		mu.Lock()
		defer mu.Unlock()
		all := arrived.String()
		arrived.Reset()
		return all
	}
}

// variable is what differs from run to run: ids of Activities, and the address.
var variable = regexp.MustCompile(`(traceparent: 00-)([0-9a-f]{32})-([0-9a-f]{16})|span: ([0-9a-f]{16})`)

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRequestsStayAsTheyAre sends requests without the hook and with it: what a listener may change is sent as it was. With the hook, they are recorded.
func TestRequestsStayAsTheyAre(t *testing.T) {
	p := build(t, "Probe", false)
	address, taken := listen(t)
	hook := "DOTNET_STARTUP_HOOKS=" + absolute(t, startName)
	dir := filepath.Join(t.TempDir(), "deep", "spool")
	hooked := []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", "AFTERGLOW_SPOOL_DIR=" + dir, hook}
	ids := func(text string) string {
		return variable.ReplaceAllStringFunc(text, func(id string) string {
			if strings.Contains(id, "1111111111111111") { // the function's own
				return id
			}
			return variable.ReplaceAllString(id, "${1}ID")
		})
	}
	out := p.run(t, nil, address)
	plain := taken()
	hookedOut := p.run(t, hooked, address)
	seen := taken()
	if ids(seen) != ids(plain) || !strings.Contains(plain, "/active") {
		t.Errorf("without:\n%s\nwith:\n%s", plain, seen)
	}
	if want := strings.Replace(ids(out), "ours: \n", "ours: afterglow-start,afterglow\n", 1); ids(hookedOut) != want {
		t.Errorf("it printed:\n%s\nwant:\n%s", hookedOut, want)
	}
	// The span that is sent is one of HttpClient's own, below the function's: the function's is not sent instead.
	if span := regexp.MustCompile(`span: ([0-9a-f]{16})`).FindStringSubmatch(hookedOut); span == nil || strings.Contains(seen, span[1]) {
		t.Errorf("the span %v was sent:\n%s", span, seen)
	}
	checkRecorded(t, dir, address)
}

func checkRecorded(t *testing.T, dir, address string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "init.*.done"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the spool has %q, %v", files, err)
	}
	var starts []spool.Record
	ends := 0
	if _, err := spool.Read(read(t, files[0]), func(r spool.Record) error {
		switch r.Kind {
		case spool.KindCallStart:
			starts = append(starts, r)
		case spool.KindCallEnd:
			ends++
			if r.Status != http.StatusOK || len(r.Headers) != 3 || r.Headers[2] != [2]string{"X-A", "2"} && r.Headers[1] != [2]string{"X-A", "2"} {
				t.Errorf("an end is %+v", r)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(starts) != 4 || ends != 4 {
		t.Fatalf("%d starts and %d ends", len(starts), ends)
	}
	if want := address + "/plain?a=b%20c"; starts[0].URL != want || starts[0].Method != "GET" || starts[0].Library != "HttpClient" {
		t.Errorf("the first is %+v, want %s", starts[0].Header, want)
	}
	if part, body, ok := starts[1].Part(spool.PartRequest); !ok || string(body) != `{"é":1}` || part.Truncated {
		t.Errorf("the second has %+v %q", part, body)
	}
}

// TestNothingIsTouched: switched off, or where HttpClient tells nothing, the hook leaves no trace but what it says.
func TestNothingIsTouched(t *testing.T) {
	p := build(t, "Probe", false)
	address, _ := listen(t)
	ours := absolute(t, startName)
	other := filepath.Join(t.TempDir(), "other.dll")
	compile(t, runtimes.CSharp{Out: other, Sources: []string{filepath.Join("tests", "OtherHook.cs")}})
	for _, c := range []struct {
		name  string
		hooks string
		env   []string
		seen  string // of the variable
		says  string
		spool bool
	}{
		{"switched off", ours, []string{"AFTERGLOW_DISABLED=true"}, ours, "", false},
		{"another hook stays", ours + ":" + other, nil, other, "the other hook\n", true},
		{"behind another hook", other + ":" + ours, nil, other, "the other hook\n", true},
		{"HttpClient tells nothing", ours, []string{"DOTNET_SYSTEM_NET_HTTP_ENABLEACTIVITYPROPAGATION=0"}, "unset",
			"afterglow: dotnet: System.Net.Http.EnableActivityPropagation is off, and with it all that HttpClient tells; this function is not recorded\n", false},
		{"no function", ours, []string{"AWS_LAMBDA_RUNTIME_API="}, "unset", "", false},
		{"odd settings", ours, []string{"AFTERGLOW_CAPTURE_BODY_BYTES=x"}, "unset",
			"afterglow: dotnet: AFTERGLOW_CAPTURE_BODY_BYTES is not a whole number from 0 to 1048576; 32768 is used\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spool")
			env := append([]string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", "AFTERGLOW_SPOOL_DIR=" + dir, "DOTNET_STARTUP_HOOKS=" + c.hooks}, c.env...)
			out := p.run(t, env, address)
			if want := c.says + "hooks: " + c.seen + "\n"; !strings.HasPrefix(out, want) {
				t.Errorf("it printed:\n%s\nwant first:\n%s", out, want)
			}
			if _, err := os.Stat(dir); (err == nil) != c.spool {
				t.Errorf("spool: %v", err)
			}
		})
	}
}
