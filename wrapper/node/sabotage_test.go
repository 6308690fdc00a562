package node_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/settings"
	"github.com/afterglow-lambda/afterglow/spool"
)

// TestSabotage takes away what the hook lives on. The function must not notice, and what the hook could not record it has to
// tell, in one line of the log or as a loss.
func TestSabotage(t *testing.T) {
	p := newPeer(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gets := told("get", "get")
	with := func(pairs ...string) map[string]string {
		env := p.env()
		for i := 0; i < len(pairs); i += 2 {
			env[pairs[i]] = pairs[i+1]
		}
		return env
	}
	const get = `http GET /text 200 response 9 "some text"`
	tests := []struct {
		name    string
		story   story
		between func(t *testing.T, dir string, n int) // before invocation n
		stderr  []string                              // prefixes of the hook's own lines
		calls   []string                              // of all invocations
		losses  []string                              // reasons, in order, repeated ones left out
	}{
		{name: "nothing", story: story{events: gets}, calls: []string{get, get}},
		{name: "spool below a file", story: story{events: gets, env: with("AFTERGLOW_SPOOL_DIR", file+"/spool")},
			stderr: []string{"the spool cannot be written (ENOTDIR)", "records lost so far: 4", "records lost so far: 8"}},
		{name: "spool where none can be made", story: story{events: gets, env: with("AFTERGLOW_SPOOL_DIR", "/proc/spool")},
			stderr: []string{"the spool cannot be written (ENOENT)", "records lost so far: 4", "records lost so far: 8"}},
		{name: "spool is deleted between invocations", story: story{events: told("get", "get", "get")},
			between: func(t *testing.T, dir string, n int) {
				if n == 2 {
					remove(t, dir)
				}
			}, calls: []string{get}},
		{name: "spool is deleted by the function", story: story{events: told("get", "deletes", "get")}, calls: []string{get}, losses: []string{"deleted"}},
		{name: "files cannot grow", story: story{events: told("many", "get"), prepare: shell("ulimit -f 16")},
			stderr: []string{"records lost so far: "}, calls: nil, losses: []string{"write-failed"}},
		{name: "no descriptor is left", story: story{events: told("holds", "get"), prepare: shell("ulimit -n 60")}, calls: []string{get, get}},
		{name: "stderr is closed", story: story{events: gets, prepare: shell("exec 2>&-"), env: with("AFTERGLOW_SPOOL_DIR", file+"/spool")}},
		{name: "stderr is full", story: story{events: gets, prepare: shell("exec 2>/dev/full"), env: with("AFTERGLOW_SPOOL_DIR", file+"/spool")}},
		{name: "an invocation writes too much", story: story{events: told("many", "get"), env: with("AFTERGLOW_SPOOL_INVOCATION_BYTES", "65536")},
			calls: nil, losses: []string{"invocation-full"}},
		{name: "settings are garbage", story: story{events: gets, env: with("AFTERGLOW_LOG_LEVEL", "loud", "AFTERGLOW_SPOOL_DIR_BYTES", "much",
			"AFTERGLOW_SPOOL_INVOCATION_BYTES", "-1", "AFTERGLOW_CAPTURE_BODY_BYTES", "1e9", "AFTERGLOW_CAPTURE_EVENT_BYTES", "64k",
			"AFTERGLOW_CAPTURE_HEADER_BYTES", "65537", "AFTERGLOW_DISABLED", "maybe")},
			stderr: []string{"AFTERGLOW_LOG_LEVEL is not one of", "AFTERGLOW_SPOOL_DIR_BYTES is not a whole number from 1048576 to 8589934592; 67108864 is used",
				"AFTERGLOW_SPOOL_INVOCATION_BYTES is", "AFTERGLOW_CAPTURE_BODY_BYTES is", "AFTERGLOW_CAPTURE_EVENT_BYTES is", "AFTERGLOW_CAPTURE_HEADER_BYTES is"},
			calls: []string{get, get}},
		{name: "spool's path is garbage", story: story{events: nil, env: with("AFTERGLOW_SPOOL_DIR", "relative", "AFTERGLOW_LOG_LEVEL", "off")}},
		{name: "off", story: story{events: gets, env: with("AFTERGLOW_DISABLED", " TRUE ")}},
		{name: "headers are kept short", story: story{events: gets, env: with("AFTERGLOW_CAPTURE_HEADER_BYTES", "30")},
			calls: []string{get, get}, losses: []string{"headers"}},
	}
	aRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s := test.story
				s.handler = "saboteur.handler"
				if s.env == nil {
					s.env = p.env()
				}
				dir := filepath.Join(t.TempDir(), "spool")
				// A path that cannot be used means the default one, which is this machine's own here.
				if _, err := os.Stat(settings.DefaultSpoolDir); errors.Is(err, fs.ErrNotExist) {
					defer remove(t, settings.DefaultSpoolDir)
				}
				without := run(t, rt, s, false, dir)
				if test.between != nil {
					s.pause = func(n int) { test.between(t, dir, n) }
				}
				hooked := run(t, rt, s, true, dir)
				own, rest := ownLines(hooked.Stderr)
				hooked.Stderr = rest
				if d := differences(pretty(without), pretty(hooked)); d != "" {
					t.Errorf("the hook changed the function:\n%s", d)
				}
				if !slices.EqualFunc(own, test.stderr, strings.HasPrefix) {
					t.Errorf("the hook says:\n%s\nwant:\n%s", strings.Join(own, "\n"), strings.Join(test.stderr, "\n"))
				}
				if _, err := os.Stat(dir); err != nil {
					if test.calls != nil {
						t.Errorf("nothing was recorded: %v", err)
					}
					return
				}
				checkSpool(t, dir, test.calls, test.losses)
			})
		}
	})
}

