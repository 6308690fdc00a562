package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const vectors = "../testdata/vectors"

func TestCatShowsAFileForAHuman(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{filepath.Join(vectors, "whole.spool")}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, want := range []string{"whole.spool", "process", "pid 17", "python 3.13.1", "POST", "https://pay.example.com/charge?a=1", "X-Two: b", "4111", "status 200",
		"took 50ms", "11 bytes of 5000, cut", `\x00\xff\n`, "ValueError: no é", "app.py"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not show %q:\n%s", want, out.String())
		}
	}
}

func TestCatGoesThroughADirectory(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []struct{ vector, as string }{{"torn-tail", "init.17.1.done"}, {"unknown-kind", "a.17.2.open"}, {"not-ours", "stranger.txt"}} {
		data, err := os.ReadFile(filepath.Join(vectors, f.vector+".spool"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.as), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := run([]string{dir}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, want := range []string{"2 spool files (1 other entries)", "incomplete record at the end", "1 of an unknown kind"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not show %q:\n%s", want, out.String())
		}
	}
}

func TestCatNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		args []string
		code int
		want string
	}{
		"nothing asked": {nil, 2, "usage"},
		"missing":       {[]string{"no-such-dir"}, 1, "no-such-dir"},
		"newer":         {[]string{filepath.Join(vectors, "newer-version.spool")}, 1, "newer version"},
		"corrupt":       {[]string{filepath.Join(vectors, "not-ours.spool")}, 1, "not a spool file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(c.args, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
				t.Errorf("exit %d, %q", code, errs.String())
			}
		})
	}
}
