package runtimes

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// archived makes an archive of empty files.
func archived(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive.jar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnpackPython(t *testing.T) {
	jar := archived(t, "META-INF/MANIFEST.MF", "p/bin/python3.14", "p/lib/", "p/lib/python3.14/os.py", "p/lib/python3.14/test/test_os.py",
		"p/libpython3.14.so.1.0", "p/libjnipython.so", "p/include/Python.h")
	dir := t.TempDir()
	if err := unpackPython(jar, "p/", "3.14", dir); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		rel, _ := filepath.Rel(dir, path)
		got = append(got, fmt.Sprintf("%s %o", rel, info.Mode().Perm()))
		return err
	})
	want := []string{"bin/python3.14 755", "lib/libpython3.14.so.1.0 644", "lib/python3.14/os.py 644"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("unpacked %q, want %q (%v)", got, want, err)
	}
	if err := unpackPython(archived(t, "p/lib/../../../out"), "p/", "3.14", dir); err == nil || !strings.Contains(err.Error(), "out") {
		t.Errorf("what leads outside was unpacked: %v", err)
	}
}

// A Python that the machine has not comes from Maven, or is refused with both ways to get it.
func TestFetchPython(t *testing.T) {
	if _, _, ok := pythonBuildOf("3.14"); !ok {
		t.Skip("Maven has no Python for this machine")
	}
	t.Run("without Maven", func(t *testing.T) {
		in, _ := newTestInstaller(t)
		t.Setenv("PATH", t.TempDir())
		_, err := in.fetchPython(t.Context(), "3.14", errors.New("install it yourself"))
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "install it yourself") || !strings.Contains(err.Error(), "mvn") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("another version", func(t *testing.T) {
		in, _ := newTestInstaller(t)
		missing := errors.New("install it yourself")
		if _, err := in.fetchPython(t.Context(), "3.8", missing); !errors.Is(err, missing) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("with Maven", func(t *testing.T) {
		rt := here(t, "python3.14")
		if p, ok := askPython(t.Context(), filepath.Join(rt.Lang, "bin", "python3.14")); rt.Name == "python3.14" && (!ok || p.Version != "3.14") {
			t.Errorf("%s has no Python 3.14: %+v", rt.Lang, p)
		}
	})
}

func TestPlaceCertificates(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := placeCertificates(dir); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != "ca-cert.pem" {
		t.Errorf("placed %v %v", entries, err)
	}
	if len(entries) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this machine has no file of certificates: apt-get install ca-certificates")
		}
		t.Skip("this machine has no file of certificates")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "ca-cert.pem")); err != nil || !strings.Contains(string(b), "BEGIN CERTIFICATE") {
		t.Errorf("it holds no certificates: %v", err)
	}
}
