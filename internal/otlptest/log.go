package otlptest

import (
	"encoding/hex"
	"fmt"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

// mostSevere is the last of OTLP's numbers of severity, FATAL4.
const mostSevere = 24

// LogRecord is a received log record with its resource and scope beside it. Ids are lower-case hex.
type LogRecord struct {
	Resource     map[string]any
	Scope        string
	ScopeVersion string

	Time              time.Time // the zero of 1970 where it is not given
	Observed          time.Time
	Severity          int32
	SeverityText      string
	EventName         string
	Body              any // like an attribute's value
	Attributes        map[string]any
	TraceID           string
	SpanID            string
	Flags             uint32
	DroppedAttributes uint32

	Request int // index in Requests of the request that brought it
}

// Service is the service.name of the record's resource, "" when it has none.
func (l LogRecord) Service() string {
	name, _ := l.Resource["service.name"].(string)
	return name
}

// Text returns an attribute that is a string, "" otherwise.
func (l LogRecord) Text(key string) string {
	value, _ := l.Attributes[key].(string)
	return value
}

func flattenLogs(logs *logspb.LogsData) []LogRecord {
	var records []LogRecord
	for _, resource := range logs.GetResourceLogs() {
		attributes := resourceAttributes(resource.GetResource())
		for _, scope := range resource.GetScopeLogs() {
			for _, from := range scope.GetLogRecords() {
				records = append(records, LogRecord{
					Resource: attributes, Scope: scope.GetScope().GetName(), ScopeVersion: scope.GetScope().GetVersion(),
					Time: nanoTime(from.GetTimeUnixNano()), Observed: nanoTime(from.GetObservedTimeUnixNano()),
					Severity: int32(from.GetSeverityNumber()), SeverityText: from.GetSeverityText(), EventName: from.GetEventName(),
					Body: anyValue(from.GetBody()), Attributes: attributeMap(from.GetAttributes()),
					TraceID: hex.EncodeToString(from.GetTraceId()), SpanID: hex.EncodeToString(from.GetSpanId()), Flags: from.GetFlags(),
					DroppedAttributes: from.GetDroppedAttributesCount(),
				})
			}
		}
	}
	return records
}

func checkLogs(logs *logspb.LogsData) []string {
	c := &checker{}
	if len(logs.GetResourceLogs()) == 0 {
		c.say("logs", "no resource logs")
	}
	for i, resource := range logs.GetResourceLogs() {
		where := fmt.Sprintf("resource %d", i)
		c.checkService(where, resource.GetResource().GetAttributes())
		if len(resource.GetScopeLogs()) == 0 {
			c.say(where, "no scope logs")
		}
		for _, scope := range resource.GetScopeLogs() {
			c.checkAttributes(where+" scope", scope.GetScope().GetAttributes())
			if len(scope.GetLogRecords()) == 0 {
				c.say(where, "scope %q has no log records", scope.GetScope().GetName())
			}
			for n, record := range scope.GetLogRecords() {
				c.checkLogRecord(fmt.Sprintf("%s log record %d", where, n), record)
			}
		}
	}
	return c.found
}

func (c *checker) checkLogRecord(where string, record *logspb.LogRecord) {
	if record.GetTimeUnixNano() != 0 { // it may be unknown
		c.checkTime(where, "time", record.GetTimeUnixNano())
	}
	c.checkTime(where, "observed time", record.GetObservedTimeUnixNano())
	if n := record.GetSeverityNumber(); n < 0 || n > mostSevere {
		c.say(where, "severity %d", n)
	}
	if record.GetBody() == nil && record.GetEventName() == "" {
		c.say(where, "has neither body nor name")
	}
	c.checkValue(where+" body", record.GetBody())
	c.checkOptionalIDs(where, record.GetTraceId(), record.GetSpanId())
	c.checkAttributes(where, record.GetAttributes())
}
