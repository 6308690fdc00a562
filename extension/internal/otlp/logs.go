package otlp

import "time"

// ResourceLogs are the records of the log of one resource and one instrumentation scope.
type ResourceLogs struct {
	Resource  []KeyValue
	Scope     Scope
	SchemaURL string // of resource and records; "" for none
	Records   []LogRecord
}

// A LogRecord is one line of a log.
type LogRecord struct {
	Trace [16]byte // zero: of no trace
	Span  [8]byte  // zero: of no span
	Flags uint32

	Time         time.Time
	Observed     time.Time
	Severity     Severity
	SeverityText string // as the program called it
	Body         Value
	Attributes   []KeyValue
}

// A Severity is how grave a line is. The values are the protocol's; each of those named here is the first of four.
type Severity uint8

// Severities, from opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber.
const (
	SeverityUnset Severity = 0
	SeverityTrace Severity = 1
	SeverityDebug Severity = 5
	SeverityInfo  Severity = 9
	SeverityWarn  Severity = 13
	SeverityError Severity = 17
	SeverityFatal Severity = 21
)

// AppendLogs appends r to b as an ExportLogsServiceRequest with one ResourceLogs in it. As with AppendRequest, several behind each other are one request.
//
//	ExportLogsServiceRequest { 1: ResourceLogs { 1: Resource, 2: ScopeLogs { 1: Scope, 2: LogRecord*, 3: url }, 3: url } }
func AppendLogs(b []byte, r ResourceLogs) []byte {
	return message(b, 1, func(b []byte) []byte {
		b = message(b, 1, func(b []byte) []byte { return attributes(b, 1, r.Resource) })
		b = message(b, 2, func(b []byte) []byte {
			b = message(b, 1, func(b []byte) []byte {
				b = text(b, 1, r.Scope.Name)
				return text(b, 2, r.Scope.Version)
			})
			for i := range r.Records {
				b = message(b, 2, func(b []byte) []byte { return appendRecord(b, &r.Records[i]) })
			}
			return text(b, 3, r.SchemaURL)
		})
		return text(b, 3, r.SchemaURL)
	})
}

func appendRecord(b []byte, r *LogRecord) []byte {
	b = nanos(b, 1, r.Time)
	b = varint(b, 2, uint64(r.Severity))
	b = text(b, 3, r.SeverityText)
	if r.Body.kind != kindEmpty {
		b = message(b, 5, func(b []byte) []byte { return appendValue(b, &r.Body) })
	}
	b = attributes(b, 6, r.Attributes)
	b = flags(b, 8, r.Flags)
	if r.Trace != [16]byte{} {
		b = data(b, 9, r.Trace[:])
		if r.Span != [8]byte{} { // a span without a trace is none
			b = data(b, 10, r.Span[:])
		}
	}
	return nanos(b, 11, r.Observed)
}
