package mask

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask/internal/redact"
)

// platform masks what Lambda told. Its words are its own but for one: the type of an error is what the function's runtime calls it.
func (m *Masker) platform(p event.Platform) Platform {
	out := Platform{
		Start: p.Start, Done: p.Done, Status: m.text(p.Status), ErrorType: m.text(p.ErrorType), Duration: p.Duration, Produced: p.Produced,
	}
	if r := p.Report; r != nil {
		out.Report = &Report{
			Status: m.text(r.Status), ErrorType: m.text(r.ErrorType),
			Duration: r.Duration, Billed: r.Billed, Init: r.Init, Restore: r.Restore, Overhead: r.Overhead, MemorySize: r.MemorySize, MemoryUsed: r.MemoryUsed,
		}
	}
	if i := p.Init; i != nil {
		out.Init = &Init{Type: m.text(i.Type), Phase: m.text(i.Phase), Duration: i.Duration, Restore: i.Restore}
	}
	return out
}

// lines masks lines of the function's log.
func (m *Masker) lines(lines []event.Line) []Line {
	if len(lines) == 0 {
		return nil
	}
	rules := m.of(partLogs)
	out := make([]Line, len(lines))
	for i, l := range lines {
		cut := redact.Cut(0)
		if l.Truncated {
			cut = redact.CutEnd
		}
		body := []byte(strings.TrimRight(l.Body.Reveal(), "\r\n"))
		out[i] = Line{Time: l.Time, Level: m.text(l.Level), Truncated: l.Truncated, Body: m.redact(body, func(in []byte) []byte { return rules.Content(in, cut) })}
	}
	return out
}
