package layer

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestMakeFailsOnUnknownArchitecture(t *testing.T) {
	for _, arch := range []string{"", "amd64", "riscv64"} {
		if _, err := Make(t.Context(), Options{Arch: arch}); err == nil || !strings.Contains(err.Error(), "x86_64") {
			t.Errorf("architecture %q: %v, want an error that names the ones there are", arch, err)
		}
	}
}

// One directory and one zip for each architecture, looked at from all sides: building is what takes time.
func TestLayer(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{ARM64: elf.EM_AARCH64, X86_64: elf.EM_X86_64} {
		t.Run(arch, func(t *testing.T) {
			l, err := Make(t.Context(), Options{Arch: arch, CacheDir: testCache(t), Progress: t.Output()})
			if err != nil {
				t.Fatal(err)
			}
			var archive bytes.Buffer
			if err := l.WriteZip(&archive); err != nil {
				t.Fatal(err)
			}
			zipped := unzip(t, archive.Bytes())
			t.Run("a static binary for the architecture", func(t *testing.T) { checkBinary(t, zipped[extensionFile].Data, machine) })
			t.Run("modes", func(t *testing.T) { checkModes(t, zipped) })
			t.Run("names", func(t *testing.T) { checkNames(t, zipped) })
			t.Run("small", func(t *testing.T) {
				const limit = 4 << 20 // the product's promise: a layer nobody notices in 250 MB
				if archive.Len() > limit {
					t.Errorf("%d bytes zipped, at most %d are promised", archive.Len(), limit)
				}
			})
			t.Run("directory and zip agree", func(t *testing.T) { checkDirectory(t, l, zipped) })
			t.Run("hash knows modes", func(t *testing.T) {
				changed := Layer{Arch: l.Arch, Files: append([]File(nil), l.Files...)}
				changed.Files[0].Mode ^= 0o100
				if changed.Hash() == l.Hash() {
					t.Error("a changed mode left the hash as it was")
				}
			})
		})
	}
}

func checkBinary(t *testing.T, binary []byte, machine elf.Machine) {
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	if file.Machine != machine {
		t.Errorf("machine %v, want %v", file.Machine, machine)
	}
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("dynamically linked: runtimes differ in their libc")
		}
	}
	for _, path := range []string{runtime.GOROOT(), moduleDir(t)} { //nolint:staticcheck // the very path that must not be in there
		if path != "" && bytes.Contains(binary, []byte(path+"/")) {
			t.Errorf("the binary holds the path %s of this machine", path)
		}
	}
}

func checkModes(t *testing.T, files map[string]File) {
	for name, file := range files {
		want := modePlain
		if name == "extensions/afterglow" || name == "afterglow/exec-wrapper" {
			want = modeExecutable
		}
		if file.Mode != want {
			t.Errorf("%s has mode %o, want %o", name, file.Mode, want)
		}
	}
}

func checkNames(t *testing.T, files map[string]File) {
	for _, name := range []string{"extensions/afterglow", "afterglow/exec-wrapper", "afterglow/LICENSE", "afterglow/THIRD-PARTY-NOTICES", "afterglow/sbom.spdx.json"} {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range files {
		// Lambda starts every file of extensions/, and other directories may be on a runtime's search path.
		if name != "extensions/afterglow" && !strings.HasPrefix(name, "afterglow/") {
			t.Errorf("%s is outside our own directory", name)
		}
		if strings.Contains(name, "test") {
			t.Errorf("%s ships", name)
		}
	}
}

func checkDirectory(t *testing.T, l Layer, want map[string]File) {
	dir := t.TempDir()
	withUmask(t, 0o077)
	writeFile(t, filepath.Join(dir, "afterglow/python/stale.py"), "left by an earlier version")
	writeFile(t, filepath.Join(dir, "extensions/other"), "somebody else's")
	for range 2 { // a second time into the same directory
		if err := l.WriteDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		if name == "extensions/other" {
			return nil
		}
		if !info.ModTime().Equal(epoch) {
			t.Errorf("%s is of %v, want %v", name, info.ModTime(), epoch)
		}
		if entry.IsDir() {
			if info.Mode().Perm() != 0o755 {
				t.Errorf("directory %s has mode %o", name, info.Mode().Perm())
			}
			return nil
		}
		found++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if expected, ok := want[name]; !ok || info.Mode().Perm() != expected.Mode || !bytes.Equal(data, expected.Data) {
			t.Errorf("%s (mode %o, %d bytes) is not as in the zip", name, info.Mode().Perm(), len(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found != len(want) {
		t.Errorf("%d files, the zip has %d", found, len(want))
	}
	if _, err := os.Stat(filepath.Join(dir, "extensions/other")); err != nil {
		t.Errorf("another extension is gone: %v", err)
	}
}

func unzip(t *testing.T, archive []byte) map[string]File {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]File{}
	for _, entry := range reader.File {
		content, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if !entry.Modified.Equal(epoch) {
			t.Errorf("%s is of %v, want %v", entry.Name, entry.Modified, epoch)
		}
		files[entry.Name] = File{Name: entry.Name, Mode: entry.Mode(), Data: data}
	}
	return files
}

// testCache is inside the checkout, where everything is that the project builds for itself.
func testCache(t *testing.T) string {
	return filepath.Join(moduleDir(t), ".afterglow", "cache", "layer")
}

func moduleDir(t *testing.T) string {
	t.Helper()
	source, err := findSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return source.dir
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
