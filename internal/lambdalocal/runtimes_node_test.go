package lambdalocal

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.Contains(trace, ";Sampled=0;") {
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
