package lambdalocal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// rubyName is what the functions of these tests are deployed as; they run on the nearest Ruby.
const rubyName = "ruby3.4"

const rubyApp = `
require "fromlayer"
require "fromgem"
puts "loading"
class BadOrder < StandardError; end
module Orders
  class Placed
    def self.call(event:, context:) = { placed: event["n"] }
  end
end
def handler(event:, context:)
  puts "handling #{context.aws_request_id}"
  raise BadOrder, event["raise"] if event["raise"]
  no_such_thing if event["unknown"]
  exit(event["exit"]) if event["exit"]
  exit!(event["die"]) if event["die"]
  sleep if event["sleep"]
  return StringIO.new("not JSON") if event["raw"]
  { event: event, program: $0, cwd: Dir.pwd, trace: ENV["_X_AMZN_TRACE_ID"], remaining: context.get_remaining_time_in_millis,
    deadline: context.deadline_ms, arn: context.invoked_function_arn, memory: context.memory_limit_in_mb, name: context.function_name,
    version: context.function_version, group: context.log_group_name, stream: context.log_stream_name, client: context.client_context,
    identity: context.identity, tenant: context.tenant_id, execution: ENV["AWS_EXECUTION_ENV"], gems: ENV["GEM_PATH"], load: $LOAD_PATH,
    home: ENV["GEM_HOME"], layer: FROMLAYER, gem: FROMGEM, client_file: $LOADED_FEATURES.grep(/aws_lambda_ric\.rb$/).first }
end
`

// rubyFunction has a layer with a library, and with a gem for the Ruby that it is deployed for.
func rubyFunction(t *testing.T) lambda {
	return managed(t, rubyName, "app.rb", rubyApp).also(func(f *Function, _ *Options) {
		f.Runtime = rubyName
		layer := t.TempDir()
		gems := filepath.Join(layer, "ruby", "gems", "3.4.0")
		writeFile(t, filepath.Join(layer, "ruby", "lib", "fromlayer.rb"), "FROMLAYER = 'yes'\n", 0o644)
		writeFile(t, filepath.Join(gems, "gems", "fromgem-1.0.0", "lib", "fromgem.rb"), "FROMGEM = 'yes'\n", 0o644)
		writeFile(t, filepath.Join(gems, "specifications", "fromgem-1.0.0.gemspec"),
			"Gem::Specification.new { |s| s.name = 'fromgem'; s.version = '1.0.0'; s.summary = 's'; s.authors = ['a']; s.require_paths = ['lib'] }\n", 0o644)
		f.Layers = []string{layer}
	})
}

// Sources: ENV, LAYP, RTAPI (headers); reference 5.2 (argv), 5.3 (search path).
func TestRuby(t *testing.T) {
	e, log := rubyFunction(t).start(t)
	r, err := e.Invoke(t.Context(), Invocation{LogTail: true,
		Payload: []byte(`{"n":1}`), ClientContext: `{"custom":{"k":"v"}}`, CognitoIdentity: `{"cognitoIdentityId":"who"}`, TenantID: "blue",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, r)
	for name, value := range map[string]any{
		"program": "/var/runtime/index.rb", "cwd": "/var/task", "layer": "yes", "gem": "yes", "name": "probe", "memory": "512", "home": "/var/runtime",
		"version": "$LATEST", "group": "/aws/lambda/probe", "stream": e.env.logStream, "tenant": "blue", "execution": "AWS_Lambda_" + rubyName,
		"arn": "arn:aws:lambda:eu-west-1:123456789012:function:probe",
	} {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	for name, has := range map[string]string{"event": `{"n":1}`, "client": `{"custom":{"k":"v"}}`, "identity": `{"cognitoIdentityId":"who"}`} {
		if text := encode(t, got[name]); text != has {
			t.Errorf("%s is %s", name, text)
		}
	}
	if !strings.HasPrefix(fmt.Sprint(got["gems"]), "/var/task/vendor/bundle/ruby/3.4.0:/opt/ruby/gems/3.4.0:/var/runtime") {
		t.Errorf("GEM_PATH is %v", got["gems"])
	}
	if load, _ := got["load"].([]any); !slices.Contains(load, any("/var/task")) || !slices.Contains(load, any("/opt/ruby/lib")) {
		t.Errorf("load path is %v", load)
	}
	if file, _ := got["client_file"].(string); !strings.HasPrefix(file, "/var/runtime/gems/aws_lambda_ric-") {
		t.Errorf("the client is %s", file)
	}
	if trace, _ := got["trace"].(string); !strings.HasPrefix(trace, "Root=1-") {
		t.Errorf("trace is %v", got["trace"])
	}
	if left, _ := got["remaining"].(float64); left > float64(patience.Milliseconds()) || left < float64(patience.Milliseconds())-10_000 {
		t.Errorf("remaining time is %v", left)
	}
	log.wait(t, "handling "+r.RequestID)
	log.wait(t, "loading")
}

// Sources: RUBYRIC lambda_handler (forms of a handler), aws_lambda_marshaller (what is not JSON).
func TestRubyHandlers(t *testing.T) {
	for _, c := range []struct{ name, handler, event, answer string }{
		{"method of a class", "app.Orders::Placed.call", `{"n":7}`, `{"placed":7}`},
		{"file in a folder", "lib/deep.answer", `[1,2]`, `"deep 2"`},
		{"no JSON", "app.handler", `{"raw":true}`, "not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := rubyFunction(t).also(func(f *Function, _ *Options) {
				f.Handler = c.handler
				writeFile(t, filepath.Join(f.Code, "lib", "deep.rb"), "def answer(event:, context:) = \"deep #{event.size}\"\n", 0o644)
			}).start(t)
			if r, _ := invoke(t, e, c.event); string(r.Payload) != c.answer || r.FunctionError != "" {
				t.Errorf("answer is %q %s", r.Payload, r.FunctionError)
			}
		})
	}
}

