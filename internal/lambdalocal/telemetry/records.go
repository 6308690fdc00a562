package telemetry

import "time"

// The types of events that subscribers choose from, and the prefix of the platform's own.
const (
	TypeFunction  = "function"
	TypeExtension = "extension"

	InitStart             = "platform.initStart"
	InitRuntimeDone       = "platform.initRuntimeDone"
	InitReport            = "platform.initReport"
	Start                 = "platform.start"
	RuntimeDone           = "platform.runtimeDone"
	Report                = "platform.report"
	RestoreStart          = "platform.restoreStart"
	RestoreRuntimeDone    = "platform.restoreRuntimeDone"
	RestoreReport         = "platform.restoreReport"
	Extension             = "platform.extension"
	TelemetrySubscription = "platform.telemetrySubscription"
	LogsDropped           = "platform.logsDropped"
)

// Statuses of records.
const (
	StatusSuccess = "success"
	StatusFailure = "failure"
	StatusError   = "error"
	StatusTimeout = "timeout"
)

// Milliseconds is a duration in the unit and precision that records have it in (two decimals at most).
type Milliseconds float64

// Tracing is the trace header of an invocation.
type Tracing struct {
	SpanID string `json:"spanId,omitempty"`
	Type   string `json:"type"`
	Value  string `json:"value"`
}

// Span is a part of a phase.
type Span struct {
	Name       string       `json:"name"` // responseLatency, responseDuration, runtimeOverhead, extensionOverhead
	Start      time.Time    `json:"start"`
	DurationMs Milliseconds `json:"durationMs"`
}

// InitStartRecord is the record of InitStart and, without the first two fields, of RestoreStart.
type InitStartRecord struct {
	InitializationType string `json:"initializationType,omitempty"`
	Phase              string `json:"phase,omitempty"`
	FunctionName       string `json:"functionName"`
	FunctionVersion    string `json:"functionVersion"`
	InstanceID         string `json:"instanceId,omitempty"`        // the log stream
	InstanceMaxMemory  int    `json:"instanceMaxMemory,omitempty"` // bytes
	RuntimeVersion     string `json:"runtimeVersion,omitempty"`
	RuntimeVersionARN  string `json:"runtimeVersionArn,omitempty"`
}

// InitDoneRecord is the record of InitRuntimeDone and InitReport (with Metrics), and of the same events of a
// restore (without type and phase).
type InitDoneRecord struct {
	InitializationType string        `json:"initializationType,omitempty"`
	Phase              string        `json:"phase,omitempty"`
	Status             string        `json:"status"`
	ErrorType          string        `json:"errorType,omitempty"`
	Metrics            *PhaseMetrics `json:"metrics,omitempty"`
	Spans              []Span        `json:"spans,omitempty"`
}

// PhaseMetrics has what init and runtimeDone tell.
type PhaseMetrics struct {
	DurationMs    Milliseconds `json:"durationMs"`
	ProducedBytes *int         `json:"producedBytes,omitempty"` // runtimeDone only
}

// StartRecord is the record of Start.
type StartRecord struct {
	RequestID string   `json:"requestId"`
	Version   string   `json:"version,omitempty"`
	TenantID  string   `json:"tenantId,omitempty"`
	Tracing   *Tracing `json:"tracing,omitempty"`
}

// RuntimeDoneRecord is the record of RuntimeDone.
type RuntimeDoneRecord struct {
	RequestID string        `json:"requestId"`
	Status    string        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
	TenantID  string        `json:"tenantId,omitempty"`
	Metrics   *PhaseMetrics `json:"metrics,omitempty"`
	Spans     []Span        `json:"spans,omitempty"`
	Tracing   *Tracing      `json:"tracing,omitempty"`
}

// ReportRecord is the record of Report.
type ReportRecord struct {
	RequestID string        `json:"requestId"`
	Status    string        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
	TenantID  string        `json:"tenantId,omitempty"`
	Metrics   ReportMetrics `json:"metrics"`
	Spans     []Span        `json:"spans,omitempty"`
	Tracing   *Tracing      `json:"tracing,omitempty"`
}

// ReportMetrics is what REPORT prints.
type ReportMetrics struct {
	DurationMs        Milliseconds  `json:"durationMs"`
	BilledDurationMs  int64         `json:"billedDurationMs,omitempty"`
	MemorySizeMB      int           `json:"memorySizeMB,omitempty"`
	MaxMemoryUsedMB   int           `json:"maxMemoryUsedMB,omitempty"`
	InitDurationMs    *Milliseconds `json:"initDurationMs,omitempty"`
	RestoreDurationMs *Milliseconds `json:"restoreDurationMs,omitempty"`
}

// ExtensionRecord is the record of Extension.
type ExtensionRecord struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Events    []string `json:"events"`
	ErrorType string   `json:"errorType,omitempty"`
}

// SubscriptionRecord is the record of TelemetrySubscription.
type SubscriptionRecord struct {
	Name  string   `json:"name"`
	State string   `json:"state"` // always "Subscribed"
	Types []string `json:"types"`
}

// DroppedRecord is the record of LogsDropped.
type DroppedRecord struct {
	Reason         string `json:"reason"`
	DroppedRecords int    `json:"droppedRecords"`
	DroppedBytes   int    `json:"droppedBytes"`
}
