package lambdalocal

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// javaTimeout is the functions' timeout in tests that wait for one: a start of Java fits into it.
const javaTimeout = 5 * time.Second

// java is a function of testdata/java on a Java runtime with AWS's own client, and a layer with java/lib.
func java(t *testing.T, name, handler string) lambda {
	t.Helper()
	base := managed(t, name, "unused", "")
	var fn Function
	var opt Options
	base.change(&fn, &opt)
	classes, code, layer := t.TempDir(), t.TempDir(), t.TempDir()
	compileJava(t, opt.Runtime, classes)
	if err := copyTree(filepath.Join(classes, "app"), filepath.Join(code, "app")); err != nil {
		t.Fatal(err)
	}
	writeJar(t, filepath.Join(code, "lib", "words.jar"), classes, "", "lib/Words.class")
	writeJar(t, filepath.Join(layer, "java", "lib", "words.jar"), classes, "", "layer/Words.class")
	writeJar(t, filepath.Join(layer, "agent.jar"), classes, "Premain-Class: app.Agent\n", "app/Agent.class")
	return lambda{change: func(f *Function, o *Options) {
		o.Runtime = opt.Runtime
		f.Runtime, f.Handler, f.Code, f.Layers, f.MemoryMB = fn.Runtime, handler, code, []string{layer}, 512
	}}
}

