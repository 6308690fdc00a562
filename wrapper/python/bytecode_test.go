package python_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"flag"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/wrapper"
)

var update = flag.Bool("update", false, "compile the hook anew for every Python of this machine")

// compiler writes the byte code of the file argv[1] to argv[2]. "Unchecked" means that Python takes it without a look at the
// source, whose time in a layer is made up; argv[3] is the name that tracebacks would show.
const compiler = `
import py_compile, sys
py_compile.compile(sys.argv[1], sys.argv[2], dfile=sys.argv[3], doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
`

// TestBytecode holds the archives against the sources. With -update it writes them, for the Pythons that are here.
func TestBytecode(t *testing.T) {
	sources := pythonSources(t)
	sum := wrapper.SumPython(sources)
	if *update {
		for _, version := range versions {
			t.Run("write "+version, func(t *testing.T) {
				rt := find(t, version)
				write(t, archiveOf(version), string(compile(t, rt, version, sources, sum)), 0o644)
			})
		}
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			archive, err := zip.OpenReader(archiveOf(version))
			if err != nil {
				t.Fatalf("the hook is compiled at every cold start of Python %s (%v); on a machine that has one run: go test ./wrapper/python -run TestBytecode -update", version, err)
			}
			defer archive.Close()
			if archive.Comment != sum {
				t.Fatalf("%s was made from other sources and does not ship; run: go test ./wrapper/python -run TestBytecode -update", archiveOf(version))
			}
			var names, want []string
			for _, member := range archive.File {
				names = append(names, member.Name)
			}
			for _, source := range sources {
				want = append(want, cached(source.Path, version))
			}
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("it holds %v, want %v", names, want)
			}
		})
	}
}

// TestBytecodeIsUsed runs a layer whose sources cannot be run.
func TestBytecodeIsUsed(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			rt := find(t, version)
			layer := t.TempDir()
			writeLayer(t, layer)
			for _, source := range pythonSources(t) {
				write(t, filepath.Join(layer, "afterglow", filepath.FromSlash(source.Path)), "raise RuntimeError('compiled from source')\n", 0o644)
			}
			cmd := exec.CommandContext(t.Context(), interpreter(rt), "-c", "import http.client; print(hasattr(http.client.HTTPConnection.send, '__wrapped__'))")
			cmd.Env = []string{"PYTHONPATH=" + filepath.Join(layer, "afterglow", "python")}
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != "True\n" {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func archiveOf(version string) string {
	return filepath.Join("bytecode", tag(version)+".zip")
}

func tag(version string) string { return "cpython-" + strings.ReplaceAll(version, ".", "") }

// cached gives the name under which Python looks for the byte code of a source, below the hook's directory.
func cached(source, version string) string {
	dir, file := path.Split(strings.TrimPrefix(source, "python/"))
	return dir + "__pycache__/" + strings.TrimSuffix(file, ".py") + "." + tag(version) + ".pyc"
}

// pythonSources are the sources that ship.
func pythonSources(t *testing.T) []wrapper.File {
	t.Helper()
	all, err := wrapper.Files()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f wrapper.File) bool { return !strings.HasPrefix(f.Path, "python/") || path.Ext(f.Path) != ".py" })
}

// compile makes an archive whose bytes depend on the sources and the version of Python alone.
func compile(t *testing.T, rt runtimes.Runtime, version string, sources []wrapper.File, sum string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	slices.SortFunc(sources, func(a, b wrapper.File) int { return strings.Compare(cached(a.Path, version), cached(b.Path, version)) })
	for _, source := range sources {
		compiled := filepath.Join(t.TempDir(), "compiled.pyc")
		cmd := exec.CommandContext(t.Context(), interpreter(rt), "-I", "-c", compiler, strings.TrimPrefix(source.Path, "python/"), compiled, "/opt/afterglow/"+source.Path)
		cmd.Env = []string{"PYTHONHASHSEED=0"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("compile %s: %v\n%s", source.Path, err, out)
		}
		data, err := os.ReadFile(compiled)
		if err != nil {
			t.Fatal(err)
		}
		member, err := w.CreateHeader(&zip.FileHeader{Name: cached(source.Path, version), Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment(sum); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
