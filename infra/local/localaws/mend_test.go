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
