package lambdalocal

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const nodeApp = `
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { fromlayer } from "fromlayer";
import { existsSync } from "node:fs";
export const handler = async (event, context) => {
  console.log("handling", context.awsRequestId);
  if (event.raise) throw new TypeError(event.raise);
  if (event.reject) { Promise.reject(new Error(event.reject)); await new Promise(r => setTimeout(r, 5000)); }
  return { event, argv: process.argv, execArgv: process.execArgv, cwd: process.cwd(), trace: process.env._X_AMZN_TRACE_ID,
    env: process.env, certificates: existsSync("/var/runtime/ca-cert.pem"), version: process.version, sdk: typeof DynamoDBClient, fromlayer,
    remaining: context.getRemainingTimeInMillis(), arn: context.invokedFunctionArn };
};
export const stream = awslambda.streamifyResponse(async (event, out) => {
  if (event.page) out = awslambda.HttpResponseStream.from(out, { statusCode: 201, headers: { "x-kind": "page" } });
  out.write("first ");
  await new Promise(r => setTimeout(r, 20));
  if (event.raise) throw new TypeError(event.raise);
  out.write("second");
  out.end();
});
`

func nodeVersions() []string { return []string{"nodejs20.x", "nodejs22.x", "nodejs24.x"} }

func node(t *testing.T, name string) lambda {
	return managed(t, name, "app.mjs", nodeApp).also(func(f *Function, _ *Options) {
		layer := t.TempDir()
		writeFile(t, filepath.Join(layer, "nodejs", "node_modules", "fromlayer", "index.js"), "exports.fromlayer = 'yes';\n", 0o644)
		f.Layers = []string{layer}
	})
}

// Sources: ENV, reference 5.2 (argv), 5.3 (NODE_PATH; from Node.js 20 on NODE_EXTRA_CA_CERTS is not set but
// its file is there), 4 (trace header).
func TestNode(t *testing.T) {
	eachFound(t, nodeVersions(), func(t *testing.T, name string) {
		e, log := node(t, name).start(t)
		got, r := ask(t, e, `{"n":1}`)
		major := strings.TrimSuffix(strings.TrimPrefix(name, "nodejs"), ".x")
		for name, value := range map[string]any{
			"cwd": "/var/task", "sdk": "function", "fromlayer": "yes", "arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe",
			"certificates": true,
		} {
			if got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		checkManagedEnv(t, e, got, map[string]string{
			"NODE_EXTRA_CA_CERTS": "",
			"NODE_PATH":           "/opt/nodejs/node" + major + "/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
		})
		if version := got["version"].(string); !strings.HasPrefix(version, "v"+major+".") {
			t.Errorf("this is Node.js %s", version)
		}
		if argv := texts(got["argv"]); !slices.Equal(argv, []string{"/var/lang/bin/node", "/var/runtime/index.mjs"}) {
			t.Errorf("argv is %q", argv)
		}
		flags := []string{"--expose-gc", "--max-http-header-size", "81920", "--max-semi-space-size=25", "--max-old-space-size=461"}
		if got := texts(got["execArgv"]); len(got) < len(flags) || !slices.Equal(got[:len(flags)], flags) {
			t.Errorf("flags are %q", got)
		}
		if !strings.Contains(string(r.LogTail), "handling "+r.RequestID) && !strings.Contains(string(r.LogTail), r.RequestID+"\tINFO\thandling") {
			t.Errorf("tail is %q", r.LogTail)
		}
		log.wait(t, "handling")
	})
}

// Source: reference 5.3: NODE_PATH and NODE_EXTRA_CA_CERTS of the function's configuration stay.
func TestNodeEnvironmentOfTheFunction(t *testing.T) {
	want := map[string]string{"NODE_PATH": "/var/task/vendor", "NODE_EXTRA_CA_CERTS": "/var/runtime/ca-cert.pem"}
	e, log := managed(t, nodeName, "app.mjs", "export const handler = async () => ({ env: process.env, trace: process.env._X_AMZN_TRACE_ID });").also(
		func(f *Function, _ *Options) { merge(f.Env, want) }).start(t)
	got, _ := ask(t, e, `{}`)
	checkManagedEnv(t, e, got, want)
	if log.has("Warning") {
		t.Error("Node.js warns of something")
	}
}

// Sources: RTAPI; NODERIC 4.0.2, which, unlike 3, leaves what nobody handles to Node.js.
func TestNodeErrors(t *testing.T) {
	app := node(t, nodeName)
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

// Source: reference 4 "Streaming": who asks for a stream gets it, everybody else gets what was collected.
func TestNodeStreaming(t *testing.T) {
	eachFound(t, nodeVersions(), func(t *testing.T, name string) {
		e, _ := node(t, name).also(func(f *Function, _ *Options) { f.Handler = "app.stream" }).start(t)
		for _, c := range []struct{ name, event, streamed, contentType, functionError string }{
			{"stream", `{}`, "first second", "application/octet-stream", ""},
			{"function URL", `{"page":true}`, `{"statusCode":201,"headers":{"x-kind":"page"}}` + strings.Repeat("\x00", 8) + "first second",
				"application/vnd.awslambda.http-integration-response", ""},
			{"breaks", `{"raise":"no more paper"}`, "first ", "application/octet-stream", "Unhandled"},
		} {
			t.Run(c.name, func(t *testing.T) {
				var got strings.Builder
				var head StreamHead
				r, err := e.Invoke(t.Context(), Invocation{Payload: []byte(c.event), Stream: func(h StreamHead) io.Writer {
					head = h
					return &got
				}})
				if err != nil {
					t.Fatal(err)
				}
				if got.String() != c.streamed || r.FunctionError != c.functionError || head.ContentType != c.contentType || !head.Streaming {
					t.Errorf("%q of %+v, %s", got.String(), head, r.FunctionError)
				}
				if c.functionError != "" && !strings.Contains(string(r.Payload), "no more paper") {
					t.Errorf("error is %s", r.Payload)
				}
				if r, _ := invoke(t, e, c.event); c.functionError == "" && (string(r.Payload) != c.streamed || r.FunctionError != "") {
					t.Errorf("collected is %q, %s", r.Payload, r.FunctionError)
				}
			})
		}
	})
}

// Sources: MOD; reference 5.1, 5.3: NODE_OPTIONS of the wrapper, the same process from wrapper to runtime.
func TestNodeExecWrapper(t *testing.T) {
	e, log := node(t, nodeName).also(func(f *Function, _ *Options) {
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