// compileJava compiles the functions with the compiler of their own runtime, or else with whatever there is.
func compileJava(t *testing.T, rt runtimes.Runtime, into string) {
	t.Helper()
	javac := filepath.Join(rt.Lang, "bin", "javac")
	if _, err := os.Stat(javac); err != nil {
		if javac, err = exec.LookPath("javac"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("SKIPPED, NOT TESTED: there is no javac; install a JDK, for example with: sudo apt-get install -y openjdk-17-jdk-headless")
		}
	}
	var files []string
	for _, pattern := range []string{"app", "layer", "lib"} {
		found, err := filepath.Glob(filepath.Join("testdata", "java", pattern, "*.java"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no Java files in %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	argv := append([]string{"--release", "11", "-nowarn", "-Xlint:-options", "-cp", filepath.Join(rt.Dir, "lib", "*"), "-d", into}, files...)
	if out, err := exec.CommandContext(t.Context(), javac, argv...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
}

// writeJar puts files of a folder into a jar, with a manifest if it has attributes.
func writeJar(t *testing.T, path, from, attributes string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	content := map[string][]byte{}
	if attributes != "" {
		content["META-INF/MANIFEST.MF"] = []byte("Manifest-Version: 1.0\n" + attributes)
	}
	for _, name := range names {
		if content[name], err = os.ReadFile(filepath.Join(from, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range content {
		entry, err := w.Create(name)
		if err == nil {
			_, err = entry.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Sources: ENV, reference 5.2 (argv), 5.4 (java/lib), 4 (trace header as system property); JAVARIC.
func TestJava(t *testing.T) {
	eachFound(t, []string{"java17", "java21", "java25"}, func(t *testing.T, name string) {
		e, log := java(t, name, "app.Orders").start(t)
		r, err := e.Invoke(t.Context(), Invocation{LogTail: true, Payload: []byte(`{"n":1}`), ClientContext: `{"custom":{"a":"b"}}`,
			CognitoIdentity: `{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}`})
		if err != nil {
			t.Fatal(err)
		}
		got := decode(t, r)
		version := strings.TrimPrefix(e.fn.Runtime, "java")
		for name, value := range map[string]any{
			"user.dir": "/var/task", "java.home": "/var/lang", "java.specification.version": version, "command": "/var/lang/bin/java",
			"AWS_EXECUTION_ENV": "AWS_Lambda_java" + version, "_HANDLER": "app.Orders", "fromlayer": "from the layer", "fromlib": "from lib",
			"name": "probe", "version": "$LATEST", "arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe", "memory": 512.0,
			"stream": e.env.logStream, "identity": "me", "LD_LIBRARY_PATH": managedLibs,
		} {
			if got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		if client, _ := got["client"].(map[string]any); client["a"] != "b" {
			t.Errorf("client context is %v", got["client"])
		}
		if trace, _ := got["com.amazonaws.xray.traceHeader"].(string); !strings.HasPrefix(trace, "Root=1-") || !strings.Contains(trace, ";Sampled=0;") {
			t.Errorf("trace is %q", trace)
		}
		if left, _ := got["remaining"].(float64); left <= 0 || left > float64(patience.Milliseconds()) {
			t.Errorf("remaining time is %v", got["remaining"])
		}
		checkJavaArgv(t, got["argv"].([]any))
		if tail := string(r.LogTail); !strings.Contains(tail, "handling "+r.RequestID+"\n") || strings.Contains(tail, "loading") {
			t.Errorf("tail is %q", tail)
		}
		for _, line := range []string{"loading", "by the logger", "in two lines", "to stderr"} {
			log.wait(t, line)
		}
		if log.has("WARNING") {
			t.Error("Java warns of something")
		}
		if left, err := os.ReadDir(e.layout.tmp); err != nil || slices.ContainsFunc(left, func(d os.DirEntry) bool { return strings.HasSuffix(d.Name(), ".so") }) {
			t.Errorf("the client's native part was written to /tmp: %v %v", left, err)
		}
	})
}

func checkJavaArgv(t *testing.T, argv []any) {
	t.Helper()
	if argv[0] != "-XX:MaxHeapSize=445645k" || argv[len(argv)-1] != "app.Orders" ||
		argv[len(argv)-2] != "com.amazonaws.services.lambda.runtime.api.client.AWSLambda" {
		t.Errorf("argv is %q", argv)
	}
}

// Source: JAVARIC EventHandlerLoader: what may be a handler.
func TestJavaHandlers(t *testing.T) {
	app := java(t, "java17", "app.Orders")
	for _, c := range []struct{ name, handler, event, want string }{
		{"stream handler", "app.Streams", `"abc"`, `"ABC"`},
		{"stream handler with method", "app.Streams::handleRequest", `"abc"`, `"ABC"`},
		{"own method and class", "app.Plain::next", `{"number":6}`, `{"number":7}`},
		{"static method", "app.Plain::greet", `"you"`, `"hello you"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := app.also(func(f *Function, _ *Options) { f.Handler = c.handler }).start(t)
			if r, _ := invoke(t, e, c.event); string(r.Payload) != c.want || r.FunctionError != "" {
				t.Errorf("answer is %s %s", r.Payload, r.FunctionError)
			}
		})
	}
}

// Sources: RTAPI; JAVARIC: what the caller gets when the function throws, exits, cannot be loaded or takes too long.
func TestJavaErrors(t *testing.T) {
	app := java(t, "java17", "app.Orders")
	t.Run("exception", func(t *testing.T) {
		e, log := app.start(t)
		got, r := ask(t, e, `{"raise":"bad order"}`)
		if r.FunctionError != "Unhandled" || got["errorType"] != "java.lang.IllegalStateException" || got["errorMessage"] != "bad order" {
			t.Errorf("answer is %s", r.Payload)
		}
		stack, _ := got["stackTrace"].([]any)
		if len(stack) == 0 || !strings.HasPrefix(stack[0].(string), "app.Orders.handleRequest(Orders.java:") {
			t.Errorf("stack trace is %v", got["stackTrace"])
		}
		log.wait(t, "bad order: java.lang.IllegalStateException")
		log.wait(t, "Caused by: java.lang.RuntimeException: deeper")
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
	t.Run("timeout", func(t *testing.T) {
		e, log := app.also(func(f *Function, _ *Options) { f.Timeout = javaTimeout }).start(t)
		got, r := ask(t, e, `{"sleep":60000}`)
		if message, _ := got["errorMessage"].(string); r.FunctionError != "Unhandled" || !strings.HasSuffix(message, "Task timed out after 5.00 seconds") {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "Status: timeout")
		if _, r := ask(t, e, `{}`); r.FunctionError != "" || r.Init == 0 {
			t.Errorf("after a timeout: %s", r.Payload)
		}
	})
	for _, c := range []struct{ name, handler, errorType, message, phase string }{
		{"constructor throws", "app.Broken::handle", "java.lang.IllegalStateException", "no database", "Phase: init\tStatus: error"},
		{"no such class", "app.Missing", "java.lang.ClassNotFoundException", "Class not found: app.Missing", ""},
		{"no such method", "app.Plain::nothing", "", "No public method named nothing", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := app.also(func(f *Function, _ *Options) { f.Handler = c.handler }).start(t)
			got, r := ask(t, e, `{}`)
			if message, _ := got["errorMessage"].(string); r.FunctionError != "Unhandled" || !strings.Contains(message, c.message) ||
				c.errorType != "" && got["errorType"] != c.errorType {
				t.Errorf("answer is %s", r.Payload)
			}
			if c.phase != "" {
				log.wait(t, c.phase)
			}
		})
	}
}

// Sources: MOD; reference 5.1 to 5.3: from Java 17 on the handler is the last argument and wins over _HANDLER.
func TestJavaExecWrapper(t *testing.T) {
	app := java(t, "java17", "app.Streams")
	wrapped := func(script string) func(*Function, *Options) {
		return func(f *Function, _ *Options) {
			writeFile(t, filepath.Join(f.Layers[0], "wrapper"), "#!/bin/bash\n"+script, 0o755)
			f.Env[wrapperSetting] = "/opt/wrapper"
		}
	}
	t.Run("argv", func(t *testing.T) {
		e, log := app.also(wrapped(`echo "wrapped $1 on $AWS_EXECUTION_ENV"; for last; do :; done; echo "last $last"; _HANDLER=app.Plain::greet exec "$@"`)).start(t)
		if r, _ := invoke(t, e, `"abc"`); string(r.Payload) != `"ABC"` {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "wrapped /var/lang/bin/java on AWS_Lambda_"+e.fn.Runtime)
		log.wait(t, "last app.Streams")
	})
	t.Run("handler in argv", func(t *testing.T) {
		e, _ := app.also(wrapped(`exec "${@//app.Streams/app.Plain::greet}"`)).start(t)
		if r, _ := invoke(t, e, `"you"`); string(r.Payload) != `"hello you"` {
			t.Errorf("answer is %s", r.Payload)
		}
	})
	t.Run("options and agent", func(t *testing.T) {
		e, log := app.also(func(f *Function, _ *Options) {
			f.Handler = "app.Orders"
			f.Env["JAVA_TOOL_OPTIONS"] = "-Donly.option=yes -javaagent:/opt/agent.jar=loaded"
		}).start(t)
		if got, r := ask(t, e, `{}`); got["only.option"] != "yes" || got["only.agent"] != "loaded" {
			t.Errorf("answer is %s", r.Payload)
		}
		log.wait(t, "Picked up JAVA_TOOL_OPTIONS: -Donly.option=yes -javaagent:/opt/agent.jar=loaded")
	})
}

// Source: reference 5.2 (SAM): up to Java 11 the main class is another one and the handler is no argument, so
// an exec wrapper changes it through _HANDLER. A newer Java that stands in does the same.
func TestJava11(t *testing.T) {
	e, log := java(t, "java11", "app.Streams").also(func(f *Function, _ *Options) {
		f.Runtime = "java11"
		writeFile(t, filepath.Join(f.Layers[0], "wrapper"), "#!/bin/bash\nfor last; do :; done; echo \"last $last on $AWS_EXECUTION_ENV\"; _HANDLER=app.Plain::greet exec \"$@\"", 0o755)
		f.Env[wrapperSetting] = "/opt/wrapper"
	}).start(t)
	if r, _ := invoke(t, e, `"you"`); string(r.Payload) != `"hello you"` {
		t.Errorf("answer is %s", r.Payload)
	}
	log.wait(t, "last lambdainternal.AWSLambda on AWS_Lambda_java11")
}
