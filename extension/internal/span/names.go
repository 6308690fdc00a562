package span

// schemaURL says which version of the semantic conventions the names below that are not ours are from.
const schemaURL = "https://opentelemetry.io/schemas/1.44.0"

// scopeName is who made the spans.
const scopeName = "github.com/afterglow-lambda/afterglow"

// Attributes that no convention has a name for. None is the beginning of another one up to a dot: some backends make objects of dotted names, and
// a thing cannot be a text and an object.
const (
	// Before a suffix each; bodies of HTTP have names of the conventions for content and size.
	prefixEvent        = "afterglow.event"    // what the function was invoked with
	prefixResponse     = "afterglow.response" // what it returned
	prefixRequestBody  = "afterglow.request.body"
	prefixResponseBody = "afterglow.response.body"

	suffixContent   = ".content"   // string
	suffixSize      = ".size"      // bytes of the whole, if known; int
	suffixTruncated = ".truncated" // content is not the whole; bool, only if so
	suffixHidden    = ".hidden"    // why content that was captured is not shown: domain, binary, compressed, unknown; string

	attrOpen      = "afterglow.open"               // no end was seen: of an invocation, it timed out or was killed; of a call, it was being waited for; bool
	attrInit      = "afterglow.init"               // the call was made before the first invocation; bool
	attrPartial   = "afterglow.partial"            // the response was not read to its end; bool
	attrLibrary   = "afterglow.library"            // what sent the request: http.client, undici, …; string
	attrFirstByte = "afterglow.time_to_first_byte" // seconds until the response's headers; double
	attrStreaming = "afterglow.streaming"          // the response was streamed; bool
	attrTenant    = "afterglow.tenant"             // tenant of a function with tenant isolation; string

	// What is not there. See Loss in package event for the reasons of lost, Dropped in package mask for what is counted in dropped.
	prefixLost    = "afterglow.lost."    // + reason + .records and .bytes; int
	prefixDropped = "afterglow.dropped." // + unknown (bodies of no known kind), bodies, headers, attributes, links, messages, calls, bytes; int
)

// Values of error.type where nobody gave one.
const (
	errorOther = "_OTHER"
	errorOpen  = "afterglow.open" // nobody knows yet whether it timed out or was killed
)
