package mask

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
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
