package construct

import "github.com/aws/aws-cdk-go/awscdk/v2"

// A LogLevel is how much Afterglow writes into the function's log.
type LogLevel string

const (
	LogLevelDebug LogLevel = "debug"
	LogLevelInfo  LogLevel = "info"
	LogLevelWarn  LogLevel = "warn"
	LogLevelError LogLevel = "error"
	LogLevelOff   LogLevel = "off"
)

// A MetricTemporality says what sums and histograms count from.
type MetricTemporality string

const (
	MetricTemporalityDelta      MetricTemporality = "delta"      // the collection before
	MetricTemporalityCumulative MetricTemporality = "cumulative" // the start of the environment
	MetricTemporalityLowMemory  MetricTemporality = "lowmemory"  // the same as delta here
)

// A MaskPreset is the set of rules that masking begins with.
type MaskPreset string

const (
	MaskPresetDefault MaskPreset = "default"
	MaskPresetStrict  MaskPreset = "strict"
	MaskPresetPCI     MaskPreset = "pci"
	MaskPresetOff     MaskPreset = "off"
)

// A MaskUnknown is what becomes of bodies that masking cannot understand.
type MaskUnknown string

const (
	MaskUnknownDetect MaskUnknown = "detect"
	MaskUnknownDrop   MaskUnknown = "drop"
)

// A Flush is when the extension exports.
type Flush string

const (
	FlushAdaptive Flush = "adaptive"
	FlushEnd      Flush = "end"
	FlushInterval Flush = "interval"
)

// Undelivered is what becomes of what could not be delivered when the environment ends.
type Undelivered string

const (
	UndeliveredDrop Undelivered = "drop"
	UndeliveredLog  Undelivered = "log"
)

