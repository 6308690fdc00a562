// Package wrapper carries the files that run inside the function's process, so that whoever lays out a layer has them at
// hand: in this repository, in the module cache and in a vendored project alike.
//
// It takes nothing and knows nothing above itself. It gives the exec wrapper and the hooks of each runtime, without their
// tests, in a fixed order, and promises that what it gives depends on the contents of this directory alone: neither on
// files that an interpreter leaves behind nor on the modes that an archive happened to keep.
package wrapper

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// execWrapper is the one file that is executed; everything else is read by an interpreter.
const execWrapper = "exec-wrapper"

// "all:" is needed for Python's __init__.py, which a plain pattern would leave out; what it lets in beyond that, ships sorts
// out.
//
//go:embed exec-wrapper all:python all:node ruby java/afterglow-agent.jar java/afterglow-agent.classes dotnet/afterglow-start.dll dotnet/afterglow.dll
var files embed.FS

// A File is one file of the layer.
type File struct {
	Path       string // relative to this directory, with slashes
	Executable bool
	Data       []byte
}

// Files gives every file that ships, sorted by path.
func Files() ([]File, error) {
	var found []File
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && !ships(name) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		found = append(found, File{Path: name, Executable: name == execWrapper, Data: data})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded hooks: %w", err)
	}
	compiled, err := bytecode(found)
	if err != nil {
		return nil, fmt.Errorf("read embedded hooks: %w", err)
	}
	found = append(found, compiled...)
	slices.SortFunc(found, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return found, nil
}

// ships tells the hooks from their tests, their documentation and what tools leave beside them. A kind of file that it does
// not know ships: a hook that misses a file fails in the user's account, one file too many costs a few bytes.
func ships(name string) bool {
	base := path.Base(name)
	if name == bytecodeDir { // what is in its archives ships
		return false
	}
	if strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") {
		return false
	}
	switch base {
	case "__pycache__", "node_modules", "package-lock.json", "test", "testdata", "tests", "conftest.py", "pytest.ini":
		return false
	}
	stem, extension := strings.TrimSuffix(base, path.Ext(base)), path.Ext(base)
	switch extension {
	case ".md", ".pyc", ".go":
		return false
	case ".py":
		return !strings.HasPrefix(stem, "test_") && !strings.HasSuffix(stem, "_test")
	case ".rb":
		return !strings.HasPrefix(stem, "test_") && !strings.HasSuffix(stem, "_test")
	case ".js", ".cjs", ".mjs":
		return !strings.HasSuffix(stem, ".test") && !strings.HasSuffix(stem, "_test")
	}
	return true
}
