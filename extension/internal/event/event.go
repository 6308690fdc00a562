// Package event holds what happened, in the extension's own words: an invocation, the calls it made, and what the stages find out
// about them. intake makes it out of the spool, enrich and correlate add to it, mask turns it into something that may be shown.
//
// It promises that nothing that came from the function can be printed by accident: every such field is of type Text or Bytes, which
// print as [unmasked] whatever the verb, and give their content only to Reveal. Who calls Reveal is held by a test at the module's root.
package event

import "time"

// An Invocation is one run of the handler, or the initialisation of an environment without one.
type Invocation struct {
	ID       string // request id; spool.InvocationInit or spool.InvocationNone where there is none
	ARN      string // as invoked, alias included
	Trace    string // value of X-Amzn-Trace-Id, as Lambda gave it
	Tenant   string
	Deadline time.Time
	Attempt  time.Time // tells attempts at one request id apart where nobody knows the deadline; the same in what comes Late. Zero where there is a deadline
	Start    time.Time // zero if the hook did not see it
	Duration time.Duration
	Open     bool // the end was not seen: timed out, killed, or still running
	Cold     bool // first invocation of its environment
	Unhooked bool // no hook told of it: what is known is Lambda's word
	Recorded bool // hooks' records tell of it, in files of the spool that stay until all that was made of them is safe
	Late     bool // its own span was exported before: only Calls are new, their parent is that span
	Process  Process

	Event          Body
	Response       Body
	ResponseStatus int // statusCode of a proxy response; 0 if there is none
	Streaming      bool
	Error          *Error // what the handler raised, or why it could not be loaded

	Calls []Call
	Lines []Line // of the function's log
	Lost  []Loss
	Cut   Cut // of records that are there

	Platform Platform // what Lambda told
	Outcome  string   // why it did not end as it should, one of the Outcome… constants; "" if it did, or if nobody knows

	Trigger  Trigger  // by enrich
	Identity Identity // by correlate
}

// Outcomes of an invocation that something else than its handler has ended.
const (
	OutcomeTimeout     = "timeout"
	OutcomeOutOfMemory = "out-of-memory"
	OutcomeKilled      = "killed" // the process ended, or was ended, before its handler did
)

// A Process is the process of the function that the invocation ran in.
type Process struct {
	PID                    int
	Runtime, Version, Hook string            // e.g. python, 3.13.1, 0.1.0
	Env                    map[string]string // what FORMAT.md allows: log group, log stream, execution environment, handler
}

// A Body is captured content.
type Body struct {
	Data      Bytes
	Size      int64 // of the whole; -1 if unknown
	Truncated bool  // Data is not the whole
	Shortened bool  // Data is whole JSON again although Truncated
}

// An Error is what the user's code raised, or what a request failed with. Type is a class name and shown as it is.
type Error struct {
	Type           string
	Message, Stack Text
}

// A Call is one outbound request.
type Call struct {
	ID       string // unique within the environment
	Library  string
	Method   string
	URL      Text
	Protocol string
	Peer     string
	Resend   int
	Sent     SpanID // that the request names as its parent because the hook had it do so; zero: none
	Status   int    // HTTP status; 0 if no response was seen
	Start    time.Time
	// FirstByte is the time to the response's headers, Duration to the end of its body.
	FirstByte, Duration time.Duration
	Open                bool // no end was seen: this is what the function was waiting for
	EndMissing          bool // nor is it known whether there was one: hooks have left out records of calls
	Partial             bool // the response was not read to its end
	Init                bool // made before the first invocation
	Error               *Error

	RequestHeaders, ResponseHeaders []Header
	Request, Response               Body

	Target   Target   // by enrich
	Identity Identity // by correlate
}

// A Header is one HTTP header, its name as sent.
type Header struct {
	Name  string
	Value Text
}

// A Loss counts what was not recorded, or recorded and not understood.
type Loss struct {
	Reason         string // see the constants Loss… of intake and lifecycle, and FORMAT.md
	Records, Bytes int64
}

// A Cut counts what hooks left out of records that they wrote, to keep within their limits, where the record itself does not say it.
type Cut struct {
	Headers int
	Bytes   int64 // of them
}

// A Trigger is what the event says about who invoked the function. The zero Trigger means: not recognised.
type Trigger struct {
	Source     string // as semantic conventions or AWS name it: aws_sqs, aws.api_gateway, …; "" if not recognised
	Kind       string // faas.trigger: http, pubsub, datasource, timer, other
	Name       string // of the source: queue name, route, …; becomes the span's name where conventions say so
	HTTP       bool   // a request-response trigger with HTTP attributes
	Trace      string // value of a trace header in the event itself (X-Amzn-Trace-Id), if there is one
	Parent     Parent // that the event's traceparent header names
	Messages   []Message
	Upstream   *Key // the caller's call that led here, where the trigger names it (e.g. a request id of API Gateway)
	Attributes []Attribute
}

// A Target is what enrich recognised a call to be.
type Target struct {
	System     string // "aws" or "http"
	Service    string // AWS's name: SQS, DynamoDB, S3, Lambda, …
	Operation  string // SendMessage, PutItem, …
	Resource   string // queue, table, bucket or function name
	Region     string
	RequestID  string // x-amzn-requestid / x-amz-request-id
	Fault      string // name of the error that AWS answered with
	Key        *Key   // identity that the receiving side will also see, where the call has exactly one
	Parent     Parent // that the request's traceparent header names
	Messages   []Message
	Batch      bool // Messages get spans of their own
	Attributes []Attribute
}

// A Message is one message of a queue, topic, stream or bus, as sent or as received.
type Message struct {
	Key         Key
	Destination string // queue or topic name
	Trace       string // AWSTraceHeader or the like, as received; "" on the sending side
	Span        SpanID // the sender's span of the message; by correlate
	Attributes  []Attribute
}

// A Key is what both sides of a hop see. The span id of the sender's span is derived from it, so the receiver can link to it.
// It is taken before masking and is never secret: an id that AWS drew.
type Key struct {
	Space string // of ids: aws_sqs, aws_sns, request, …
	ID    string
}

// A Parent is the span that a traceparent header names, of whoever sent it. The zero Parent means: there was none.
type Parent struct {
	Trace TraceID
	Span  SpanID
}

// An Attribute is a span attribute to be. Value is a Text or []Text, a plain string or []string (known to hold nothing of the user's),
// an int64, a float64 or a bool.
type Attribute struct {
	Name  string
	Value any
}

// An Identity places an invocation or a call in a flow.
type Identity struct {
	Trace  TraceID
	Span   SpanID
	Parent SpanID // zero: none
	Links  []Link
}

// A Link leads to a span of another invocation.
type Link struct {
	Trace      TraceID
	Span       SpanID
	Attributes []Attribute
}

// TraceID and SpanID are OpenTelemetry's.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

// IsZero tells whether there is no id.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero tells whether there is no id.
func (id SpanID) IsZero() bool { return id == SpanID{} }