func checkSpool(t *testing.T, dir string, want, losses []string) {
	t.Helper()
	records, _ := readSpool(t, dir)
	if got := calls(t, records); want != nil && !slices.Equal(got, want) {
		t.Errorf("recorded calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var reasons []string
	for _, r := range of(records, spool.KindLoss) {
		if r.Records <= 0 && r.Bytes <= 0 {
			t.Errorf("loss of nothing: %+v", r.Header)
		}
		reasons = append(reasons, r.Reason)
	}
	if got := slices.Compact(reasons); !slices.Equal(got, losses) {
		t.Errorf("losses are %v, want %v", got, losses)
	}
}

func shell(command string) []string { return []string{"/bin/sh", "-c", command + `; exec "$@"`, "sh"} }

func remove(t *testing.T, dir string) {
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// ownLines takes the hook's lines out of what a process wrote.
func ownLines(stderr string) (own []string, rest string) {
	for _, l := range strings.SplitAfter(stderr, "\n") {
		if text, ok := strings.CutPrefix(l, "afterglow: node: "); ok {
			own = append(own, strings.TrimSuffix(text, "\n"))
		} else {
			rest += l
		}
	}
	return own, rest
}

// TestSpoolIsFull fills the spool up to what one process may leave uncollected, and collects.
func TestSpoolIsFull(t *testing.T) {
	aRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		dir := filepath.Join(t.TempDir(), "spool")
		s := story{handler: "saboteur.handler", events: told(slices.Repeat([]string{"big"}, 40)...), env: map[string]string{"AFTERGLOW_SPOOL_DIR_BYTES": "1048576"}}
		full := 0
		s.pause = func(n int) {
			if n == 30 {
				full = count(t, dir)
				remove(t, dir)
			}
		}
		run(t, rt, s, true, dir)
		if full < 10 || full > 20 {
			t.Errorf("%d files of 60 KB were written into a spool of 1 MiB", full)
		}
		losses := of(spooled(t, dir), spool.KindLoss)
		if len(losses) != 1 || losses[0].Reason != "spool-full" || losses[0].Records < 20 {
			t.Errorf("losses are %+v", losses)
		}
		if n := count(t, dir); n < 8 {
			t.Errorf("%d files after the spool was collected, want the last invocations'", n)
		}
	})
}

func count(t *testing.T, dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	return len(entries)
}

// TestOddFunctions runs functions that change their surroundings.
func TestOddFunctions(t *testing.T) {
	p := newPeer(t)
	const get = `http GET /text 200 response 9 "some text"`
	tests := []struct {
		name  string
		story story
		calls []string
	}{
		{"hostile", story{handler: "hostile.handler", events: told("x", "y")},
			slices.Repeat([]string{`http POST /echo 200 request 23 "from a hostile function" response 23 "from a hostile function"`}, 2)},
		{"frozen", story{handler: "frozen.handler", events: []string{`{}`, `"` + strings.Repeat("x", 1<<17) + `"`}}, []string{get, get}},
		{"imports", story{handler: "imports.handler", events: told("x")}, []string{get, `http GET /text?named 200 response 9 "some text"`, get, `undici GET /text?fetched 200 response 9 "some text"`}},
		{"children", story{handler: "family.handler", events: told("child", "childElsewhere", "worker", "both")}, []string{get}},
		{"jitless", story{handler: "saboteur.handler", events: told("get", "get"), env: map[string]string{"NODE_OPTIONS": "--jitless"}}, []string{get, get}},
	}
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s := test.story
				env := p.env()
				for k, v := range s.env {
					env[k] = v
				}
				s.env = env
				records := compare(t, rt, s)
				if got := calls(t, records); !slices.Equal(got, test.calls) {
					t.Errorf("recorded calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.calls, "\n"))
				}
				if n := len(of(records, spool.KindInvocationEnd)); n != len(s.events) {
					t.Errorf("%d ends of %d invocations", n, len(s.events))
				}
			})
		}
	})
}

