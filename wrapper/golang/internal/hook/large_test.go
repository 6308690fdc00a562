package hook

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// TestLargeBodies are not copied on their way into the file, and stand there as others do.
func TestLargeBodies(t *testing.T) {
	h := start(t, nil)
	h.Handler.Begin(header("one"), eventOf(h, ""))
	large := bytes.Repeat([]byte("0123456789abcde\n"), mostCopied/8)
	for _, parts := range [][][]byte{{large}, {[]byte("small"), large}, {large, nil}, {[]byte("small")}} {
		record := &spool.Header{Kind: spool.KindCallEnd}
		for range parts {
			record.Parts = append(record.Parts, spool.Part{Of: spool.PartResponse})
		}
		if reason := h.Handler.Record(h.Handler.Invocation(t.Context()), record, parts...); reason != "" {
			t.Fatalf("not written: %s", reason)
		}
	}
	files, err := filepath.Glob(filepath.Join(h.Settings.Dir, "one.*.open"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	summary, err := spool.Read(data, func(r spool.Record) error {
		if r.Kind == spool.KindCallEnd {
			got = append(got, string(r.Body))
		}
		return nil
	})
	if err != nil || summary.Lost != 0 || summary.TailStart != int64(len(data)) {
		t.Fatalf("%+v, %v", summary, err)
	}
	want := []string{string(large), "small" + string(large), string(large), "small"}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("body %d has %d bytes, want %d", i, len(got[i]), len(want[i]))
		}
	}
}
