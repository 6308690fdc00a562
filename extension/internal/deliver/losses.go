package deliver

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// losses counts by reason.
type losses []event.Loss

// add counts. What is not a span says so in its reason, since spans, data points and lines cannot be added up.
func (l *losses) add(signal, reason string, records int, bytes int64) {
	if signal != otlplog.Traces {
		reason = signal + "-" + reason
	}
	l.merge(event.Loss{Reason: reason, Records: int64(records), Bytes: bytes})
}

// told counts what a request told of losses that nobody will get, or that perhaps nobody will: of one of which a part was rejected it is not known which spans those
// were.
func (l *losses) told(signal string, payload []byte) {
	export.Told(signal, payload, func(reason string, records, bytes int64) {
		l.merge(event.Loss{Reason: reason, Records: records, Bytes: bytes})
	})
}

func (l *losses) merge(loss event.Loss) {
	if loss.Records == 0 && loss.Bytes == 0 {
		return
	}
	for n := range *l {
		if had := &(*l)[n]; had.Reason == loss.Reason {
			had.Records += loss.Records
			had.Bytes += loss.Bytes
			return
		}
	}
	*l = append(*l, loss)
}
