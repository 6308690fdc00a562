package java

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// TestRequests sends the same requests with and without the hook on every version of Java, whose clients differ inside. -Xverify:all has the virtual machine
// verify what the hook made of the JDK's own classes, too.
func TestRequests(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(answer))
	defer peer.Close()
	classes := t.TempDir()
	compile(t, classes, classes, "tests/Requests.java", "tests/okhttp3/internal/http/CallServerInterceptor.java")
	each(t, func(t *testing.T, rt runtimes.Runtime) {
		dir := filepath.Join(t.TempDir(), "spool")
		run := func(options ...string) string {
			cmd := exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", "java"), append(append(short(), options...), "-Xverify:all", "-cp", classes, "Requests", peer.URL)...)
			cmd.Env = append(os.Environ(), "AFTERGLOW_SPOOL_DIR="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return string(out)
		}
		agent, err := filepath.Abs(jarName)
		if err != nil {
			t.Fatal(err)
		}
		plain, hooked := run(), run("-javaagent:"+agent)
		const isolated = "afterglow: java: a class loader of the function's does not ask the one above it; requests of libraries in it are not recorded\n"
		if strings.Count(hooked, isolated) != 1 {
			t.Errorf("a class loader that shows the hook nothing is not told of once:\n%s", hooked)
		}
		hooked = strings.ReplaceAll(hooked, isolated, "")
		if plain != hooked {
			t.Errorf("the hook changed what is printed. Without:\n%s\nwith:\n%s", plain, hooked)
		}
		want := []string{
			"GET /text 200 text", "GET /redirect 302", "GET /text 200 text", "GET /missing 404 none\n", "GET /refused error", "PUT /echo 200 " + strings.Repeat("ten letter", 10),
			"GET /text 200 text", "GET /redirect 302", "GET /text 200 text", "POST /echo 200 later", "GET /refused error",
		}
		if got := spooled(t, dir); !slices.Equal(got, want) {
			t.Errorf("in the spool:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/redirect":
		w.Header().Set("Location", "/text")
		w.WriteHeader(http.StatusFound)
	case "/missing":
		http.Error(w, "none", http.StatusNotFound)
	case "/echo":
		_, _ = io.Copy(w, r.Body) // the client says what went wrong
	default:
		_, _ = io.WriteString(w, "text")
	}
}

// spooled gives a line for each call in a directory's only file.
func spooled(t *testing.T, dir string) []string {
	t.Helper()
	files := glob(t, filepath.Join(dir, "*"))
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	starts, lines := map[string]spool.Record{}, []string{}
	_, err := spool.Read(read(t, files[0]), func(r spool.Record) error {
		switch r.Kind {
		case spool.KindCallStart:
			starts[r.Call] = r
		case spool.KindCallEnd:
			_, path, _ := strings.Cut(strings.TrimPrefix(starts[r.Call].URL, "http://"), "/")
			line := starts[r.Call].Method + " /" + path
			if r.Status > 0 {
				line += fmt.Sprint(" ", r.Status)
			}
			if _, body, ok := r.Part(spool.PartResponse); ok {
				line += " " + string(body)
			}
			if r.Error != nil {
				line += " error"
			}
			lines = append(lines, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
