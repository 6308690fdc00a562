package construct

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/settings"
)

// A LogLevel is how much Afterglow writes into the function's log.
type LogLevel string

const (
	LogLevelDebug LogLevel = "debug"
	LogLevelInfo  LogLevel = "info"
	LogLevelWarn  LogLevel = "warn"
	LogLevelError LogLevel = "error"
	LogLevelOff   LogLevel = "off"
)

// A Compression is how export requests are compressed.
type Compression string

const (
	CompressionGzip Compression = "gzip"
	CompressionNone Compression = "none"
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
//
// There is no field for headers of the export requests yet: they hold credentials, which do not belong into a template.
type Instrumentation struct {
	// Base URL of an OTLP/HTTP collector, such as https://collector.example.com:4318; /v1/traces, /v1/metrics or
	// /v1/logs is appended.
	// Default: nothing is exported, and the extension says so once in the function's log.
	OTLPEndpoint *string
	// URL for traces, used as it is. Goes before OTLPEndpoint.
	// Default: made from OTLPEndpoint.
	OTLPTracesEndpoint *string
	// URL for metrics, used as it is. Goes before OTLPEndpoint.
	// Default: made from OTLPEndpoint.
	OTLPMetricsEndpoint *string
	// URL for log records, used as it is. Goes before OTLPEndpoint.
	// Default: made from OTLPEndpoint.
	OTLPLogsEndpoint *string
	// Compression of export requests.
	// Default: CompressionGzip.
	OTLPCompression Compression
	// Longest time that one export request may take, from 1 ms to 60 s. What the invocation has left bounds it further.
	// Default: 3 seconds.
	OTLPTimeout awscdk.Duration

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
	// errors.
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

// A row joins a field to its setting.
type row struct {
	field   string
	setting string
	value   any
}

func (i *Instrumentation) rows() []row {
	return []row{
		{"OTLPEndpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", i.OTLPEndpoint},
		{"OTLPTracesEndpoint", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", i.OTLPTracesEndpoint},
		{"OTLPMetricsEndpoint", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", i.OTLPMetricsEndpoint},
		{"OTLPLogsEndpoint", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", i.OTLPLogsEndpoint},
		{"OTLPCompression", "OTEL_EXPORTER_OTLP_COMPRESSION", i.OTLPCompression},
		{"OTLPTimeout", "OTEL_EXPORTER_OTLP_TIMEOUT", i.OTLPTimeout},
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

// environment gives the variables of the settings that differ from their defaults.
func (i *Instrumentation) environment() (map[string]string, error) {
	variables := map[string]string{}
	for _, r := range i.rows() {
		value, err := render(r.value)
		if err != nil {
			return nil, fmt.Errorf("property Afterglow.%s: %w", r.field, err)
		}
		if value == "" {
			continue
		}
		// A value that only CloudFormation knows cannot be checked here; the extension falls back to the default at run time.
		if isToken(value) {
			variables[r.setting] = value
			continue
		}
		setting, ok := settings.Lookup(r.setting)
		if !ok {
			return nil, fmt.Errorf("property Afterglow.%s: there is no setting %s", r.field, r.setting)
		}
		if err := checkNoCredentials(setting, value); err != nil {
			return nil, fmt.Errorf("property Afterglow.%s: %w", r.field, err)
		}
		if err := setting.Check(value); err != nil {
			return nil, fmt.Errorf("property Afterglow.%s: %w", r.field, err)
		}
		if r.setting == "AFTERGLOW_SPOOL_DIR" && value != "" && !strings.HasPrefix(value, "/tmp/") {
			return nil, fmt.Errorf("property Afterglow.%s: %w", r.field, &settings.Error{Name: r.setting, Value: value,
				Problem: "not below /tmp, which is all that a function can write", Remedy: "write a path like " + settings.DefaultSpoolDir})
		}
		if !isDefault(setting, value) {
			variables[r.setting] = value
		}
	}
	return variables, nil
}

// checkNoCredentials refuses what would be readable in the template. Its error does not show the value.
func checkNoCredentials(s settings.Setting, value string) error {
	if s.Type != settings.URL {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil {
		return nil //nolint:nilerr // Check will say what is wrong, without showing the value
	}
	if u.User != nil {
		return errors.New("the URL holds credentials, and everyone who may read the template could read them; " +
			"remove user and password from it")
	}
	if u.RawQuery != "" {
		return errors.New("the URL has a query, which is where keys of collectors stand, and everyone who may read the template could " +
			"read it; remove the query")
	}
	return nil
}

// isDefault tells whether a valid value means the same as leaving the setting out.
func isDefault(s settings.Setting, value string) bool {
	if s.Type == settings.Duration {
		with := settings.Read(func(string) string { return value })
		without := settings.Read(func(string) string { return "" })
		return with.Duration(s.Name) == without.Duration(s.Name)
	}
	return value == s.Default
}

// render writes a field as the environment has it, "" for a field that is not set.
func render(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case *string:
		return deref(v), nil
	case *bool:
		if v == nil {
			return "", nil
		}
		return strconv.FormatBool(*v), nil
	case LogLevel:
		return string(v), nil
	case Compression:
		return string(v), nil
	case MetricTemporality:
		return string(v), nil
	case *float64:
		if v == nil {
			return "", nil
		}
		return strconv.FormatFloat(*v, 'g', -1, 64), nil
	case MaskPreset:
		return string(v), nil
	case MaskUnknown:
		return string(v), nil
	case Flush:
		return string(v), nil
	case Undelivered:
		return string(v), nil
	case awscdk.Duration:
		ms, err := whole(v.ToMilliseconds(&awscdk.TimeConversionOptions{Integral: jsii.Bool(false)}), "milliseconds")
		return ms + "ms", err
	case awscdk.Size:
		return whole(v.ToBytes(&awscdk.SizeConversionOptions{Rounding: awscdk.SizeRoundingBehavior_NONE}), "bytes")
	case *[]*string:
		return renderList(v)
	case *map[string]*string:
		return renderPairs(v), nil
	}
	return "", fmt.Errorf("no way to write a %T", value)
}

func whole(n *float64, unit string) (string, error) {
	if *n != math.Trunc(*n) {
		return "", fmt.Errorf("%v %s is not a whole number; write a value without a fraction", *n, unit)
	}
	return strconv.FormatFloat(*n, 'f', 0, 64), nil
}

func renderList(list *[]*string) (string, error) {
	if list == nil {
		return "", nil
	}
	var entries []string
	for _, entry := range *list {
		if strings.Contains(deref(entry), ",") {
			return "", fmt.Errorf("%q holds a comma; write one entry for each", *entry)
		}
		entries = append(entries, deref(entry))
	}
	return strings.Join(entries, ","), nil
}

func renderPairs(pairs *map[string]*string) string {
	if pairs == nil {
		return ""
	}
	var entries []string
	for _, key := range sortedKeys(*pairs) {
		value := deref((*pairs)[key])
		if !isToken(value) {
			value = url.PathEscape(value) // commas and percent signs have a meaning there
		}
		entries = append(entries, key+"="+value)
	}
	return strings.Join(entries, ",")
}

func isToken(value string) bool { return *awscdk.Token_IsUnresolved(value) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
