package telemetry

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const (
	// maxLine is kept of one line, as hooks keep it of a body (AFTERGLOW_CAPTURE_BODY_BYTES).
	maxLine = 32 << 10
	// maxWord is the longest id, word or header that is taken: AWS's own are of some hundred characters at most.
	maxWord = 1 << 10
)

// kindOf gives the kind of a type of event; 0 for one that is not passed on. Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html.
func kindOf(name string) event.FactKind {
	switch name {
	case "platform.start":
		return event.FactStart
	case "platform.runtimeDone":
		return event.FactDone
	case "platform.report":
		return event.FactReport
	case "platform.initStart":
		return event.FactInitStart
	case "platform.initRuntimeDone":
		return event.FactInitDone
	case "platform.initReport":
		return event.FactInitReport
	case "platform.restoreStart":
		return event.FactRestoreStart
	case "platform.restoreReport":
		return event.FactRestoreDone
	case "platform.logsDropped":
		return event.FactDropped
	case "function":
		return event.FactLine
	}
	return 0
}

// A parser turns posts into facts. It remembers the last id and trace: the three facts of an invocation then share them.
type parser struct {
	id, trace string
}

// parse calls emit with every fact of a post, a JSON list of events (TEL "Destination protocols"; one event, or one a line, would do as well).
// It gives the number of events that were understood, those that are not passed on included, and of those that were not. now stands in for a
// time that is not understood.
func (p *parser) parse(post []byte, now time.Time, emit func(event.Fact)) (understood, damaged int64) {
	one := func(v []byte) {
		f, ok := p.event(v, now)
		if !ok {
			damaged++
			return
		}
		understood++
		if f.Kind != 0 {
			emit(f)
		}
	}
	post = skipSpace(post)
	if len(post) > 0 && post[0] == '[' {
		if !elements(post, one) {
			damaged++
		}
		return understood, damaged
	}
	for len(post) > 0 {
		v, rest, ok := value(post)
		if !ok {
			return understood, damaged + 1
		}
		one(v)
		post = skipSpace(rest)
	}
	return understood, damaged
}

// event reads one event. ok is false if it is none; a fact of no kind is one that is not passed on.
func (p *parser) event(v []byte, now time.Time) (f event.Fact, ok bool) {
	var when, kind, record []byte
	whole := members(v, func(name, v []byte) {
		switch string(name) {
		case "time":
			when = v
		case "type":
			kind = v
		case "record":
			record = v
		}
	})
	if !whole || len(kind) == 0 || kind[0] != '"' {
		return event.Fact{}, false
	}
	f = event.Fact{Kind: kindOf(word(kind)), Time: instant(word(when), now)}
	switch f.Kind {
	case 0:
		return f, true
	case event.FactLine:
		return f, p.line(record, &f)
	}
	if !members(record, func(name, v []byte) { p.member(string(name), v, &f) }) {
		return event.Fact{}, false
	}
	if f.Kind == event.FactDropped {
		f.Reason = event.DroppedByLambda
	}
	return f, true
}

// member reads one member of a record of the platform's.
func (p *parser) member(name string, v []byte, f *event.Fact) {
	switch name {
	case "requestId":
		f.ID = p.share(&p.id, word(v))
	case "status":
		f.Status = strings.ToLower(word(v))
	case "errorType":
		f.ErrorType = word(v)
	case "phase":
		f.Phase = word(v)
	case "initializationType":
		f.InitType = word(v)
	case "instanceId":
		f.Instance = word(v)
	case "tenantId":
		f.Tenant = word(v)
	case "droppedRecords":
		f.DroppedRecords = integer(v)
	case "droppedBytes":
		f.DroppedBytes = integer(v)
	case "tracing":
		members(v, func(name, v []byte) {
			if string(name) == "value" {
				f.Trace = p.share(&p.trace, word(v))
			}
		})
	case "metrics":
		members(v, func(name, v []byte) { metric(string(name), v, f) })
	case "spans":
		elements(v, func(v []byte) { overhead(v, f) })
	}
}

