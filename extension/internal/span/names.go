package span

import "github.com/afterglow-lambda/afterglow/extension/internal/otlp"

// SchemaURL says which version of the semantic conventions the names that are not ours are from.
const SchemaURL = "https://opentelemetry.io/schemas/1.44.0"

// scopeName is who made the spans, and whatever else is exported.
const scopeName = "github.com/afterglow-lambda/afterglow"

// Scope is the instrumentation scope of whatever is exported.
func (r Resource) Scope() otlp.Scope { return otlp.Scope{Name: scopeName, Version: r.Release} }

// Attributes that no convention has a name for. None is the beginning of another one up to a dot: some backends make objects of dotted names, and
// a thing cannot be a text and an object.
const (
	// Before a suffix each; for the size of bodies of HTTP the conventions have names.
	prefixEvent        = "afterglow.event"    // what the function was invoked with
	prefixResponse     = "afterglow.response" // what it returned
	prefixRequestBody  = "afterglow.request.body"
	prefixResponseBody = "afterglow.response.body"

	suffixContent   = ".content"   // string
	suffixSize      = ".size"      // bytes of the whole, if known; int
	suffixTruncated = ".truncated" // content is not the whole; bool, only if so
	suffixHidden    = ".hidden"    // why content that was captured is not shown: domain, binary, compressed, unknown; string

	attrOpen       = "afterglow.open"               // no end was seen: of an invocation, it timed out or was killed; of a call, it was being waited for; bool
	attrEndMissing = "afterglow.end_missing"        // no end of the call was seen, nor is it known whether there was one: the hook has left out records (afterglow.lost…); bool
	attrInit       = "afterglow.init"               // the call was made before the first invocation; bool
	attrPartial    = "afterglow.partial"            // the response was not read to its end; bool
	attrLibrary    = "afterglow.library"            // what sent the request: http.client, undici, …; string
	attrFirstByte  = "afterglow.time_to_first_byte" // seconds until the response's headers; double
	attrStreaming  = "afterglow.streaming"          // the response was streamed; bool
	// What invoked the function: aws_sqs, aws.api_gateway, aws.scheduler, … and the queue, table, schedule, … of it, where the span is not named after it; string.
	attrTrigger     = "afterglow.trigger.source"
	attrTriggerName = "afterglow.trigger.name"
	attrTenant      = "afterglow.tenant"         // tenant of a function with tenant isolation; string
	attrOutcome     = "afterglow.outcome"        // what ended the invocation if its handler did not: timeout, out-of-memory, killed; string
	attrUnhooked    = "afterglow.unhooked"       // no hook told of the invocation: what is known of it Lambda told; bool
	attrLineCut     = "afterglow.line.truncated" // of a log record: its body is not the whole line; bool

	// What Lambda told through its Telemetry API.
	attrStatus      = "afterglow.runtime.status"     // platform.runtimeDone: success, error, failure or timeout. An error that the handler raised may be a success; string
	attrRuntimeTime = "afterglow.runtime.duration"   // seconds that the function took, without extensions; double
	attrBilled      = "afterglow.report.billed"      // seconds that Lambda bills; double
	attrReportTime  = "afterglow.report.duration"    // seconds that the invocation took, with extensions; double
	attrOverhead    = "afterglow.report.overhead"    // seconds that extensions took after the function; double
	attrMemorySize  = "afterglow.report.memory.size" // bytes that the function has; int
	attrMemoryUsed  = "afterglow.report.memory.used" // most bytes that all of the environment's processes had at once; int
	attrInitType    = "afterglow.coldstart.type"     // of the set-up that the invocation waited for: on-demand, snap-start; string
	attrInitPhase   = "afterglow.coldstart.phase"    // init; invoke where it was a part of the invocation's own time, after a reset; snap-start; string
	attrInitTime    = "afterglow.coldstart.duration" // seconds that the set-up took; double
	attrRestoreTime = "afterglow.coldstart.restore"  // seconds that it took to restore the environment from its snapshot; double

	// enrich has more, as text: afterglow.eventbridge.source and .detail_type, and afterglow.websocket.event (CONNECT, MESSAGE, DISCONNECT).

	// What is not there. See Loss in package event for the reasons of lost, Dropped in package mask for what is counted in dropped.
	prefixLost    = "afterglow.lost."    // + reason + .records and .bytes; int
	prefixDropped = "afterglow.dropped." // + unknown (bodies of no known kind), bodies, headers, attributes, links, messages, calls, lines (of the log), bytes; int
)

// Values of error.type where nobody gave one.
const (
	errorOther = "_OTHER"
	errorOpen  = "afterglow.open" // nobody knows whether it timed out or was killed

	errorTimeout     = "timeout" // the conventions' example
	errorOutOfMemory = "Runtime.OutOfMemory"
	errorKilled      = "Runtime.ExitError" // what Lambda calls it, where it did not say so itself
)
