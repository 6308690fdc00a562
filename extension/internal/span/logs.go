package span

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// noneID is the id of lines that nobody knows an invocation of.
const noneID = "none"

// BuildLogs makes the records of an invocation's lines, in their order, each with the trace and the span of its invocation. Lines of no known invocation have
// neither. alone says that there are no spans, so that the first record has to tell what was left out.
func BuildLogs(inv mask.Invocation, r Resource, alone bool) otlp.ResourceLogs {
	out := otlp.ResourceLogs{Resource: r.Of(originOf(inv)), Scope: r.Scope(), SchemaURL: SchemaURL}
	out.Records = make([]otlp.LogRecord, 0, len(inv.Lines))
	id := inv.ID.String()
	for i := range inv.Lines {
		l := &inv.Lines[i]
		record := otlp.LogRecord{Time: l.Time, Observed: l.Time, Body: otlp.String("", l.Body.String()).Value}
		record.Severity, record.SeverityText = severity(l)
		if id != noneID && id != "" {
			record.Trace, record.Span, record.Flags = inv.Trace, inv.Span, otlp.FlagSampled
			record.Attributes = append(record.Attributes, otlp.String("faas.invocation_id", id))
		}
		record.Attributes = appendFlag(record.Attributes, attrLineCut, l.Truncated)
		if i == 0 && (inv.Late || alone) { // else the invocation's span tells
			record.Attributes = appendCount(record.Attributes, prefixDropped+"lines", int64(inv.Dropped.Lines))
		}
		out.Records = append(out.Records, record)
	}
	return out
}

// severity gives a line's severity: as Lambda told it, else as the line itself does.
func severity(l *mask.Line) (otlp.Severity, string) {
	level := l.Level.String()
	if level == "" {
		level = levelIn(l.Body.String())
	}
	return severityOf(level), level
}

// severityOf knows the levels of Lambda's log formats and of the logging libraries of its languages; those that are numbers are pino's and bunyan's.
func severityOf(level string) otlp.Severity {
	switch strings.ToUpper(level) {
	case "TRACE", "FINEST", "FINER", "VERBOSE", "10":
		return otlp.SeverityTrace
	case "DEBUG", "FINE", "CONFIG", "20":
		return otlp.SeverityDebug
	case "INFO", "INFORMATION", "NOTICE", "30":
		return otlp.SeverityInfo
	case "WARN", "WARNING", "40":
		return otlp.SeverityWarn
	case "ERROR", "SEVERE", "50":
		return otlp.SeverityError
	case "FATAL", "CRITICAL", "ALERT", "EMERGENCY", "PANIC", "60":
		return otlp.SeverityFatal
	}
	return otlp.SeverityUnset
}

// longestHead of a line is looked through for its level.
const longestHead = 256

// levelIn reads the level out of a line: the member level or severity of JSON, and where Lambda's runtimes for Python and Node.js put it in text.
//
//	[ERROR]\t2026-01-02T03:04:05.678Z\t<request id>\tmessage
//	2026-01-02T03:04:05.678Z\t<request id>\tERROR\tmessage
func levelIn(line string) string {
	head := line[:min(len(line), longestHead)]
	if strings.HasPrefix(head, "{") {
		for _, key := range [...]string{`"level"`, `"severity"`, `"log.level"`, `"levelname"`} {
			if _, rest, ok := strings.Cut(head, key); ok {
				rest = strings.TrimLeft(rest, ": ")
				end := strings.IndexAny(strings.TrimPrefix(rest, `"`), `",} `)
				if end < 0 {
					return ""
				}
				return known(strings.TrimPrefix(rest, `"`)[:end])
			}
		}
		return ""
	}
	if inside, ok := strings.CutPrefix(head, "["); ok {
		inside, _, _ = strings.Cut(inside, "]")
		return known(inside)
	}
	if fields := strings.SplitN(head, "\t", 4); len(fields) == 4 {
		return known(fields[2])
	}
	return ""
}

// known gives a level that is one.
func known(level string) string {
	if severityOf(level) == otlp.SeverityUnset {
		return ""
	}
	return level
}
