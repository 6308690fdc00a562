package mask

import (
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// An Invocation is an event.Invocation that may be shown. Only Masker.Apply makes one with content in it: whatever text it holds is of
// type Text or inside an Attribute, which no other package can fill. Later stages can read it, shorten it and leave parts of it out.
type Invocation struct {
	ID, ARN, Tenant  Text
	Start, Deadline  time.Time
	Duration         time.Duration
	Open, Cold, Late bool
	Process          Process

	Event, Response Body
	ResponseStatus  int
	Streaming       bool
	Error           *Error

	Calls   []Call
	Lines   []Line
	Lost    []Loss
	Trigger Trigger

	Platform Platform
	Outcome  Text
	Unhooked bool

	Trace        event.TraceID
	Span, Parent event.SpanID
	Links        []Link

	Dropped Dropped
}

// A Platform is what Lambda told of an invocation.
type Platform struct {
	Start, Done       time.Time
	Status, ErrorType Text
	Duration          time.Duration
	Produced          int64
	Report            *Report
	Init              *Init
}

// A Report is what an invocation cost.
type Report struct {
	Status, ErrorType                         Text
	Duration, Billed, Init, Restore, Overhead time.Duration
	MemorySize, MemoryUsed                    int64 // bytes
}

// An Init is how the environment came to be that an invocation waited for.
type Init struct {
	Type, Phase       Text
	Duration, Restore time.Duration
}

// A Line is one line of the function's log.
type Line struct {
	Time      time.Time
	Level     Text // as Lambda told it; zero if it did not
	Body      Text
	Truncated bool // Body is not the whole
}

// A Process is what ran the function.
type Process struct {
	PID                    int
	Runtime, Version, Hook Text
	Handler                Text
	LogGroup, LogStream    Text
}

// A Call is one outbound request.
type Call struct {
	ID, Library, Method, Protocol, Peer Text
	URL                                 Text
	Resend, Status                      int
	Start                               time.Time
	FirstByte, Duration                 time.Duration
	Open, EndMissing, Partial, Init     bool
	Error                               *Error

	RequestHeaders, ResponseHeaders []Header
	Request, Response               Body

	Target Target

	Trace        event.TraceID
	Span, Parent event.SpanID
	Links        []Link

	Dropped Dropped
}

// Failed tells whether the call went wrong: it failed, was answered with an error, or was never answered.
func (c Call) Failed() bool { return c.Error != nil || c.Status >= 400 || c.Open }

// A Body is masked content, or the reason why there is none.
type Body struct {
	Text      Text
	Size      int64 // of the whole that the function sent or received; -1 if unknown
	Truncated bool  // Text is not the whole
	Hidden    Text  // why content that was captured is not in Text, one of the Hidden reasons; zero if nothing was held back
}

// An Error is what the user's code raised, or what a request failed with.
type Error struct {
	Type, Message, Stack Text
}

// A Header is one HTTP header.
type Header struct {
	Name, Value Text
}

// A Loss counts what was not recorded.
type Loss struct {
	Reason         Text
	Records, Bytes int64
}

// A Trigger is what invoked the function.
type Trigger struct {
	Source, Kind, Name Text
	HTTP               bool
	Messages           []Message
	Attributes         []Attribute
}

// A Target is what a call was recognised to be.
type Target struct {
	System, Service, Operation, Resource, Region, RequestID Text
	Fault                                                   Text
	Batch                                                   bool
	Messages                                                []Message
	Attributes                                              []Attribute
}

// A Message is one message of a batch.
type Message struct {
	ID, Destination Text
	Span            event.SpanID
	Attributes      []Attribute
}

// A Link leads to a span of another invocation.
type Link struct {
	Trace      event.TraceID
	Span       event.SpanID
	Attributes []Attribute
}

// Dropped counts what limit left out or shortened, and bodies that were left out because they could not be understood.
type Dropped struct {
	Unknown                                             int
	Bodies, Headers, Attributes, Links, Messages, Calls int
	Lines                                               int
	Bytes                                               int64
}

// Add adds up.
func (d *Dropped) Add(o Dropped) {
	d.Unknown += o.Unknown
	d.Bodies += o.Bodies
	d.Headers += o.Headers
	d.Attributes += o.Attributes
	d.Links += o.Links
	d.Messages += o.Messages
	d.Calls += o.Calls
	d.Lines += o.Lines
	d.Bytes += o.Bytes
}

// An Attribute is a span attribute whose value was masked.
type Attribute struct {
	name  string
	value any // Text, int64, float64, bool, []string
}

// Name is the attribute's name.
func (a Attribute) Name() string { return a.name }

// Value is a Text, an int64, a float64, a bool or a []string that its reader must not change.
func (a Attribute) Value() any { return a.value }

// Len is how many bytes the value takes, roughly.
func (a Attribute) Len() int {
	switch v := a.value.(type) {
	case Text:
		return v.Len()
	case []string:
		n := 0
		for _, s := range v {
			n += len(s)
		}
		return n
	}
	return 8
}

// Shorten gives the attribute with at most n bytes of text in it.
func (a Attribute) Shorten(n int) Attribute {
	switch v := a.value.(type) {
	case Text:
		a.value = v.Shorten(n)
	case []string:
		var kept []string
		for _, s := range v {
			if n -= len(s); n < 0 {
				break
			}
			kept = append(kept, s)
		}
		a.value = kept
	}
	return a
}