func metric(name string, v []byte, f *event.Fact) {
	const mib = 1 << 20
	switch name {
	case "durationMs":
		f.Duration = milliseconds(v)
	case "billedDurationMs":
		f.Billed = milliseconds(v)
	case "initDurationMs":
		f.Init = milliseconds(v)
	case "restoreDurationMs":
		f.Restore = milliseconds(v)
	case "producedBytes":
		f.Produced = integer(v)
	case "memorySizeMB":
		f.MemorySize = min(integer(v), math.MaxInt64/mib) * mib
	case "maxMemoryUsedMB":
		f.MemoryUsed = min(integer(v), math.MaxInt64/mib) * mib
	}
}

// overhead takes the one span that nothing else tells of: what extensions took after the function.
func overhead(v []byte, f *event.Fact) {
	var name string
	var took time.Duration
	members(v, func(key, v []byte) {
		switch string(key) {
		case "name":
			name = word(v)
		case "durationMs":
			took = milliseconds(v)
		}
	})
	if name == "extensionOverhead" {
		f.Overhead = took
	}
}

// line reads a line of the function's log: a string, or with the log format JSON an object, which is Lambda's own (timestamp, level, requestId,
// message) or whatever the function printed. Of Lambda's own the message is the line; of another that has more to tell, all of it.
func (p *parser) line(record []byte, f *event.Fact) bool {
	switch {
	case len(record) == 0:
		return false
	case record[0] == '"':
		keep(text(record), f)
		return true
	case record[0] != '{':
		return false
	}
	var message []byte
	more := false
	whole := members(record, func(name, v []byte) {
		switch string(name) {
		case "message":
			message = v
		case "level":
			f.Level = word(v)
		case "requestId", "AWSRequestId": // the latter in Java's
			f.ID = p.share(&p.id, word(v))
		case "timestamp":
		default:
			more = true
		}
	})
	if whole && !more && len(message) > 0 && message[0] == '"' {
		keep(text(message), f)
	} else {
		keep(strings.ToValidUTF8(string(record), string(utf8.RuneError)), f)
	}
	return true
}

// keep cuts a line to its most, between two characters, and its line break off.
func keep(s string, f *event.Fact) {
	s = strings.TrimRight(s, "\r\n")
	if len(s) > maxLine {
		n := maxLine
		for n > maxLine-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s, f.LineTruncated = strings.Clone(s[:n]), true
	}
	f.Line = event.TextOf(s)
}

// share gives the string that was last seen if it is the same, so that it is kept once.
func (p *parser) share(last *string, s string) string {
	if s == *last {
		return *last
	}
	*last = s
	return s
}

// word is text for what is short. The few words that Lambda uses over and over are kept once, by the program itself; what is too long to be
// one is none.
func word(v []byte) string {
	if len(v) > maxWord {
		return ""
	}
	if len(v) > 2 {
		switch string(v[1 : len(v)-1]) {
		case "success":
			return "success"
		case "INFO":
			return "INFO"
		case "init":
			return "init"
		case "on-demand":
			return "on-demand"
		case "extensionOverhead":
			return "extensionOverhead"
		}
	}
	return text(v)
}

// instant reads a time of Lambda's. Its documentation shows some with a colon before the milliseconds (…:15:521Z).
func instant(s string, now time.Time) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err == nil {
		return t
	}
	const colon = len("2006-01-02T15:04:05")
	if len(s) > colon && s[colon] == ':' {
		if t, err = time.Parse(time.RFC3339Nano, s[:colon]+"."+s[colon+1:]); err == nil {
			return t
		}
	}
	return now
}

// milliseconds reads a duration. What is none, or beyond what a duration can be, is zero.
func milliseconds(v []byte) time.Duration {
	ms := number(v)
	if !(ms > 0) || ms > float64(math.MaxInt64/int64(time.Millisecond)) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// integer reads a count. What is none is zero.
func integer(v []byte) int64 {
	n := number(v)
	if !(n > 0) || n > 1<<62 {
		return 0
	}
	return int64(n)
}
