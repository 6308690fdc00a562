package lambdalocal

import (
	"encoding/json"
	"errors"
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

// eachFound runs a test for every one of the runtimes that this machine has, and says which it has not. One
// at least must be here in CI.
func eachFound(t *testing.T, names []string, test func(t *testing.T, name string)) {
	t.Helper()
	var first error
	tested := 0
	for _, name := range names {
		_, err := runtimes.Find(t.Context(), name, runtimes.Options{Progress: os.Stderr})
		switch {
		case err == nil:
			tested++
			t.Run(name, func(t *testing.T) { test(t, name) })
		case errors.Is(err, runtimes.ErrMissing):
			t.Logf("SKIPPED, NOT TESTED: %v", err)
			first = err
		default:
			t.Error(err)
		}
	}
	if tested == 0 && os.Getenv("CI") == "true" {
		t.Fatalf("none of %q is here: %v", names, first)
	}
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

// texts is a decoded list of strings.
func texts(list any) []string {
	var out []string
	for _, v := range list.([]any) {
		out = append(out, v.(string))
	}
	return out
}

// checkManagedEnv looks at what a managed runtime's function says of its environment: env with all of it, and
// trace. Variables with "" in want may not be set. Sources: ENV; reference 5.3 to 5.5.
func checkManagedEnv(t *testing.T, e *Environment, got map[string]any, want map[string]string) {
	t.Helper()
	env := got["env"].(map[string]any)
	for name, value := range map[string]string{
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + e.fn.Runtime, "_HANDLER": e.fn.Handler, "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"PATH": managedPath, "LD_LIBRARY_PATH": managedLibs, "LANG": "en_US.UTF-8", "TZ": ":UTC",
	} {
		if env[name] != value {
			t.Errorf("%s is %v, want %s", name, env[name], value)
		}
	}
	for name, value := range want {
		if env[name] != value && (value != "" || env[name] != nil) {
			t.Errorf("%s is %v, want %q", name, env[name], value)
		}
	}
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.Contains(trace, ";Sampled=0;") {
		t.Errorf("trace is %v", got["trace"])
	}
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
	t.Run("java", func(t *testing.T) {
		e, _ := java(t, "java17", "app.Orders").also(byPath).start(t)
		if got, r := ask(t, e, `{"n":1}`); r.FunctionError != "" || got["name"] != "probe" || got["fromlib"] != "from lib" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
	t.Run("go", func(t *testing.T) {
		e, _ := goFunction(t).also(byPath).start(t)
		if got, r := ask(t, e, `{}`); r.FunctionError != "" || got["function"] != "probe" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
	t.Run("node", func(t *testing.T) {
		e, _ := node(t, nodeName).also(byPath).start(t)
		if got, r := ask(t, e, `{"n":1}`); r.FunctionError != "" || got["sdk"] != "function" || got["fromlayer"] != "yes" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
}