// Instrumentation says what Afterglow keeps, hides and sends, and where to. Every field is optional. A field becomes an
// environment variable of the function only where it differs from the default, because Lambda allows 4 KB for all of them.
type Instrumentation struct {
	seen *seen // by functions that have these settings

	// Where telemetry goes: ToOTLP, ToXRay, ToLog, several of them at once.
	// Default: ToXRay, unless the function's own Environment names an endpoint (OTEL_EXPORTER_OTLP_ENDPOINT) or exporters (AFTERGLOW_EXPORTERS). An empty
	// list exports nothing.
	Exporters *[]Exporter

	// The layer with extension and hooks: LayerFromArn or LayerFromParameter for one that somebody shares.
	// Default: one of the stack's own, made when the first function asks for it.
	Layer LayerSource

	// What is exported: traces, metrics, logs.
	// Default: traces and metrics.
	Signals *[]*string
	// What metrics count from. A backend that cannot take deltas, such as a bare Prometheus, wants MetricTemporalityCumulative.
	// Default: MetricTemporalityDelta.
	MetricTemporality MetricTemporality
	// Shortest time between two collections of metrics, up to an hour.
	// Default: 1 minute.
	MetricInterval awscdk.Duration
	// Dollars for a GB-second of the function's time, for the metric of what it costs.
	// Default: Lambda's list price in US East (N. Virginia) for the function's architecture.
	PricePerGBSecond *float64

	// service.name of the function's spans.
	// Default: the function's name.
	ServiceName *string
	// Further attributes of the resource that the spans belong to, such as deployment.environment.name.
	// Default: none beyond those that Lambda tells.
	ResourceAttributes *map[string]*string

	// Switches everything off at run time, before anything is touched, while layer and environment stay in place.
	// Default: false, Afterglow works.
	Disabled *bool
	// Whether Lambda is asked to tell what it knows of invocations: ends that no hook could see, such as timeouts, duration, memory and
	// cost. Without it spans come from hooks alone.
	// Default: true.
	Telemetry *bool
	// How much Afterglow writes into the function's log. Content of requests is never logged.
	// Default: LogLevelWarn.
	LogLevel LogLevel

	// Most that is kept of a request's or response's body, up to 1 MiB. Message ids of batches are found in responses, so
	// small values cost links.
	// Default: 32 KiB.
	CaptureBodySize awscdk.Size
	// Most that is kept of the event and of the response, up to 1 MiB. Larger events are shortened, not cut.
	// Default: 64 KiB.
	CaptureEventSize awscdk.Size
	// Most that is kept of the headers of one request or response, up to 64 KiB.
	// Default: 16 KiB.
	CaptureHeaderSize awscdk.Size

	// The rules to begin with: default; strict, which hides every value but those of allowed keys; pci, which also hides the data of cardholders and leaves out
	// what it cannot understand; off, which hides only what the other fields name.
	// Default: default.
	MaskPreset MaskPreset
	// Further keys whose values are hidden. Case and the style of writing (api_key, apiKey, API-KEY) do not matter.
	// Default: the built-in keys only.
	MaskKeys *[]*string
	// Keys that are shown although a rule for keys would hide them. What looks like a credential is hidden all the same.
	// Default: none.
	MaskAllowKeys *[]*string
	// Exact places in JSON, forms and queries whose values are hidden, as keys with dots between them: customer.address.street. Case does not matter; * is any
	// key; lists and DynamoDB's types count for nothing.
	// Default: none.
	MaskPaths *[]*string
	// Parts of which every value is hidden, but those of allowed keys: event, response, request_headers, request_body, response_headers, response_body, query,
	// errors, logs.
	// Default: none.
	MaskAll *[]*string
	// Kinds of credentials that are not looked for in values: aws, jwt, auth, pem, cards, urls, vendors.
	// Default: none, all are looked for.
	MaskDetectorsOff *[]*string
	// What becomes of a body that is neither JSON nor XML nor a form: with detect, credentials in it are looked for and hidden; with drop, it is left out and
	// counted.
	// Default: detect.
	MaskUnknown MaskUnknown
	// Further hosts whose headers and bodies are never exported; a leading dot means every host below.
	// Default: Secrets Manager, SSM, KMS and STS, which are hidden in any case.
	MaskDomains *[]*string
	// Hosts whose bodies are never exported, while headers are; a leading dot means every host below.
	// Default: none.
	MaskHeadersOnlyDomains *[]*string

	// Hosts whose requests get a traceparent header (W3C Trace Context), so that what they lead to names the call as its parent; a leading dot means every host
	// below, * anything. Requests that have one already, or are signed, stay as they are.
	// Default: none. No request is changed, and invocations are linked by the ids that AWS draws.
	PropagationDomains *[]*string

	// Most that is exported of one body, message or stack, after masking, from 64 bytes to 1 MiB. Twice that on failure.
	// Default: 2 KiB.
	LimitFieldSize awscdk.Size
	// Most that is exported of one call, from 1 KiB to 4 MiB. Its bodies go first, then its headers. Twice that where it failed.
	// Default: 64 KiB.
	LimitCallSize awscdk.Size
	// Most that is exported of one invocation, from 16 KiB to 8 MiB.
	// Default: 512 KiB.
	LimitInvocationSize awscdk.Size
	// Most that is sent in one export request, before compression, from 16 KiB to 8 MiB. No invocation is larger.
	// Default: 1 MiB.
	LimitBatchSize awscdk.Size
	// Most that is exported of one line of the function's log, where lines are exported, from 64 bytes to 256 KiB.
	// Default: 4 KiB.
	LimitLogSize awscdk.Size

	// When the extension exports: with adaptive, after the response of each invocation while they are rare, every interval while they are frequent; with end,
	// after the response of each; with interval, every interval. Always also at the end of the environment.
	// Default: FlushAdaptive.
	Flush Flush
	// Invocations that come in shorter intervals than this, from 100 ms to 10 min, are frequent, and are exported together.
	// Default: 5 seconds.
	FlushInterval awscdk.Duration

	// Most that is kept on disk of what the collector did not accept, masked, up to 1 GiB. Past it the oldest is dropped and counted. With 0 a
	// smaller amount is kept in memory alone.
	// Default: 16 MiB.
	OutboxSize awscdk.Size
	// Most that something is kept for, from 1 s to 7 days.
	// Default: 24 hours, which is longer than an environment lives.
	OutboxAge awscdk.Duration
	// What becomes of what could not be delivered when the environment ends: with log, it is written to the function's log in lines that can be sent on
	// later, for which CloudWatch charges by size; with drop, its number alone.
	// Default: UndeliveredDrop.
	Undelivered Undelivered

	// What the extension leaves of an invocation's time: it stops this long before the deadline, from 10 ms to 10 s.
	// Default: 150 milliseconds.
	DeadlineMargin awscdk.Duration

	// Directory in which the function hands over to the extension. It has to be below /tmp.
	// Default: /tmp/afterglow.
	SpoolDir *string
	// Most that this directory may take of /tmp, from 1 MiB to 8 GiB. Past it hooks write nothing until the extension has
	// collected what is there; what was left out is counted.
	// Default: 64 MiB.
	SpoolDirSize awscdk.Size
	// Most that one invocation may write there, from 64 KiB to 1 GiB. Past it calls are only counted.
	// Default: 16 MiB.
	SpoolInvocationSize awscdk.Size
}

