package nethttp

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// TestFilesAreNotCalls: a transport may be asked for something else than to send a request.
func TestFilesAreNotCalls(t *testing.T) {
	for name, way := range ways {
		h, dir := newHook(t, nil)
		base := transport()
		base.RegisterProtocol("file", http.NewFileTransport(http.Dir(dir)))
		resp, err := (&http.Client{Transport: way(h, base)}).Get("file:///")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if told := calls(t, dir, false); told != "" {
			t.Errorf("%s: %s", name, told)
		}
	}
}

// TestAFileIsSentByTheSystem: nothing is around it for which a transport would have to read it, and it is where it was.
func TestAFileIsSentByTheSystem(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("0123456789"); err != nil {
		t.Fatal(err)
	}
	odd, err := os.Open("/proc/self/status") // has no size
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("NOT TESTED: ", err)
	}
	defer odd.Close()
	for _, c := range []struct {
		name     string
		body     io.ReadCloser
		from     int64
		length   int64
		encoding []string
		same     bool
	}{
		{"whole", f, 0, 10, nil, true},
		{"from where it is", f, 4, 6, nil, true},
		{"not to its end", f, 4, 2, nil, true},
		{"with its Close hidden", io.NopCloser(f), 4, 6, nil, true},
		{"of unknown length", f, 0, -1, nil, false},
		{"in chunks", f, 0, 4, []string{"chunked"}, false}, // whatever is announced
		{"shorter than announced", f, 4, 7, nil, false},
		{"not on a disk", odd, 0, 4, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := f.Seek(c.from, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			h, _ := newHook(t, nil)
			sent, call := Begin(h, &http.Request{Method: http.MethodPut, URL: &url.URL{Scheme: "http", Host: "peer"}, Body: c.body, ContentLength: c.length, TransferEncoding: c.encoding}, nil)
			if call == nil || (sent.Body == c.body) != c.same {
				t.Errorf("sent as %T", sent.Body)
			}
			if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != c.from {
				t.Errorf("moved to %d, %v", at, err)
			}
		})
	}
}
