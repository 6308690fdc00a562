package runtimes

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const rubyClientApp = `
require "logger"
LOG = Logger.new($stdout)
def handler(event:, context:)
  puts "two", ["lines"]
  LOG.info("logged")
  case context.aws_request_id
  when "event-1" then raise ArgumentError, "bad"
  when "event-2" then raise IOError, "disk"
  end
  { trace: ENV["_X_AMZN_TRACE_ID"], channel: ENV["_LAMBDA_TELEMETRY_LOG_FD"] }
end
`

// Sources: RTAPI; RUBYRIC: the trace's variable is set only when there is a trace; the names of errors; the
// frames of the log channel.
func TestRubyClient(t *testing.T) {
	rt := here(t, "ruby3.4")
	code := t.TempDir()
	write(t, filepath.Join(code, "app.rb"), rubyClientApp)
	api := newRuntimeAPI(t, http.Header{"Lambda-Runtime-Trace-Id": {"Root=1-a"}}, http.Header{}, http.Header{}, http.Header{})
	end := startClient(t, rt, api, code, map[string]string{"_HANDLER": "app.handler", "_LAMBDA_TELEMETRY_LOG_FD": "3"})
	for i, want := range []struct{ path, errorType, body string }{
		{"invocation/event-0/response", "", `{"trace":"Root=1-a","channel":null}`},
		{"invocation/event-1/error", "Function<ArgumentError>", `{"errorMessage":"bad","errorType":"Function<ArgumentError>","stackTrace":["` + code + `/app.rb:`},
		{"invocation/event-2/error", "Function<UserException>", `{"errorMessage":"disk","errorType":"Function<IOError>"`},
		{"invocation/event-3/response", "", `{"trace":"Root=1-a","channel":null}`},
	} {
		p := api.post(t)
		if p.path != want.path || !strings.HasPrefix(p.body, want.body) || p.header.Get("Lambda-Runtime-Function-Error-Type") != want.errorType {
			t.Errorf("%d: %+v", i, p)
		}
		if !strings.HasPrefix(p.header.Get("User-Agent"), "aws-lambda-ruby/") {
			t.Errorf("user agent is %q", p.header.Get("User-Agent"))
		}
		checkCause(t, p, want.errorType != "")
	}
	channel, output := end()
	messages := frames(t, channel)
	if len(messages) < 2 || messages[0] != "two\nlines\n" || !strings.HasPrefix(messages[1], "I, [") || !strings.HasSuffix(messages[1], "  INFO event-0 -- : logged") {
		t.Errorf("messages are %q", messages)
	}
	if output != "" {
		t.Errorf("beside the channel there was %q", output)
	}
}

// AWS's own gem is used where an interpreter has it. This one has its name only.
func TestRubyGem(t *testing.T) {
	rt := here(t, "ruby3.4")
	home := t.TempDir()
	write(t, filepath.Join(home, "gems", "aws_lambda_ric-9.9.9", "lib", "aws_lambda_ric.rb"),
		"module AwsLambdaRIC; class Bootstrap; def start = puts('the gem, ' + __dir__); end; end\n")
	write(t, filepath.Join(home, "specifications", "aws_lambda_ric-9.9.9.gemspec"),
		"Gem::Specification.new { |s| s.name = 'aws_lambda_ric'; s.version = '9.9.9'; s.summary = 's'; s.authors = ['a'] }\n")
	t.Setenv("GEM_PATH", home)
	_, version := split(rt.Name)
	r, ok := locateRubies(t.Context())[version]
	if !ok || r.gem != filepath.Join(home, "gems", "aws_lambda_ric-9.9.9") {
		t.Fatalf("found %+v", r)
	}
	rt.Dir = filepath.Join(t.TempDir(), "runtime")
	if err := placeRubyClient(r, rt.Dir); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", "ruby"), filepath.Join(rt.Dir, "index.rb"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || out.String() != "the gem, "+filepath.Join(rt.Dir, "gems", "aws_lambda_ric-9.9.9", "lib")+"\n" {
		t.Errorf("%v, %s", err, out.String())
	}
	if stamp, err := rubyStamp(r); err != nil || !strings.Contains(stamp, r.gem) {
		t.Errorf("a gem that comes later would not be taken: %q %v", stamp, err)
	}
}
