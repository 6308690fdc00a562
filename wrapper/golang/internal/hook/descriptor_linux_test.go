package hook

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDescriptorsAreKnown: by whoever has one open, not by its number.
func TestDescriptorsAreKnown(t *testing.T) {
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "ours"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files[i] = f
	}
	one, two := int(files[0].Fd()), int(files[1].Fd())
	first, second := markDescriptor(one, 1), markDescriptor(two, 2)
	if first == 0 || !isMarked(one, first) || !isMarked(two, second) {
		t.Fatalf("marks %d and %d were not taken", first, second)
	}
	if isMarked(two, first) || isMarked(one, second) {
		t.Error("one is taken for the other")
	}
	takeOver(t, one)
	if isMarked(one, first) {
		t.Error("somebody else's is taken for ours")
	}
	if none := 1 << 20; isMarked(none, first) || markDescriptor(none, 1) != 0 {
		t.Error("one that is not open is taken for ours")
	}
}
