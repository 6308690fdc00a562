// Package otlp holds the parts of the OpenTelemetry protocol that are needed here: plain types and their encoding as protobuf.
//
// It takes spans, metrics and records of a log that are built, and gives the bytes of an ExportTraceServiceRequest, ExportMetricsServiceRequest or
// ExportLogsServiceRequest as OTLP/HTTP expects them (opentelemetry.proto.collector.{trace,metrics,logs}.v1, protocol version 1.9). It imports nothing of ours:
// what is in them was decided before.
//
// It promises: whatever is put in decodes with the official types. A string that is not UTF-8 is repaired, since a receiver would refuse the
// whole request for it, and a time outside what nanoseconds since 1970 can say becomes the nearest one that they can.
package otlp

import "time"

// ResourceSpans are the spans of one resource and one instrumentation scope.
type ResourceSpans struct {
	Resource  []KeyValue
	Scope     Scope
	SchemaURL string // of resource and spans; "" for none
	Spans     []Span
}

// A Scope names what made the spans.
type Scope struct {
	Name, Version string
}

// A Span is one operation of a trace.
type Span struct {
	Trace  [16]byte
	ID     [8]byte
	Parent [8]byte // zero: none
	State  string  // W3C tracestate
	Flags  uint32  // W3C trace flags, see FlagSampled

	Name       string
	Kind       Kind
	Start, End time.Time
	Status     Status

	Attributes []KeyValue
	Events     []Event
	Links      []Link

	DroppedAttributes, DroppedEvents, DroppedLinks uint32
}

// FlagSampled is the only trace flag that this package has a name for.
const FlagSampled uint32 = 1

// A Kind is the role of a span in its exchange. The values are the protocol's.
type Kind uint8

// Kinds of spans.
const (
	KindInternal Kind = iota + 1
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// A Status is how an operation ended.
type Status struct {
	Code    Code
	Message string // only with CodeError
}

// A Code is a status in one word. The values are the protocol's.
type Code uint8

// Codes of a status.
const (
	CodeUnset Code = iota
	CodeOK
	CodeError
)

// An Event is something that happened at one moment within a span.
type Event struct {
	Time       time.Time
	Name       string
	Attributes []KeyValue
	Dropped    uint32 // attributes
}

// A Link leads to another span, of the same trace or another.
type Link struct {
	Trace      [16]byte
	Span       [8]byte
	State      string
	Flags      uint32
	Attributes []KeyValue
	Dropped    uint32 // attributes
}

// A KeyValue is an attribute. Make one with String, Int, Double, Bool, Strings or Bytes.
type KeyValue struct {
	Key   string
	Value Value
}

// A Value is an attribute's value. The zero Value is the protocol's empty one.
type Value struct {
	kind kind
	num  uint64 // kindInt: two's complement; kindDouble: IEEE 754; kindBool: 0 or 1
	str  string
	list []string
}

type kind uint8

const (
	kindEmpty kind = iota
	kindString
	kindBool
	kindInt
	kindDouble
	kindStrings
	kindOneString // a list of one, without memory of its own
)
