package lambdalocal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// The managed runtimes that these tests run on, with AWS's own clients.
const (
	pythonName = "python3.13"
	nodeName   = "nodejs22.x"
)

// managed is a function on a real managed runtime.
func managed(t *testing.T, name, file, code string) lambda {
	t.Helper()
	if os.Getenv(byPathSetting) != "" {
		t.Skip("TestRuntimesByPath is enough")
	}
	rt, note, err := runtimes.Nearest(t.Context(), name, runtimes.Options{Progress: os.Stderr})
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOT TESTED: %v", err)
	}
	if note != "" {
		t.Log(note)
	}
	return lambda{change: func(f *Function, o *Options) {
		f.Runtime, o.Runtime = rt.Name, rt
		f.Code = t.TempDir()
		f.MemoryMB = 512
		writeFile(t, filepath.Join(f.Code, file), code, 0o644)
	}}
}

// also makes further changes.
func (l lambda) also(change func(*Function, *Options)) lambda {
	first := l.change
	l.change = func(f *Function, o *Options) {
		first(f, o)
		change(f, o)
	}
	return l
}

// ask invokes and decodes the answer.
func ask(t *testing.T, e *Environment, payload string) (map[string]any, Result) {
	t.Helper()
	r, _ := invoke(t, e, payload)
	return decode(t, r), r
}

// decode decodes an answer.
func decode(t *testing.T, r Result) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.Payload, &out); err != nil {
		t.Fatalf("answer is %s: %v", r.Payload, err)
	}
	return out
}

// wrapper is a layer with an exec wrapper that tells what it got.
func wrapper(t *testing.T, mode os.FileMode, script string) func(*Function, *Options) {
	return func(f *Function, _ *Options) {
		layer := t.TempDir()
		writeFile(t, filepath.Join(layer, "wrapper"), "#!/bin/sh\n"+script, mode)
		writeFile(t, filepath.Join(layer, "hook", "sitecustomize.py"), "import sys\nsys.modules['only_hook'] = sys\n", 0o644)
		f.Layers = []string{layer}
		f.Env[wrapperSetting] = "/opt/wrapper"
	}
}

// Sources: MOD; reference 5.1 to 5.3.
func TestExecWrapper(t *testing.T) {
	const tell = `echo "wrapped pid $$ handler $_HANDLER on $AWS_EXECUTION_ENV"; for a in "$@"; do echo "arg $a"; done` + "\n"
	python := managed(t, pythonName, "app.py", pythonApp)
	t.Run("python", func(t *testing.T) {
		e, log := python.also(wrapper(t, 0o755, tell+`export PYTHONPATH="/opt/hook:$LAMBDA_RUNTIME_DIR"; export _HANDLER=app.lives; exec "$@"`)).start(t)
		got, r := ask(t, e, `{}`)
		if got["lives"] != true {
			t.Errorf("the handler that the wrapper chose was not used: %s", r.Payload)
		}
		log.wait(t, "handler app.handler on AWS_Lambda_"+e.fn.Runtime)
		var args []string
		for _, l := range log.texts(SourceFunction) {
			if a, ok := strings.CutPrefix(l, "arg "); ok {
				args = append(args, a)
			}
		}
		if want := []string{"/var/lang/bin/python" + strings.TrimPrefix(e.fn.Runtime, "python"), "/var/runtime/bootstrap.py"}; !slices.Equal(args, want) {
			t.Errorf("argv is %q, want %q", args, want)
		}
	})
	t.Run("python with PYTHONPATH and sitecustomize", func(t *testing.T) {
		e, _ := python.also(wrapper(t, 0o755, `export PYTHONPATH="/opt/hook:$LAMBDA_RUNTIME_DIR"; exec "$@"`)).start(t)
		got, _ := ask(t, e, `{}`)
		var path []string
		for _, p := range got["path"].([]any) {
			path = append(path, p.(string))
		}
		if modules := got["modules"].([]any); len(modules) != 1 || modules[0] != "only_hook" {
			t.Errorf("sitecustomize did not run: %v", modules)
		}
		if slices.Contains(path, "/opt/python") {
			t.Errorf("layers were added although PYTHONPATH is set: %q", path)
		}
		if path[0] != "/var/task" || !slices.Contains(path, "/opt/hook") {
			t.Errorf("sys.path is %q", path)
		}
	})
	for _, c := range []struct {
		name   string
		change func(*Function, *Options)
		status string
	}{
		{"missing", func(f *Function, _ *Options) { f.Env[wrapperSetting] = "/opt/nowhere" }, "exit status 127"},
		{"not executable", wrapper(t, 0o644, ""), "exit status 126"},
		{"gives up", wrapper(t, 0o755, "exit 5"), "exit status 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := python.also(c.change).start(t)
			got, r := ask(t, e, `{}`)
			if got["errorType"] != "Runtime.ExitError" || !strings.HasSuffix(got["errorMessage"].(string), c.status) {
				t.Errorf("answer is %s", r.Payload)
			}
			log.wait(t, "Error Type: Runtime.ExitError")
		})
	}
	t.Run("not on provided runtimes", func(t *testing.T) {
		e, _ := lambda{env: map[string]string{wrapperSetting: "/opt/nowhere"}}.start(t)
		if r, _ := invoke(t, e, `{"n":1}`); string(r.Payload) != `{"n":1}` {
			t.Errorf("answer is %s", r.Payload)
		}
	})
}

// Without namespaces the runtimes find code, layers and SDK all the same.
func TestRuntimesByPath(t *testing.T) {
	byPath := func(_ *Function, o *Options) { o.byPath = true }
	t.Run("python", func(t *testing.T) {
		e, log := managed(t, pythonName, "app.py", pythonApp).also(byPath).start(t)
		if got, r := ask(t, e, `{"n":1}`); r.FunctionError != "" || got["name"] != "probe" {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "lambdalocal: no private file system")
	})
	t.Run("node", func(t *testing.T) {
		e, _ := node(t).also(byPath).start(t)
		if got, r := ask(t, e, `{"n":1}`); r.FunctionError != "" || got["sdk"] != "function" || got["fromlayer"] != "yes" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
}
