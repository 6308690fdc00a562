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
	var out map[string]any
	if err := json.Unmarshal(r.Payload, &out); err != nil {
		t.Fatalf("answer is %s: %v", r.Payload, err)
	}
	return out, r
}

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
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.HasSuffix(trace, ";Sampled=0") {
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

const nodeApp = `
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { fromlayer } from "fromlayer";
export const handler = async (event, context) => {
  console.log("handling", context.awsRequestId);
  if (event.raise) throw new TypeError(event.raise);
  if (event.reject) { Promise.reject(new Error(event.reject)); await new Promise(r => setTimeout(r, 5000)); }
  return { event, argv: process.argv, execArgv: process.execArgv, cwd: process.cwd(), trace: process.env._X_AMZN_TRACE_ID,
    nodePath: process.env.NODE_PATH, version: process.version, sdk: typeof DynamoDBClient, fromlayer,
    remaining: context.getRemainingTimeInMillis(), arn: context.invokedFunctionArn };
};
export const stream = awslambda.streamifyResponse(async (event, out) => {
  out.write("first ");
  await new Promise(r => setTimeout(r, 20));
  out.write("second");
  out.end();
});
`

func node(t *testing.T) lambda {
	return managed(t, nodeName, "app.mjs", nodeApp).also(func(f *Function, _ *Options) {
		layer := t.TempDir()
		writeFile(t, filepath.Join(layer, "nodejs", "node_modules", "fromlayer", "index.js"), "exports.fromlayer = 'yes';\n", 0o644)
		f.Layers = []string{layer}
	})
}

// Sources: ENV, reference 5.2 (argv), 5.3 (NODE_PATH), 4 (trace header).
func TestNode(t *testing.T) {
	e, log := node(t).start(t)
	got, r := ask(t, e, `{"n":1}`)
	major := strings.TrimSuffix(strings.TrimPrefix(e.fn.Runtime, "nodejs"), ".x")
	for name, value := range map[string]any{
		"cwd": "/var/task", "sdk": "function", "fromlayer": "yes", "arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe",
		"nodePath": "/opt/nodejs/node" + major + "/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
	} {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if version := got["version"].(string); !strings.HasPrefix(version, "v"+major+".") {
		t.Errorf("this is Node.js %s", version)
	}
	if argv := got["argv"].([]any); len(argv) != 2 || argv[0] != "/var/lang/bin/node" || argv[1] != "/var/runtime/index.mjs" {
		t.Errorf("argv is %v", argv)
	}
	if flags := got["execArgv"].([]any); !slices.Contains(flags, any("--max-old-space-size=461")) || !slices.Contains(flags, any("--expose-gc")) {
		t.Errorf("flags are %v", flags)
	}
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.HasSuffix(trace, ";Sampled=0") {
		t.Errorf("trace is %v", got["trace"])
	}
	if !strings.Contains(string(r.LogTail), "handling "+r.RequestID) {
		t.Errorf("tail is %q", r.LogTail)
	}
	log.wait(t, "handling")
}

// Sources: RTAPI; NODERIC 4.0.2, which, unlike 3, leaves what nobody handles to Node.js.
func TestNodeErrors(t *testing.T) {
	app := node(t)
	t.Run("exception", func(t *testing.T) {
		e, _ := app.start(t)
		got, r := ask(t, e, `{"raise":"bad order"}`)
		if r.FunctionError != "Unhandled" || got["errorType"] != "TypeError" || got["errorMessage"] != "bad order" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
	t.Run("unhandled rejection", func(t *testing.T) {
		e, log := app.start(t)
		got, r := ask(t, e, `{"reject":"nobody"}`)
		want := "Runtime.ExitError"
		if e.fn.Runtime == "nodejs20.x" {
			want = "Runtime.UnhandledPromiseRejection"
		}
		if r.FunctionError != "Unhandled" || got["errorType"] != want {
			t.Errorf("answer is %s, want %s", r.Payload, want)
		}
		log.wait(t, "Error Type: Runtime.ExitError")
	})
	t.Run("import error", func(t *testing.T) {
		e, _ := app.also(func(f *Function, _ *Options) { f.Handler = "missing.handler" }).start(t)
		got, r := ask(t, e, `{}`)
		if r.FunctionError != "Unhandled" || got["errorType"] != "Runtime.ImportModuleError" {
			t.Errorf("answer is %s", r.Payload)
		}
	})
}

// Source: reference 4 "Streaming": a streamed response is collected.
func TestNodeStreaming(t *testing.T) {
	e, _ := node(t).also(func(f *Function, _ *Options) { f.Handler = "app.stream" }).start(t)
	r, _ := invoke(t, e, `{}`)
	if string(r.Payload) != "first second" || r.FunctionError != "" {
		t.Errorf("answer is %q %s", r.Payload, r.FunctionError)
	}
}

// Sources: MOD; reference 5.1, 5.3: NODE_OPTIONS of the wrapper, the same process from wrapper to runtime.
func TestNodeExecWrapper(t *testing.T) {
	e, log := node(t).also(func(f *Function, _ *Options) {
		writeFile(t, filepath.Join(f.Layers[0], "hook.cjs"), `console.log("hook in pid", process.pid);`, 0o644)
		writeFile(t, filepath.Join(f.Layers[0], "wrapper"), "#!/bin/sh\necho \"wrapper in pid $$ for $5\"\nexport NODE_OPTIONS=\"--require /opt/hook.cjs\"\nexec \"$@\"\n", 0o755)
		f.Env[wrapperSetting] = "/opt/wrapper"
	}).start(t)
	if _, r := ask(t, e, `{}`); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	inWrapper, inHook := log.wait(t, "wrapper in pid "), log.wait(t, "hook in pid ")
	if strings.Fields(inWrapper)[3] != strings.Fields(inHook)[3] {
		t.Errorf("%q, %q", inWrapper, inHook)
	}
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
