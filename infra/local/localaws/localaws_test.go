package localaws

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/tools"
)

func TestClientEnvLeadsToNoRealAccount(t *testing.T) {
	got := ClientEnv([]string{
		"PATH=/bin", "AWS_PROFILE=production", "AWS_SESSION_TOKEN=real", "AWS_ACCESS_KEY_ID=real",
		"CDK_DEFAULT_ACCOUNT=123456789012", "no_proxy=example.com", "NODE_OPTIONS=--inspect",
	}, "http://127.0.0.1:1")
	for _, entry := range got {
		if strings.Contains(entry, "real") || strings.Contains(entry, "production") || strings.Contains(entry, "123456789012") {
			t.Errorf("has %q", entry)
		}
	}
	for _, want := range []string{"PATH=/bin", "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ACCESS_KEY_ID=local", "NO_PROXY=127.0.0.1,example.com"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want it to have %q", got, want)
		}
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name string
		opt  Options
		want string
	}{
		{"port taken", Options{Port: taken.Addr().(*net.TCPAddr).Port, Command: []string{"true"}}, "is taken"},
		{"ends at once", Options{Command: []string{"sh", "-c", "echo no module; exit 1"}}, "no module"},
		{"ends at once and well", Options{Command: []string{"sh", "-c", "echo goodbye"}}, "goodbye"},
		{"not there", Options{Command: []string{"/no/such/python"}}, "no such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opt.Dir = t.TempDir()
			_, err := Start(context.Background(), test.opt)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestServerListensOnLoopbackOnlyAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	machine, err := tools.Look(ctx)
	if err != nil {
		missing(t, err)
	}
	root, err := filepath.Abs("../../../.afterglow/tools")
	if err != nil {
		t.Fatal(err)
	}
	command, err := tools.MiniStack(ctx, machine, root, io.Discard)
	if err != nil {
		missing(t, err)
	}
	dir := filepath.Join(t.TempDir(), "aws")
	s, err := Start(ctx, Options{Command: command, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			s.Stop()
		}
	}()
	for _, address := range otherAddresses(t) {
		other := net.JoinHostPort(address, s.Endpoint()[strings.LastIndex(s.Endpoint(), ":")+1:])
		if connection, err := net.DialTimeout("tcp", other, time.Second); err == nil {
			_ = connection.Close()
			t.Errorf("answers at %s too", other)
		}
	}
	s.Stop()
	stopped = true
	if _, err := http.Get(s.Endpoint() + healthPath); err == nil {
		t.Error("still answers after Stop")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its files are still there: %v", err)
	}
}

// otherAddresses are this machine's addresses that are not loopback.
func otherAddresses(t *testing.T) []string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var others []string
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			others = append(others, ip.IP.String())
		}
	}
	return others
}

// missing is for what a laptop may lack and CI may not.
func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
}

func TestCompile(t *testing.T) {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		missing(t, err)
	}
	tests := []struct {
		name, cdkJSON, source string
		want, wantErr         string
	}{
		{"a Go app", `{"app":"go run ."}`, "package main\nfunc main() {}\n", "go build .", ""},
		{"an app in another language", `{"app":"npx ts-node app.ts"}`, "", "not needed", ""},
		{"an app that does not compile", `{"app":"go run ."}`, "package main\nfunc main() { nothing() }\n", "", "undefined: nothing"},
		{"no JSON", `app`, "", "", "read cdk.json"},
		{"no cdk.json", "", "", "", "no such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := t.TempDir()
			files := map[string]string{"cdk.json": test.cdkJSON, "main.go": test.source, "go.mod": "module app\n"}
			for name, text := range files {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(app, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Compile(context.Background(), goCommand, app, filepath.Join(app, "out"), io.Discard)
			if got != test.want || (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.wantErr)
			}
		})
	}
}