// TestChildren runs functions with child processes that run Node.js: they see nothing of the hook, and what they send belongs to the
// invocation that started them, or to whichever runs if they can be sent messages.
func TestChildren(t *testing.T) {
	p := newPeer(t)
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		names := []string{"forked", "spawned"}
		if rt.Name == "nodejs22.x" { // what does not depend on Node.js
			names = append(names, "named", "disabled", "permitted", "other", "missing", "refused")
		}
		records := compare(t, rt, story{handler: "family.handler", events: told(names...), env: p.env()})
		want := map[string]string{"/text?in=forked": spool.InvocationNone, "/text?in=spawned": requestID(1)}
		if len(names) > len(want) {
			want["/text?in=named"] = requestID(2)
		}
		got := map[string]string{}
		for _, r := range of(records, spool.KindCallStart) {
			_, path, _ := strings.Cut(r.URL, p.address)
			got[path] = r.Invocation
		}
		if !maps.Equal(got, want) {
			t.Errorf("recorded calls: %v, want %v", got, want)
		}
	})
}

// TestAttribution looks at whose a call is that one invocation left behind for another.
func TestAttribution(t *testing.T) {
	p := newPeer(t)
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		s := story{handler: "leftover.handler", events: told("first", "second", "starts", "ends"), env: p.env()}
		from := requestID(0)
		if rt.Name == "nodejs22.x" {
			from = requestID(1) // before Node.js 24 work is followed where the function does so, too, as on nodejs20.x here
		} else {
			s.env["OWN_STORAGE"] = "1"
		}
		records := compare(t, rt, s)
		want := map[string]string{
			"/text?from=init": spool.InvocationInit, "/text?in=first": requestID(0), "/text?in=second": requestID(1),
			"/text?from=first": from, "/slow?from=starts": requestID(2),
		}
		started := map[string]spool.Record{}
		for _, r := range of(records, spool.KindCallStart) {
			started[r.Call] = r
			path := r.URL[strings.Index(r.URL, p.address)+len(p.address):]
			if r.Invocation != want[path] {
				t.Errorf("%s belongs to %s, want %s", path, r.Invocation, want[path])
			}
		}
		ends := of(records, spool.KindCallEnd)
		if len(started) != len(want) || len(ends) != len(want) {
			t.Errorf("%d calls started, %d ended, want %d", len(started), len(ends), len(want))
		}
		for _, r := range ends {
			if r.Invocation != started[r.Call].Invocation {
				t.Errorf("call %s started in %s and ended in %s", r.Call, started[r.Call].Invocation, r.Invocation)
			}
		}
	})
}

// TestBrokenHook takes away or spoils one file of the hook after the other. The function must not notice.
func TestBrokenHook(t *testing.T) {
	p := newPeer(t)
	files, err := filepath.Glob("*.cjs")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("clients/*.cjs")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	rt := find(t, "nodejs22.x")
	s := story{handler: "saboteur.handler", events: []string{`{"story":"get"}`, `{"story":"get","x":"` + strings.Repeat("x", 1<<17) + `"}`}, env: p.env()}
	without := run(t, rt, s, false, t.TempDir())
	for _, file := range files {
		ways := map[string]string{"missing": "", "throws": "throw new Error('secret');"}
		if file == "start.cjs" || file == "arm.cjs" || file == "guard.cjs" { // those that nothing of the hook's stands before
			ways["no JavaScript"], ways["empty"] = "this is { not JavaScript", " "
		}
		for how, content := range ways {
			t.Run(fmt.Sprintf("%s %s", file, how), func(t *testing.T) {
				s := s
				s.hook = copyHook(t, files, file, content)
				hooked := run(t, rt, s, true, filepath.Join(t.TempDir(), "spool"))
				own, rest := ownLines(hooked.Stderr)
				hooked.Stderr = rest
				if d := differences(pretty(without), pretty(hooked)); d != "" {
					t.Errorf("the hook changed the function:\n%s", d)
				}
				if len(own) > 1 || strings.Contains(fmt.Sprint(own), "secret") {
					t.Errorf("the hook says %q", own)
				}
			})
		}
	}
}

// copyHook makes a layer in which one file of the hook has another content, or is missing.
func copyHook(t *testing.T, files []string, file, content string) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append([]string{"../exec-wrapper"}, files...) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case name != file:
			put(filepath.Join("node", name), data)
		case content != "":
			put(filepath.Join("node", name), []byte(content))
		}
	}
	return filepath.Join(dir, "exec-wrapper")
}
