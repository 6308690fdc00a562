package lambdalocal

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const pythonApp = `
import os, sys, json
print("loading")
def handler(event, context):
    print("handling", context.aws_request_id)
    if event.get("raise"):
        raise ValueError(event["raise"])
    if event.get("exit"):
        os._exit(event["exit"])
    import boto3
    return {
        "event": event, "path": sys.path, "argv": sys.argv, "command": open("/proc/self/cmdline").read().split("\0")[:-1], "cwd": os.getcwd(), "boto3": boto3.__file__,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"), "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb, "name": context.function_name,
        "stream": context.log_stream_name, "env": dict(os.environ), "prefix": sys.prefix,
        "modules": sorted(m for m in sys.modules if m.startswith("only")),
    }
def lives(event, context):
    return {"lives": True}
`

// Sources: ENV, reference 5.2 (argv), 5.3 (search path, .pth files), 4 (trace header).
func TestPython(t *testing.T) {
	versions := []string{"python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"}
	eachFound(t, versions, func(t *testing.T, name string) {
		e, log := managed(t, name, "app.py", pythonApp).also(func(f *Function, _ *Options) {
			layer := t.TempDir()
			writeFile(t, filepath.Join(layer, "python", "layer.pth"), "import sys; sys.modules['only_layer'] = sys\n/tmp\n", 0o644)
			writeFile(t, filepath.Join(f.Code, "task.pth"), "import sys; sys.modules['only_task'] = sys\n", 0o644)
			f.Layers = []string{layer}
		}).start(t)
		got, r := ask(t, e, `{"n":1}`)
		version := strings.TrimPrefix(name, "python")
		checkPythonPath(t, texts(got["path"]), version)
		for name, value := range map[string]any{
			"cwd": "/var/task", "boto3": "/var/runtime/boto3/__init__.py", "name": "probe", "memory": "512", "prefix": "/var/lang",
			"arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe", "stream": e.env.logStream,
		} {
			if got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		checkManagedEnv(t, e, got, map[string]string{"PYTHONPATH": "/var/runtime"})
		if command := texts(got["command"]); !slices.Equal(command, []string{"/var/lang/bin/python" + version, "/var/runtime/bootstrap.py"}) {
			t.Errorf("command is %q", command)
		}
		if modules := texts(got["modules"]); !slices.Equal(modules, []string{"only_layer", "only_task"}) {
			t.Errorf(".pth files that ran: %q", modules)
		}
		if left := got["remaining"].(float64); left > float64(patience.Milliseconds()) || left <= 0 {
			t.Errorf("remaining time is %v", left)
		}
		if tail := string(r.LogTail); !strings.Contains(tail, "handling "+r.RequestID+"\n") || strings.Contains(tail, "loading") {
			t.Errorf("tail is %q", tail)
		}
		log.wait(t, "loading")
	})
}

func checkPythonPath(t *testing.T, path []string, version string) {
	t.Helper()
	want := []string{"/var/task", "/opt/python/lib/python" + version + "/site-packages", "/opt/python", "/var/runtime"}
	if len(path) < len(want) || !slices.Equal(path[:len(want)], want) {
		t.Errorf("sys.path is %q", path)
	}
	if last := path[len(path)-1]; last != "/tmp" { // what a .pth file names goes to the end
		t.Errorf("sys.path is %q", path)
	}
	for _, p := range path {
		if strings.HasSuffix(p, "dist-packages") || strings.HasPrefix(p, "/var/lang") && strings.HasSuffix(p, "site-packages") {
			t.Errorf("the machine's own packages are on the path: %s", p)
		}
	}
}

// Source: reference 5.3: a PYTHONPATH of the function's stays, and layers are not added then.
func TestPythonPathOfTheFunction(t *testing.T) {
	e, _ := managed(t, pythonName, "app.py", pythonApp).also(func(f *Function, _ *Options) {
		f.Env["PYTHONPATH"] = "/var/task/vendor:/var/runtime"
	}).start(t)
	got, _ := ask(t, e, `{}`)
	checkManagedEnv(t, e, got, map[string]string{"PYTHONPATH": "/var/task/vendor:/var/runtime"})
	if path := texts(got["path"]); path[0] != "/var/task" || !slices.Contains(path, "/var/task/vendor") || slices.Contains(path, "/opt/python") {
		t.Errorf("sys.path is %q", path)
	}
}

// Sources: RTAPI; PYRIC: what the caller gets when the function raises, exits, or cannot be loaded.
func TestPythonErrors(t *testing.T) {
	app := managed(t, pythonName, "app.py", pythonApp)
	t.Run("exception", func(t *testing.T) {
		e, _ := app.start(t)
		got, r := ask(t, e, `{"raise":"bad order"}`)
		if r.FunctionError != "Unhandled" || got["errorType"] != "ValueError" || got["errorMessage"] != "bad order" || got["requestId"] != r.RequestID {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init != 0 {
			t.Errorf("after an exception the environment is gone: %s", r.Payload)
		}
	})
	t.Run("exit", func(t *testing.T) {
		e, _ := app.start(t)
		got, r := ask(t, e, `{"exit":9}`)
		if got["errorType"] != "Runtime.ExitError" || got["errorMessage"] != "RequestId: "+r.RequestID+" Error: Runtime exited with error: exit status 9" {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init == 0 {
			t.Errorf("after an exit: %s", r.Payload)
		}
	})
	t.Run("import error", func(t *testing.T) {
		e, log := app.also(func(f *Function, _ *Options) { f.Handler = "missing.handler" }).start(t)
		got, r := ask(t, e, `{}`)
		if r.FunctionError != "Unhandled" || got["errorType"] != "Runtime.ImportModuleError" {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "Phase: init\tStatus: error\tError Type: Runtime.ImportModuleError")
	})
}

// Source: reference 5.3: the bootstrap sets PYTHONPATH only where nobody has set it.
func TestPythonPathThatAHandlerSees(t *testing.T) {
	const code = "import os\ndef handler(event, context):\n    return {'path': os.environ['PYTHONPATH']}\n"
	for _, c := range []struct{ name, set, want string }{
		{"unset", "", "/var/runtime"},
		{"set by the function's configuration", "/var/task/lib:/opt/python", "/var/task/lib:/opt/python"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := managed(t, pythonName, "app.py", code).also(func(f *Function, _ *Options) {
				if c.set != "" {
					f.Env["PYTHONPATH"] = c.set
				}
			}).start(t)
			if got, _ := ask(t, e, `{}`); got["path"] != c.want {
				t.Errorf("PYTHONPATH is %v, want %s", got["path"], c.want)
			}
		})
	}
}
