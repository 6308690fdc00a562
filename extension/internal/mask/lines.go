package mask

import (
	"slices"
	"strings"
	"sync"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask/internal/redact"
)

// mostKeys are remembered of invocations whose lines ended in the middle of a private key. Those of an earlier one hardly come any more.
const mostKeys = 16

// openKeys remembers which invocations' lines ended in a private key: what comes late of one goes on with it.
type openKeys struct {
	mu   sync.Mutex
	keys []openKey // the oldest first
}

type openKey struct {
	id  string
	key redact.Key
}

// take gives the key that the lines of an invocation ended in, and forgets it.
func (o *openKeys) take(id string) (k redact.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.IndexFunc(o.keys, func(k openKey) bool { return k.id == id }); i >= 0 {
		k = o.keys[i].key
		o.keys = slices.Delete(o.keys, i, i+1)
	}
	return k
}

func (o *openKeys) put(id string, k redact.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.keys) >= mostKeys {
		o.keys = slices.Delete(o.keys, 0, 1)
	}
	o.keys = append(o.keys, openKey{id, k})
}

// lines masks lines of the function's log, which are read together: Lambda cuts what is printed at each end of a line, unless a runtime marks its messages.
func (m *Masker) lines(inv *event.Invocation) []Line {
	if len(inv.Lines) == 0 {
		return nil
	}
	in := make([]redact.Line, len(inv.Lines))
	for i := range inv.Lines {
		l := &inv.Lines[i]
		in[i].Text = []byte(strings.TrimRight(l.Body.Reveal(), "\r\n"))
		if l.Truncated {
			in[i].Cut = redact.CutEnd
		}
	}
	var open redact.Key
	if inv.Late {
		open = m.openKeys.take(inv.ID)
	}
	texts, open := m.redactLines(in, open)
	if open.IsOpen() {
		m.openKeys.put(inv.ID, open)
	}
	out := make([]Line, len(in))
	for i := range inv.Lines {
		l := &inv.Lines[i]
		out[i] = Line{Time: l.Time, Level: m.level(l.Level), Truncated: l.Truncated, Body: Text{string(texts[i])}}
	}
	return out
}

// redactLines is redact for lines.
func (m *Masker) redactLines(in []redact.Line, open redact.Key) (out [][]byte, rest redact.Key) {
	defer func() {
		if recover() != nil {
			out, rest = make([][]byte, len(in)), open
			for i := range out {
				out[i] = []byte(redact.Mask)
			}
		}
	}()
	return m.of(partLogs).Lines(in, open)
}

// level masks the level of a line. A program may write anything there; where all of a line is hidden, it is shown if it is one.
func (m *Masker) level(level string) Text {
	if m.hidden[partLogs] && !isLevel(level) {
		return hidden(event.TextOf(level))
	}
	return m.text(level)
}

// isLevel knows the levels of Lambda's and those that Python has beside them.
func isLevel(level string) bool {
	for _, known := range [...]string{"TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"} {
		if strings.EqualFold(level, known) {
			return true
		}
	}
	return false
}
