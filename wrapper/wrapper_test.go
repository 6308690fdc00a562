package wrapper

import (
	"slices"
	"strings"
	"testing"
)

func TestFilesShipHooksOnly(t *testing.T) {
	shipped, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	var names, executable []string
	for _, file := range shipped {
		names = append(names, file.Path)
		if file.Executable {
			executable = append(executable, file.Path)
		}
		if len(file.Data) == 0 && !strings.HasSuffix(file.Path, "__init__.py") {
			t.Errorf("%s is empty", file.Path)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
	if !slices.Equal(executable, []string{"exec-wrapper"}) {
		t.Errorf("executable: %v, want the exec wrapper alone", executable)
	}
	for _, directory := range []string{"python/", "node/", "ruby/"} {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, directory) }) {
			t.Errorf("nothing ships of %s", directory)
		}
	}
}

func TestShips(t *testing.T) {
	for name, want := range map[string]bool{
		"exec-wrapper":                       true,
		"python/sitecustomize.py":            true,
		"python/afterglow/__init__.py":       true,
		"python/afterglow/clients/http.py":   true,
		"python/afterglow/latest.py":         true,
		"node/start.cjs":                     true,
		"python/test_spool.py":               false,
		"python/spool_test.py":               false,
		"python/tests":                       false,
		"python/afterglow/__pycache__":       false,
		"python/afterglow/spool.cpython.pyc": false,
		"python/.pytest_cache":               false,
		"ruby/start.rb":                      true,
		"ruby/clients/net_http.rb":           true,
		"ruby/README.md":                     false,
		"ruby/tests":                         false,
		"ruby/test_spool.rb":                 false,
		"ruby/spool_test.rb":                 false,
		"node/spool.test.js":                 false,
		"node/test":                          false,
		"node/node_modules":                  false,
		"node/package-lock.json":             false,
		"node/README.md":                     false,
		"node/spool.cjs~":                    false,
	} {
		if got := ships(name); got != want {
			t.Errorf("ships(%q) = %v, want %v", name, got, want)
		}
	}
}
