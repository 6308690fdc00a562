package redact

import (
	"bytes"
	"testing"
)

// TestStringEnd: whatever the length of a string, and wherever escapes are in it, its end is found as byte after byte would.
func TestStringEnd(t *testing.T) {
	slowly := func(in []byte, i int) (end int, whole, escaped bool) {
		for at := i + 1; at < len(in); at++ {
			switch in[at] {
			case '"':
				return at + 1, true, escaped
			case '\\':
				escaped = true
				at++
			}
		}
		return len(in), false, escaped
	}
	check := func(in []byte) {
		t.Helper()
		for _, i := range []int{0, 3} {
			in := append(bytes.Repeat([]byte("{"), i), in...)
			end, whole, escaped := stringEnd(in, i)
			if e, w, s := slowly(in, i); end != e || whole != w || escaped != s {
				t.Errorf("%q from %d: got %d %v %v, want %d %v %v", in, i, end, whole, escaped, e, w, s)
			}
		}
	}
	for _, filler := range []string{"a", "#", "]", "!", "[", "\xa2", "\xdc", "\x00"} { // those beside the marks, and those with another highest bit
		for size := range 90 {
			content := bytes.Repeat([]byte(filler), size)
			check(append([]byte(`"`), content...))
			check(append(append([]byte(`"`), content...), `","next":"\n"`...))
			for at := range size {
				for _, mark := range []byte{'\\', '"'} {
					marked := bytes.Clone(content)
					marked[at] = mark
					check(append(append([]byte(`"`), marked...), `"x`...))
				}
			}
		}
	}
}
