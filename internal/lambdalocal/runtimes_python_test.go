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
        "event": event, "path": sys.path, "argv": sys.argv, "cwd": os.getcwd(), "boto3": boto3.__file__,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"), "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb, "name": context.function_name,
        "stream": context.log_stream_name, "execution": os.environ["AWS_EXECUTION_ENV"], "prefix": sys.prefix,
        "modules": sorted(m for m in sys.modules if m.startswith("only")),
    }
def lives(event, context):
    return {"lives": True}
`

// Sources: ENV, reference 5.3 (search path), 4 (trace header).
func TestPython(t *testing.T) {
	e, log := managed(t, pythonName, "app.py", pythonApp).also(func(f *Function, _ *Options) {
		layer := t.TempDir()
		writeFile(t, filepath.Join(layer, "python", "fromlayer.py"), "", 0o644)
		f.Layers = []string{layer}
	}).start(t)
	got, r := ask(t, e, `{"n":1}`)
	version := strings.TrimPrefix(e.fn.Runtime, "python")
	want := []string{"/var/task", "/opt/python/lib/python" + version + "/site-packages", "/opt/python", "/var/runtime"}
	var path []string
	for _, p := range got["path"].([]any) {
		path = append(path, p.(string))
	}
	if len(path) < len(want) || !slices.Equal(path[:len(want)], want) {
		t.Errorf("sys.path is %q", path)
	}
	for _, p := range path {
		if strings.HasSuffix(p, "dist-packages") || strings.HasPrefix(p, "/var/lang") && strings.HasSuffix(p, "site-packages") {
			t.Errorf("the machine's own packages are on the path: %s", p)
		}
	}
	for name, value := range map[string]any{
		"cwd": "/var/task", "boto3": "/var/runtime/boto3/__init__.py", "name": "probe", "memory": "512", "prefix": "/var/lang",
		"arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe", "execution": "AWS_Lambda_python" + version,
	} {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if argv := got["argv"].([]any); len(argv) != 1 || argv[0] != "/var/runtime/bootstrap.py" {
		t.Errorf("argv is %v", argv)
	}
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.Contains(trace, ";Sampled=0;") {
		t.Errorf("trace is %v", got["trace"])
	}
	if left := got["remaining"].(float64); left > float64(patience.Milliseconds()) || left < float64(patience.Milliseconds())-5000 {
		t.Errorf("remaining time is %v", left)
	}
	if tail := string(r.LogTail); !strings.Contains(tail, "handling "+r.RequestID+"\n") || strings.Contains(tail, "loading") {
		t.Errorf("tail is %q", tail)
	}
	log.wait(t, "loading")
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