// rows joins each field to its setting; Exporters and Layer have their own.
func (i *Instrumentation) rows() []row {
	return []row{
		{"Signals", "AFTERGLOW_SIGNALS", i.Signals},
		{"MetricTemporality", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", i.MetricTemporality},
		{"MetricInterval", "OTEL_METRIC_EXPORT_INTERVAL", i.MetricInterval},
		{"PricePerGBSecond", "AFTERGLOW_PRICE_GB_SECOND", i.PricePerGBSecond},
		{"ServiceName", "OTEL_SERVICE_NAME", i.ServiceName},
		{"ResourceAttributes", "OTEL_RESOURCE_ATTRIBUTES", i.ResourceAttributes},
		{"Disabled", "AFTERGLOW_DISABLED", i.Disabled},
		{"Telemetry", "AFTERGLOW_TELEMETRY", i.Telemetry},
		{"LogLevel", "AFTERGLOW_LOG_LEVEL", i.LogLevel},
		{"CaptureBodySize", "AFTERGLOW_CAPTURE_BODY_BYTES", i.CaptureBodySize},
		{"CaptureEventSize", "AFTERGLOW_CAPTURE_EVENT_BYTES", i.CaptureEventSize},
		{"CaptureHeaderSize", "AFTERGLOW_CAPTURE_HEADER_BYTES", i.CaptureHeaderSize},
		{"MaskPreset", "AFTERGLOW_MASK_PRESET", i.MaskPreset},
		{"MaskKeys", "AFTERGLOW_MASK_KEYS", i.MaskKeys},
		{"MaskAllowKeys", "AFTERGLOW_MASK_ALLOW_KEYS", i.MaskAllowKeys},
		{"MaskPaths", "AFTERGLOW_MASK_PATHS", i.MaskPaths},
		{"MaskAll", "AFTERGLOW_MASK_ALL", i.MaskAll},
		{"MaskDetectorsOff", "AFTERGLOW_MASK_DETECTORS_OFF", i.MaskDetectorsOff},
		{"MaskUnknown", "AFTERGLOW_MASK_UNKNOWN", i.MaskUnknown},
		{"MaskDomains", "AFTERGLOW_MASK_DOMAINS", i.MaskDomains},
		{"PropagationDomains", "AFTERGLOW_PROPAGATION_DOMAINS", i.PropagationDomains},
		{"MaskHeadersOnlyDomains", "AFTERGLOW_MASK_HEADERS_ONLY_DOMAINS", i.MaskHeadersOnlyDomains},
		{"LimitFieldSize", "AFTERGLOW_LIMIT_FIELD_BYTES", i.LimitFieldSize},
		{"LimitCallSize", "AFTERGLOW_LIMIT_CALL_BYTES", i.LimitCallSize},
		{"LimitInvocationSize", "AFTERGLOW_LIMIT_INVOCATION_BYTES", i.LimitInvocationSize},
		{"LimitBatchSize", "AFTERGLOW_LIMIT_BATCH_BYTES", i.LimitBatchSize},
		{"LimitLogSize", "AFTERGLOW_LIMIT_LOG_BYTES", i.LimitLogSize},
		{"Flush", "AFTERGLOW_FLUSH", i.Flush},
		{"FlushInterval", "AFTERGLOW_FLUSH_INTERVAL", i.FlushInterval},
		{"OutboxSize", "AFTERGLOW_OUTBOX_BYTES", i.OutboxSize},
		{"OutboxAge", "AFTERGLOW_OUTBOX_AGE", i.OutboxAge},
		{"Undelivered", "AFTERGLOW_UNDELIVERED", i.Undelivered},
		{"DeadlineMargin", "AFTERGLOW_DEADLINE_MARGIN", i.DeadlineMargin},
		{"SpoolDir", "AFTERGLOW_SPOOL_DIR", i.SpoolDir},
		{"SpoolDirSize", "AFTERGLOW_SPOOL_DIR_BYTES", i.SpoolDirSize},
		{"SpoolInvocationSize", "AFTERGLOW_SPOOL_INVOCATION_BYTES", i.SpoolInvocationSize},
	}
}
