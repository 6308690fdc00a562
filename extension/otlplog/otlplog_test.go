package otlplog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// noise gives bytes that cannot be compressed, the same each time.
func noise(size int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(size)))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func encode(t testing.TB, payload []byte) []string {
	t.Helper()
	lines, err := Encode(Batch{Traces, payload})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if len(line) > MaxLine || strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || !strings.HasPrefix(line, Mark+" traces ") {
			t.Errorf("a line of %d bytes: %.60s", len(line), line)
		}
	}
	return lines
}

func decode(d *Decoder, lines ...string) (got [][]byte, errs int) {
	for _, line := range lines {
		b, err := d.Decode(line)
		if err != nil {
			errs++
		}
		if b != nil {
			got = append(got, b.Payload)
		}
	}
	return got, errs
}

func TestRoundTrip(t *testing.T) {
	large := noise(1 << 20)
	wrap := func(line string) string {
		b, err := json.Marshal(map[string]string{"level": "INFO", "message": line, "after": "x"})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, change := range map[string]func([]string) []string{
		"as they are":         func(l []string) []string { return l },
		"backwards":           func(l []string) []string { slices.Reverse(l); return l },
		"each twice":          func(l []string) []string { return append(l, l...) },
		"without a line feed": func(l []string) []string { return strings.Split(strings.Join(l, ""), "\n") },
		"with what CloudWatch adds": func(l []string) []string {
			return each(l, func(s string) string { return "2026-11-22T19:15:04.000Z\t" + s })
		},
		"within JSON":             func(l []string) []string { return each(l, wrap) },
		"within JSON within JSON": func(l []string) []string { return each(each(l, wrap), wrap) },
		"between others": func(l []string) []string {
			return each(append(l, "START RequestId: x", ""), func(s string) string { return s })
		},
	} {
		for _, payload := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("span"), 1<<20), large} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, len(payload)), func(t *testing.T) {
				var d Decoder
				got, errs := decode(&d, change(encode(t, payload))...)
				if len(got) != 1 || errs != 0 || !bytes.Equal(got[0], payload) {
					t.Errorf("%d batches, %d errors", len(got), errs)
				}
				if open, bad := d.Missing(); open != 0 || bad != 0 {
					t.Errorf("%d incomplete, %d damaged", open, bad)
				}
			})
		}
	}
	if n := len(encode(t, large)); n < 5 {
		t.Errorf("%d lines", n)
	}
}

func each(lines []string, f func(string) string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = f(l)
	}
	return out
}

func TestTwoBatchesAtOnce(t *testing.T) {
	a, b := noise(500_000), noise(500_001)
	var d Decoder
	var lines []string
	for n, line := range encode(t, a) {
		lines = append(lines, line, encode(t, b)[n])
	}
	if got, errs := decode(&d, lines...); len(got) != 2 || errs != 0 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], b) {
		t.Errorf("%d batches, %d errors", len(got), errs)
	}
}

// TestDamage: a batch is given as it was or not at all.
func TestDamage(t *testing.T) {
	whole := encode(t, noise(300_000))
	small := encode(t, []byte("some spans"))[0]
	tests := []struct {
		name             string
		lines            []string
		incomplete, lost int
	}{
		{"a line is missing", whole[1:], 1, 0},
		{"a line is cut", []string{whole[0][:len(whole[0])-9], whole[1]}, 0, 1},
		{"a letter is another", []string{strings.Replace(small, "gzip H", "gzip I", 1)}, 0, 1},
		{"another name", []string{strings.Replace(small, strings.Fields(small)[2], "0123456789abcdef", 1)}, 0, 1},
		{"another count", []string{whole[0], strings.Replace(whole[1], "2/2", "2/3", 1)}, 1, 1},
		{"another signal", []string{whole[0], strings.Replace(whole[1], "traces", "metrics", 1)}, 1, 1},
		{"a newer version", []string{strings.Replace(small, "OTLP/1", "OTLP/2", 1)}, 0, 0},
		{"another compression", []string{strings.Replace(small, "gzip", "zstd", 1)}, 0, 1},
		{"part nought", []string{strings.Replace(small, "1/1", "0/1", 1)}, 0, 1},
		{"too many parts", []string{strings.Replace(small, "1/1", "1/1000000000", 1)}, 0, 1},
		{"the mark alone", []string{Mark + " "}, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var d Decoder
			got, _ := decode(&d, test.lines...)
			if open, bad := d.Missing(); len(got) != 0 || open != test.incomplete || bad != test.lost {
				t.Errorf("%d batches, %d incomplete, %d damaged", len(got), open, bad)
			}
		})
	}
}

func TestAReaderIsBounded(t *testing.T) {
	var d Decoder
	for n := range 2 * maxOpen {
		decode(&d, fmt.Sprintf("%s traces %016x 1/2 gzip AAAA\n", Mark, n))
	}
	if open, bad := d.Missing(); open != maxOpen || bad != maxOpen {
		t.Errorf("%d open, %d given up", open, bad)
	}
	bomb := encode(t, make([]byte, maxPayload+1))
	if got, errs := decode(&d, bomb...); len(got) != 0 || errs != 1 {
		t.Errorf("%d batches, %d errors", len(got), errs)
	}
}

func FuzzDecode(f *testing.F) {
	for _, line := range encode(f, []byte("x")) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d Decoder
		for line := range strings.Lines(text) {
			if b, err := d.Decode(line); b != nil && err != nil {
				t.Error("a batch and an error")
			}
		}
	})
}
