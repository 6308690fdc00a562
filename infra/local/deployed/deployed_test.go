package deployed

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

type entry struct {
	name, content string
	mode          fs.FileMode
}

func archiveOf(t *testing.T, entries ...entry) *bytes.Reader {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name}
		header.SetMode(e.mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(buffer.Bytes())
}

func TestUnzipKeepsWhatTheArchiveSays(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077)) // whatever the user's
	dir := t.TempDir()
	archive := archiveOf(t,
		entry{"extensions/", "", 0o755 | fs.ModeDir},
		entry{"extensions/afterglow", "binary", 0o755},
		entry{"plain.txt", "text", 0o644},
		entry{"deep/without/entries/for/folders.py", "pass", 0o640},
		entry{"link", "plain.txt", 0o777 | fs.ModeSymlink},
	)
	if err := unzip(archive, archive.Size(), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"extensions/afterglow": 0o755, "plain.txt": 0o644, "deep/without/entries/for/folders.py": 0o640,
		"extensions": 0o755, "deep": 0o755, "deep/without/entries/for": 0o755,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%s: got mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "link")); err != nil || string(text) != "text" {
		t.Errorf("through the link: got %q, %v", text, err)
	}
}

// TestInlineCodeCanBeRead: functions do not run as the owner of their files.
func TestInlineCodeCanBeRead(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
		want    fs.FileMode
	}{
		{"code of a template", []entry{{"index.py", "pass", 0o600}}, 0o644},
		{"a package, which stays as it was packed", []entry{{"index.py", "pass", 0o600}, {"other.py", "pass", 0o600}}, 0o600},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			archive := archiveOf(t, test.entries...)
			if err := unzip(archive, archive.Size(), dir); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(filepath.Join(dir, "index.py")); err != nil || info.Mode().Perm() != test.want {
				t.Errorf("got %v, %v, want %o", info.Mode(), err, test.want)
			}
		})
	}
}

func TestUnzipStaysInItsFolder(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
	}{
		{"a name with dots", []entry{{"../outside", "x", 0o644}}},
		{"an absolute name", []entry{{"/outside", "x", 0o644}}},
		{"through a link of its own", []entry{{"out", "..", 0o777 | fs.ModeSymlink}, {"out/outside", "x", 0o644}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "inside")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			archive := archiveOf(t, test.entries...)
			if err := unzip(archive, archive.Size(), dir); err == nil {
				t.Error("got no error")
			}
			if _, err := os.Stat(filepath.Join(parent, "outside")); err == nil {
				t.Error("a file was written outside")
			}
		})
	}
}

func TestUnzipOfSomethingElse(t *testing.T) {
	if err := unzip(strings.NewReader("not a zip"), 9, t.TempDir()); err == nil {
		t.Error("got no error")
	}
}

func TestRedirectAndReadingBackAgree(t *testing.T) {
	var sent struct {
		Timeout     int32
		Environment struct{ Variables map[string]string }
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/functions/orders/configuration") {
			t.Errorf("got %s %s", r.Method, r.URL.Path)
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	client := NewClient(Endpoint{URL: server.URL, Region: "us-east-1", AccessKey: "a", SecretKey: "s"})
	defer client.Close()

	f := Function{Function: lambdalocal.Function{Name: "orders", Timeout: 15 * time.Second, Env: map[string]string{"TABLE": "t"}}}
	if err := client.Redirect(context.Background(), f, "http://127.0.0.1:1/proxy/orders"); err != nil {
		t.Fatal(err)
	}
	if sent.Timeout != 75 {
		t.Errorf("MiniStack waits for %d s, want the function's 15 and 60 for a cold start", sent.Timeout)
	}
	if got := sent.Environment.Variables[proxyVariable]; !strings.HasPrefix(got, "http://127.0.0.1:1/proxy/orders?") {
		t.Errorf("redirected to %q", got)
	}
	back := describe(&types.FunctionConfiguration{
		FunctionName: aws.String("orders"), Timeout: aws.Int32(sent.Timeout),
		Environment:   &types.EnvironmentResponse{Variables: sent.Environment.Variables},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatJson},
	})
	if back.LogFormat != "JSON" {
		t.Errorf("the log format is %q", back.LogFormat)
	}
	if back.Timeout != f.Timeout {
		t.Errorf("read back a timeout of %s, want %s", back.Timeout, f.Timeout)
	}
	if _, there := back.Env[proxyVariable]; there || back.Env["TABLE"] != "t" || len(back.Env) != 1 {
		t.Errorf("the function would see %v", back.Env)
	}
	if len(f.Env) != 1 {
		t.Errorf("the caller's environment was changed to %v", f.Env)
	}
}

func TestAFunctionForAnotherArchitectureIsRefused(t *testing.T) {
	runs := 0
	for _, architecture := range []types.Architecture{types.ArchitectureArm64, types.ArchitectureX8664} {
		f := describe(&types.FunctionConfiguration{FunctionName: aws.String("orders"), Architectures: []types.Architecture{architecture}})
		if f.Problem == nil {
			runs++
		} else if !strings.Contains(f.Problem.Error(), string(architecture)) {
			t.Errorf("got %v, want it to name %s", f.Problem, architecture)
		}
	}
	if runs > 1 {
		t.Error("this machine runs both")
	}
}
