package java

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// TestUnits runs the tests that are written in Java, on the hidden classes. Each is a program that prints what is wrong and fails.
func TestUnits(t *testing.T) {
	classes := t.TempDir()
	unpack(t, classes)
	compile(t, classes, classes, glob(t, "tests/afterglow/hook/*.java")...)
	each(t, func(t *testing.T, rt runtimes.Runtime) {
		for name, args := range map[string][]string{
			"Edit":    glob(t, filepath.Join(rt.Dir, "lib", "aws-lambda-java-*.jar")),
			"Guards":  nil,
			"Parents": nil,
			"Shorter": nil,
		} {
			t.Run(name, func(t *testing.T) {
				argv := append(append(short(), "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED", "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED", "-cp", classes, "afterglow.hook."+name), args...)
				if out, err := exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", "java"), argv...).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
	})
}

// unpack takes the hidden classes apart: a number of them, and for each its name, length and bytes, as Loader reads them.
func unpack(t *testing.T, into string) {
	t.Helper()
	file, err := os.Open(classesName)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var count uint16
	number(t, file, &count)
	for range count {
		var long uint16
		var length uint32
		number(t, file, &long)
		name := take(t, file, int(long))
		number(t, file, &length)
		write(t, filepath.Join(into, filepath.FromSlash(strings.ReplaceAll(string(name), ".", "/"))+".class"), take(t, file, int(length)))
	}
}

func number(t *testing.T, from io.Reader, into any) {
	t.Helper()
	if err := binary.Read(from, binary.BigEndian, into); err != nil {
		t.Fatal(fmt.Errorf("read hidden classes: %w", err))
	}
}

func take(t *testing.T, from io.Reader, length int) []byte {
	t.Helper()
	data := make([]byte, length)
	if _, err := io.ReadFull(from, data); err != nil {
		t.Fatal(fmt.Errorf("read hidden classes: %w", err))
	}
	return data
}
