//go:build linux

package programs

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestWriteSideBySide: several benchmarks take the extension out of the layer at once and put it into the same place.
func TestWriteSideBySide(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if err := write(file, []byte("program")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if data, err := os.ReadFile(file); err != nil || string(data) != "program" {
		t.Errorf("%q, %v", data, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v; want a program", info.Mode(), err)
	}
	if files, err := filepath.Glob(file + "*"); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}
