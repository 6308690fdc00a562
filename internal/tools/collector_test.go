package tools

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// TestCollectorWithoutGo says what is missing, and leaves nothing that could be taken for a Collector.
func TestCollectorWithoutGo(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", t.TempDir())
	for range 2 { // the second finds what the first has left
		if _, err := Collector(context.Background(), folder, io.Discard); err == nil || !strings.Contains(err.Error(), "go not found; see https://go.dev/doc/install") {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := os.Stat(placeOf(folder, "otelcol") + "/otelcol"); !os.IsNotExist(err) {
		t.Errorf("a Collector is there: %v", err)
	}
}
