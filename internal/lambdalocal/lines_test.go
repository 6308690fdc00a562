package lambdalocal

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// What a process writes becomes lines; a line that never ends is cut between two characters (CloudWatch's events are
// text).
func TestLineCutter(t *testing.T) {
	const flush = "\x00flush"
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		name  string
		added []string
		want  []string
	}{
		{"lines", []string{"one\ntwo\r\n\nthree\n"}, []string{"one", "two", "", "three"}},
		{"in pieces", []string{"o", "ne", "\ntw", "o"}, []string{"one", "two"}},
		{"as long as it may be", []string{long, "\nnext\n"}, []string{long, "next"}},
		{"too long", []string{long + "y\nnext\n"}, []string{long, "y", "next"}},
		{"too long in pieces", []string{long, "y", "z"}, []string{long, "yz"}},
		{"cut before a character", []string{long[1:] + "äx\n"}, []string{long[1:], "äx"}},
		{"cut before a character of four bytes", []string{long[3:] + "\U0001F600x\n"}, []string{long[3:], "\U0001F600x"}},
		{"what is no text is cut anywhere", []string{long[1:] + "\x80\x80\x80\n"}, []string{long[1:] + "\x80", "\x80\x80"}},
		{"flushed", []string{"one", flush, "two\n"}, []string{"one", "two"}},
		{"flushed before its end", []string{"one", flush, "\ntwo\n\n"}, []string{"one", "two", ""}},
		{"flushed with nothing there", []string{"one\n", flush, "\n"}, []string{"one", ""}},
		{"flushed in a character", []string{"a\xc3", flush, "\xa4\n"}, []string{"a", "ä"}},
		{"no text at the end", []string{"a\xc3"}, []string{"a\xc3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			cutter := lineCutter{write: func(text string) { got = append(got, text) }}
			for _, p := range c.added {
				if p == flush {
					cutter.flush()
					continue
				}
				cutter.add([]byte(p))
			}
			cutter.end()
			if !slices.Equal(got, c.want) {
				t.Errorf("got %.40q, want %.40q", got, c.want)
			}
		})
	}
	if length := wholeRunes([]byte("ä")); length != 2 || !utf8.ValidString("ä") {
		t.Errorf("a whole character has %d bytes", length)
	}
}

// What a function has printed without a line's end belongs to the invocation that printed it: it is in that one's tail
// and before its END, and no part of the next one's line.
func TestPrintWithoutAnEnd(t *testing.T) {
	for _, c := range []struct{ name, payload string }{
		{"a response", `{"do":"print=half"}`},
		{"after the answer", `{"do":"respond=1 silent print=half"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := lambda{}.start(t)
			first := invokeFor(t, e, Invocation{Payload: []byte(c.payload), LogTail: true})
			second := invokeFor(t, e, Invocation{Payload: []byte(`{"do":"say=whole"}`), LogTail: true})
			lines := log.texts("")
			half, end := index(lines, "half"), index(lines, "END RequestId: "+first.RequestID)
			if half < 0 || end < half || !strings.Contains(string(first.LogTail), "half") || strings.Contains(string(second.LogTail), "half") {
				t.Errorf("the log is %q", lines)
			}
		})
	}
}

// Source: reference 2.4: an invocation's lines come after its START. What thaws goes on writing at once, so START and
// platform.start come while everything is frozen.
func TestStartComesBeforeTheThaw(t *testing.T) {
	var e *Environment
	var starts, events []bool // whether the environment was frozen
	frozen := func() bool {
		g := e.api.current.Load()
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.frozen
	}
	begun := false
	l := lambda{change: func(_ *Function, o *Options) {
		log := o.Log
		o.Log = func(line Line) {
			log(line)
			if begun && strings.HasPrefix(line.Text, "START ") {
				starts = append(starts, frozen())
			}
		}
		o.watch = func(event telemetry.Event) {
			if begun && event.Type == telemetry.Start {
				events = append(events, frozen())
			}
		}
	}}
	e, _ = l.start(t)
	begun = true
	for range 2 {
		invoke(t, e, `{}`)
	}
	if all := []bool{true, true}; !slices.Equal(starts, all) || !slices.Equal(events, all) {
		t.Errorf("frozen at START: %v, at platform.start: %v", starts, events)
	}
}
