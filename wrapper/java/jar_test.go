// Package java tests the hook for Java: that the jar which is checked in is what its source makes, what it does to classes, and what it sees of
// the libraries that functions bring along.
package java

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// The files that ship.
const (
	jarName     = "afterglow-agent.jar"
	classesName = "afterglow-agent.classes"
)

var update = flag.Bool("update", false, "build the jar and keep it")

// TestJar builds the jar again. Whoever changed the source runs `make agent`.
func TestJar(t *testing.T) {
	home := find(t, "java17").Lang
	if _, err := os.Stat(filepath.Join(home, "bin", "javac")); err != nil {
		missing(t, err)
	}
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	for _, part := range []string{"pom.xml", "src"} { // a copy: Maven must not find anything of an earlier run
		if err := copyAll(filepath.Join(dir, part), part); err != nil {
			t.Fatal(err)
		}
	}
	err := runtimes.Maven(t.Context(), runtimes.Options{Progress: os.Stderr}, dir, []string{"JAVA_HOME=" + home}, "-Dafterglow.target="+target, "package")
	if errors.Is(err, runtimes.ErrMissing) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{jarName, classesName} {
		built := read(t, filepath.Join(target, name))
		if *update {
			if err := os.WriteFile(name, built, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(built, read(t, name)) {
			t.Errorf("%s is not what its source makes: run make agent", name)
		}
	}
}

// TestJarShowsTwoClasses: everything else is where no class path finds it.
func TestJarShowsTwoClasses(t *testing.T) {
	archive, err := zip.OpenReader(jarName)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		switch f.Name {
		case "META-INF/", "META-INF/MANIFEST.MF", "afterglow/", "afterglow/Agent.class", "afterglow/Loader.class":
		default:
			t.Errorf("the jar shows %s", f.Name)
		}
	}
}
