package cloud

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	runs := t.TempDir()
	if _, err := Find(runs); !errors.Is(err, ErrNothingUp) {
		t.Errorf("without any run: got %v", err)
	}
	start := func(url string) *runDir {
		d, err := newRunDir(t.Context(), runs, func(what string) { t.Log(what) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.remove() })
		if url != "" {
			if err := d.announce(url); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	start("") // still on its way up
	if _, err := Find(runs); !errors.Is(err, ErrNothingUp) {
		t.Errorf("with one that is on its way up: got %v", err)
	}
	first := start("http://first")
	if found, err := Find(runs); err != nil || found.URL != "http://first" {
		t.Errorf("with one: got %+v, %v", found, err)
	}
	second := start("http://second")
	if _, err := Find(runs); err == nil || !strings.Contains(err.Error(), first.root) || !strings.Contains(err.Error(), second.root) {
		t.Errorf("with two: got %v, want both named", err)
	}
	if found, err := Find(second.root); err != nil || found.URL != "http://second" {
		t.Errorf("by its own folder: got %+v, %v", found, err)
	}
	killed := filepath.Join(runs, runPrefix+"killed")
	if err := os.MkdirAll(killed, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{lockFile: "", controlFile: "http://killed"} {
		if err := os.WriteFile(filepath.Join(killed, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Find(killed); !errors.Is(err, ErrNothingUp) {
		t.Errorf("with one that was killed: got %v", err)
	}
}

// TestIdentify: only what says so is a MiniStack, and a real account is refused before anything is asked of it.
func TestIdentify(t *testing.T) {
	answering := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	tests := []struct {
		name, endpoint string
		readAWS        bool
		want           Kind
		wantErr        string
	}{
		{"MiniStack", answering(200, `{"services":{"lambda":"available"}}`), false, KindMiniStack, ""},
		{"one that does not know the path", answering(404, `{"services":{"lambda":"available"}}`), false, KindOther, ""},
		{"one that answers everything", answering(200, `<html>`), false, KindOther, ""},
		{"one that answers everything in JSON", answering(200, `{}`), false, KindOther, ""},
		{"nobody", "http://127.0.0.1:1", false, "", "does not answer"},
		{"no address", "4566", false, "", "no address"},
		{"another kind of address", "s3://bucket", false, "", "no address"},
		{"a real account", "https://lambda.eu-west-1.amazonaws.com", false, "", "--read-aws"},
		{"a real account that is asked for", "https://lambda.eu-west-1.amazonaws.com", true, KindAWS, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := identify(context.Background(), test.endpoint, test.readAWS)
			if got != test.want || (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %q, %v, want %q, %q", got, err, test.want, test.wantErr)
			}
		})
	}
}

// TestARealAccountsFunctionsCannotReachIt: the user's credentials, which read the account, are in no function's environment.
func TestARealAccountsFunctionsCannotReachIt(t *testing.T) {
	c := testCloud(t)
	c.opt.Credentials = Credentials{AccessKey: "AKIAREAL", SecretKey: "secret", SessionToken: "token"}
	for _, kind := range []Kind{KindOther, KindAWS} {
		c.kind = kind
		has := strings.Contains(strings.Join(values(c.credentialsEnv()), " "), "AKIAREAL")
		if has != (kind == KindOther) {
			t.Errorf("%s: got %v", kind, c.credentialsEnv())
		}
	}
}

func values(m map[string]string) (all []string) {
	for _, value := range m {
		all = append(all, value)
	}
	return all
}
