package java

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// TestUnits runs the tests that are written in Java, on the classes of the jar. Each is a program that prints what is wrong and fails.
func TestUnits(t *testing.T) {
	each(t, func(t *testing.T, rt runtimes.Runtime) {
		classes := t.TempDir()
		java := filepath.Join(rt.Lang, "bin", "java")
		compiler := filepath.Join(find(t, "java17").Lang, "bin", "java") // not every Java can compile
		if out, err := exec.CommandContext(t.Context(), compiler, "tests/Unpack.java", jarName, classes).CombinedOutput(); err != nil {
			t.Fatalf("unpack: %v: %s", err, out)
		}
		compile(t, classes, classes, glob(t, "tests/afterglow/hook/*.java")...)
		for name, args := range map[string][]string{
			"Edit":    glob(t, filepath.Join(rt.Dir, "lib", "aws-lambda-java-*.jar")),
			"Guards":  nil,
			"Shorter": nil,
		} {
			t.Run(name, func(t *testing.T) {
				argv := append([]string{"-cp", classes, "afterglow.hook." + name}, args...)
				if out, err := exec.CommandContext(t.Context(), java, argv...).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
	})
}
