package localaws

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A MiniStack as it is gets mended, and one that has changed works as it does without us.
func TestMend(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		missing(t, err)
	}
	const module = `
_functions = {"f": {"config": {"FunctionName": "f", "url": "http://here/"}}}
def _proxy_url_for(config): return config.get("url")
def _execute_function_proxy(func, event, url, request_id): return {"body": {"_afterglow_outcome": {"error": True, "url": url}} if event else "fine"}
`
	const ask = `
from ministack.services import lambda_svc as m
print(m._proxy_url_for({"FunctionName": "f"}), m._proxy_url_for({"FunctionName": "g"}), m._proxy_url_for({"FunctionName": "f", "url": "own"}))
print(m._execute_function_proxy({}, {}, "http://here/", "r"))
print(m._execute_function_proxy({}, {"a": 1}, "http://here/?timeout=3s", "r"))
`
	tests := []struct{ name, module, ask, want string }{
		{"as it is", module, ask, "http://here/ None own\n{'body': 'fine'}\n{'error': True, 'url': 'http://here/?timeout=3s&errors=whole'}\n"},
		{"without functions", strings.Replace(module, "_functions", "_records", 1), ask,
			"None None own\n{'body': 'fine'}\n{'body': {'_afterglow_outcome': {'error': True, 'url': 'http://here/?timeout=3s'}}}\n"},
		{"without a proxy mode", "answer = 1", "from ministack.services import lambda_svc\nprint(lambda_svc.answer)", "1\n"},
		{"without the module", "", "import ministack.services\nprint('fine')", "fine\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			services := filepath.Join(dir, "ministack", "services")
			if err := os.MkdirAll(services, 0o755); err != nil {
				t.Fatal(err)
			}
			if test.module != "" {
				if err := os.WriteFile(filepath.Join(services, "lambda_svc.py"), []byte(test.module), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := writeMend(dir); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), python, "-c", test.ask)
			command.Dir = dir
			command.Env = append(os.Environ(), "PYTHONPATH="+mendFolder(dir))
			out, err := command.CombinedOutput()
			if err != nil || string(out) != test.want {
				t.Errorf("%v: got\n%swant\n%s", err, out, test.want)
			}
		})
	}
}

// Every function is led to the address in the file, and its configuration tells nothing of it; a custom resource whose function
// fails without an answer fails with the function's error, and one that was answered is left alone.
func TestMendLeadsEveryFunction(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		missing(t, err)
	}
	dir := t.TempDir()
	services := filepath.Join(dir, "ministack", "services")
	files := map[string]string{
		"lambda_svc.py": `
_functions = {}
def _proxy_url_for(config): return config.get("url")
def _execute_function_proxy(func, event, url, request_id):
    print(url, func["config"]["Timeout"])
    return event["answer"]
`,
		"cloudformation/custom_resource.py": `
import threading
_pending = {"open": {"event": threading.Event()}, "answered": {"event": threading.Event()}}
_pending["answered"]["event"].set()
def deliver_response(token, response): print(token, response)
`,
	}
	for name, text := range files {
		path := filepath.Join(services, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeMend(dir); err != nil {
		t.Fatal(err)
	}
	if err := (&Server{dir: dir}).Lead("http://here/proxy/"); err != nil {
		t.Fatal(err)
	}
	const ask = `
from ministack.services import lambda_svc as m
from ministack.services.cloudformation import custom_resource
config = {"FunctionName": "a b", "Timeout": 3, "url": "own"}
func = {"config": config}
def call(**event): m._execute_function_proxy(func, event, m._proxy_url_for(config), "r")
refused = {"error": True, "body": {"errorType": "Runtime.HandlerError", "errorMessage": "Proxy target returned HTTP 400: no such runtime\n"}}
raised = {"body": {"_afterglow_outcome": {"error": True, "body": {"errorType": "ValueError", "errorMessage": "boom"}}}}
call(answer=refused, ResponseURL="http://aws/open")
call(answer=raised, ResponseURL="http://aws/open")
call(answer=raised, ResponseURL="http://aws/answered")
call(answer=raised, ResponseURL="http://elsewhere/unknown")
call(answer=raised)
call(answer={"body": 1}, ResponseURL="http://aws/open")
print(config)
`
	const led = "http://here/proxy/a%20b?errors=whole 1800\n"
	const want = led + "open {'Status': 'FAILED', 'Reason': 'function a b failed: no such runtime'}\n" +
		led + "open {'Status': 'FAILED', 'Reason': 'function a b failed: ValueError: boom'}\n" +
		led + led + led + led + "{'FunctionName': 'a b', 'Timeout': 3, 'url': 'own'}\n"
	command := exec.CommandContext(t.Context(), python, "-c", ask)
	command.Dir = dir
	command.Env = append(os.Environ(), "PYTHONPATH="+mendFolder(dir), "AFTERGLOW_LEAD="+leadFile(dir))
	if out, err := command.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v: got\n%swant\n%s", err, out, want)
	}
}
