package lambdalocal

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
)

func frame(kind uint32, message string) string {
	header := make([]byte, frameHeader)
	binary.BigEndian.PutUint32(header, kind)
	binary.BigEndian.PutUint32(header[4:], uint32(len(message)))
	return string(header) + message
}

// Source: the framing that AWS's clients describe; reference 4 "log channel".
func TestFrames(t *testing.T) {
	long := strings.Repeat("x", maxLine+5)
	for _, c := range []struct {
		name, written string
		want          []string
	}{
		{"a message", frame(0xa55a0003, "hello\n"), []string{"hello"}},
		{"several lines are one event", frame(0xa55a0003, "Traceback:\n  line 1\n  line 2\n"), []string{"Traceback:\n  line 1\n  line 2"}},
		{"levels and formats", frame(0xa55a000e, `{"a":1}`) + frame(0xa55a0017, "bad"), []string{`{"a":1}`, "bad"}},
		{"an empty message", frame(0xa55a0003, "") + frame(0xa55a0003, "next"), []string{"next"}},
		{"too long a message is cut", frame(0xa55a0003, long) + frame(0xa55a0003, "next"), []string{long[:maxLine], "next"}},
		{"and no character is", frame(0xa55a0003, long[:maxLine-1]+"äx"), []string{long[:maxLine-1]}},
		{"no frame", "a line\nanother\n", []string{"a line", "another"}},
		{"lines after a frame", frame(0xa55a0003, "framed") + "a line that is longer than a header\nmore", []string{"framed", "a line that is longer than a header", "more"}},
		{"a frame that was cut off", frame(0xa55a0003, "hello")[:frameHeader+2], []string{"he"}},
		{"a header that was cut off", frame(0xa55a0003, "hello")[:7], []string{"\xa5\x5a\x00\x03\x00\x00\x00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				in.WriteString(c.written)
				in.Close()
			}()
			var got []string
			r := &lineReader{file: out, done: make(chan struct{}), cutter: lineCutter{write: func(text string) { got = append(got, text) }}}
			r.frames()
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// AWS's own clients write frames where they are told to, and several lines come as one event. OS-only
// runtimes have no such descriptor.
func TestFramesOfManagedRuntimes(t *testing.T) {
	for _, c := range []struct{ name, runtime, file, code string }{
		{"python", pythonName, "app.py", "import logging\ndef handler(event, context):\n    logging.getLogger().warning('one\\ntwo')\n    return {}\n"},
		{"node", nodeName, "app.js", "exports.handler = async () => { console.log('one\\ntwo'); return {} }\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := managed(t, c.runtime, c.file, c.code).start(t)
			invoke(t, e, `{}`)
			if line := log.wait(t, "two"); !strings.Contains(line, "one\ntwo") || strings.Contains(line, "\xa5\x5a") {
				t.Errorf("the line is %q", line)
			}
		})
	}
	_, log := lambda{bootstrap: "env loop"}.start(t)
	if env := log.wait(t, "env "); strings.Contains(env, framesVariable) {
		t.Errorf("an OS-only runtime has %s", env)
	}
}