// Sources: RTAPI; RUBYRIC lambda_errors, lambda_handler: what the caller gets, and which errors the
// environment survives.
func TestRubyErrors(t *testing.T) {
	app := rubyFunction(t)
	for _, c := range []struct {
		name, handler, event    string
		errorType, message, log string
		lives                   bool
	}{
		{name: "error", event: `{"raise":"no such item"}`, errorType: "Function<BadOrder>", message: "no such item", log: "Error raised from handler method", lives: true},
		{name: "unknown name", event: `{"unknown":true}`, errorType: "Function<NameError>", message: "no_such_thing", log: "Critical exception from handler"},
		{name: "exit", event: `{"exit":3}`, errorType: "Function<SystemExit>", message: "exit", log: "Critical exception from handler"},
		{name: "exit at once", event: `{"die":9}`, errorType: "Runtime.ExitError", message: "exit status 9"},
		{name: "no such file", handler: "missing.handler", errorType: "Init<LoadError>", message: "cannot load such file -- missing", log: "Error Type: "},
		{name: "no such form", handler: "handler", errorType: "Init<ArgumentError>", message: "Invalid handler", log: "Init error when loading handler"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := app.also(func(f *Function, _ *Options) {
				if c.handler != "" {
					f.Handler = c.handler
				}
			}).start(t)
			if c.event == "" {
				c.event = `{}`
			}
			got, r := ask(t, e, c.event)
			if r.FunctionError != "Unhandled" || got["errorType"] != c.errorType || !strings.Contains(got["errorMessage"].(string), c.message) {
				t.Errorf("answer is %s", r.Payload)
			}
			if stack, _ := got["stackTrace"].([]any); c.event != `{}` && strings.HasPrefix(c.errorType, "Function") &&
				!slices.ContainsFunc(stack, func(l any) bool { return strings.HasPrefix(l.(string), "/var/task/app.rb:") }) {
				t.Errorf("stack is %v", stack)
			}
			log.wait(t, c.log)
			if c.handler != "" {
				return
			}
			if _, r := ask(t, e, `{}`); r.FunctionError != "" || (r.Init == 0) != c.lives {
				t.Errorf("afterwards: %v, %s", r.Init, r.Payload)
			}
		})
	}
	t.Run("timeout", func(t *testing.T) {
		l := app
		l.timeout = handlerLimit
		e, _ := l.start(t)
		if _, r := ask(t, e, `{}`); r.FunctionError != "" { // the first one has the init in it
			t.Fatalf("answer is %s", r.Payload)
		}
		if got, r := ask(t, e, `{"sleep":true}`); r.FunctionError != "Unhandled" || !strings.Contains(got["errorMessage"].(string), "timed out") {
			t.Errorf("answer is %s", r.Payload)
		}
		if _, r := ask(t, e, `{}`); r.FunctionError != "" {
			t.Errorf("afterwards: %s", r.Payload)
		}
	})
}

