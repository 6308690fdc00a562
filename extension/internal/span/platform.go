package span

import (
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// appendPlatform adds what Lambda told of an invocation.
func appendPlatform(to []otlp.KeyValue, p *mask.Platform) []otlp.KeyValue {
	to = appendText(to, attrStatus, p.Status)
	to = appendSeconds(to, attrRuntimeTime, p.Duration)
	if r := p.Report; r != nil {
		to = appendSeconds(to, attrReportTime, r.Duration)
		to = appendSeconds(to, attrBilled, r.Billed)
		to = appendSeconds(to, attrOverhead, r.Overhead)
		to = appendCount(to, attrMemorySize, r.MemorySize)
		to = appendCount(to, attrMemoryUsed, r.MemoryUsed)
	}
	return appendColdStart(to, p)
}

// appendColdStart adds what the invocation waited for before it began. The report tells of it, too, and knows it where the set-up's own events are missing.
func appendColdStart(to []otlp.KeyValue, p *mask.Platform) []otlp.KeyValue {
	var i mask.Init
	if p.Init != nil {
		i = *p.Init
	}
	if r := p.Report; r != nil {
		if i.Duration == 0 {
			i.Duration = r.Init
		}
		if i.Restore == 0 {
			i.Restore = r.Restore
		}
	}
	to = appendText(to, attrInitType, i.Type)
	to = appendText(to, attrInitPhase, i.Phase)
	to = appendSeconds(to, attrInitTime, i.Duration)
	return appendSeconds(to, attrRestoreTime, i.Restore)
}

// appendSeconds adds a duration, unless there is none. Seconds are what the conventions measure in.
func appendSeconds(to []otlp.KeyValue, key string, d time.Duration) []otlp.KeyValue {
	if d <= 0 {
		return to
	}
	return append(to, otlp.Double(key, d.Seconds()))
}
