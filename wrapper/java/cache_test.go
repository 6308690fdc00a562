package java

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCache: a function of Java 25 that brings an AOT cache and insists on it starts as without the hook, and is recorded.
func TestCache(t *testing.T) {
	java := filepath.Join(find(t, "java25").Lang, "bin", "java")
	dir := t.TempDir()
	compile(t, dir, dir, "tests/Cached.java")
	archive := filepath.Join(dir, "cached.jar") // a cache is for archives
	write(t, archive, pack(t, "Cached.class", read(t, filepath.Join(dir, "Cached.class"))))
	cache := filepath.Join(dir, "cache")
	if out, err := exec.CommandContext(t.Context(), java, "-XX:AOTCacheOutput="+cache, "-XX:+UseSerialGC", "-cp", archive, "Cached").CombinedOutput(); err != nil {
		t.Fatalf("make a cache: %v: %s", err, out)
	}
	layer := t.TempDir()
	for from, to := range map[string]string{"../exec-wrapper": "exec-wrapper", jarName: "java/" + jarName, classesName: "java/" + classesName} {
		write(t, filepath.Join(layer, to), read(t, from))
	}
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(layer, "exec-wrapper"), java,
		"-XX:AOTCache="+cache, "-XX:AOTMode=on", "-XX:+UseSerialGC", "-cp", archive, "Cached", "http://127.0.0.1:1/refused")
	spool := filepath.Join(t.TempDir(), "spool")
	cmd.Env = append(os.Environ(), "AWS_EXECUTION_ENV=AWS_Lambda_java25", "AFTERGLOW_SPOOL_DIR="+spool)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "refused\n" {
		t.Fatalf("with a cache: %v: %s", err, out)
	}
	if got := spooled(t, spool); len(got) != 1 || got[0] != "GET /refused error" {
		t.Errorf("in the spool: %q", got)
	}
}

// pack makes an archive of one file.
func pack(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