// The names that a hook for AWS's client works on are there, whichever client this is, and RUBYOPT brings it
// in before them (reference 5.3).
func TestRubyHook(t *testing.T) {
	const hook = `
TracePoint.new(:end) do |point|
  case point.self.name
  when "LambdaHandler"
    point.self.prepend(Module.new do
      def call_handler(request:, context:)
        body, type = super
        $stdout.puts "hook saw #{request} #{context.class} #{handler_method_name} #{body.class}"
        [body, type]
      rescue LambdaErrors::LambdaError => e
        $stdout.puts "hook saw #{e.class} #{e.to_lambda_response[:errorType]}"
        raise
      end
    end)
  when "AwsLambdaRIC::LambdaRunner"
    point.self.prepend(Module.new do
      def send_init_error_to_server(err)
        $stdout.puts "hook saw #{err.class} in init"
        super
      end
    end)
  end
end.enable
`
	hooked := rubyFunction(t).also(func(f *Function, _ *Options) {
		writeFile(t, filepath.Join(f.Layers[0], "hook.rb"), hook, 0o644)
		f.Env["RUBYOPT"] = "-r/opt/hook.rb"
	})
	t.Run("handler", func(t *testing.T) {
		e, log := hooked.start(t)
		if _, r := ask(t, e, `{"n":1}`); r.FunctionError != "" {
			t.Errorf("answer is %s", r.Payload)
		}
		if line := log.wait(t, "hook saw"); !strings.HasSuffix(line, " LambdaContext handler String") {
			t.Errorf("line is %q", line)
		}
		ask(t, e, `{"raise":"x"}`)
		log.wait(t, "hook saw LambdaErrors::LambdaHandlerError Function<BadOrder>")
	})
	t.Run("init", func(t *testing.T) {
		e, log := hooked.also(func(f *Function, _ *Options) { f.Handler = "missing.handler" }).start(t)
		ask(t, e, `{}`)
		log.wait(t, "hook saw LoadError in init")
	})
}

// The project's own exec wrapper, without the hook's files beside it, passes everything on as it came, the next
// wrapper included. Sources: MOD; reference 5.1, 5.2.
func TestRubyExecWrapper(t *testing.T) {
	e, log := rubyFunction(t).also(ourWrapper(t)).start(t)
	if _, r := ask(t, e, `{}`); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	if args := told(log); !slices.Equal(args, []string{"/var/lang/bin/ruby", "/var/runtime/index.rb"}) {
		t.Errorf("argv is %q", args)
	}
	log.wait(t, "on AWS_Lambda_"+rubyName+" with RUBYOPT=[] DOTNET_STARTUP_HOOKS=[]")
}

// Without namespaces code, layers and client are found all the same.
func TestRubyByPath(t *testing.T) {
	e, log := rubyFunction(t).also(func(_ *Function, o *Options) { o.byPath = true }).start(t)
	if got, r := ask(t, e, `{"n":1}`); r.FunctionError != "" || got["layer"] != "yes" || got["gem"] != "yes" {
		t.Errorf("answer is %s", r.Payload)
	}
	log.wait(t, "lambdalocal: no private file system")
}

// ourWrapper adds the project's exec wrapper, and behind it one that tells what it gets.
func ourWrapper(t *testing.T) func(*Function, *Options) {
	return func(f *Function, _ *Options) {
		t.Helper()
		ours, err := os.ReadFile(filepath.Join("..", "..", "wrapper", "exec-wrapper"))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(f.Layers[0], "afterglow", "exec-wrapper"), string(ours), 0o755)
		writeFile(t, filepath.Join(f.Layers[0], "next"), `#!/bin/sh
echo "wrapped on $AWS_EXECUTION_ENV with RUBYOPT=[$RUBYOPT] DOTNET_STARTUP_HOOKS=[$DOTNET_STARTUP_HOOKS]"
for a in "$@"; do echo "arg $a"; done
exec "$@"
`, 0o755)
		f.Env[wrapperSetting] = "/opt/afterglow/exec-wrapper"
		f.Env["AFTERGLOW_EXEC_WRAPPER_NEXT"] = "/opt/next"
	}
}

// told is what the wrapper of ourWrapper got as arguments.
func told(log *recorder) []string {
	var args []string
	for _, l := range log.texts(SourceFunction) {
		if a, ok := strings.CutPrefix(l, "arg "); ok {
			args = append(args, a)
		}
	}
	return args
}

// handlerLimit is the time limit of functions that are to run into it; the init is not part of it.
const handlerLimit = 3 * time.Second

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
