package otlptest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	contentProtobuf = "application/x-protobuf"

	pathTraces  = "/v1/traces"
	pathMetrics = "/v1/metrics"
	pathLogs    = "/v1/logs"

	// maxBody is far above what any exporter may send (the extension's own limit is about 1 MiB) and keeps
	// a runaway client or a gzip bomb from eating the machine.
	maxBody = 64 << 20
)

// refusal is a request that the protocol does not allow, with the status it earns.
type refusal struct {
	status int
	reason string
}

func (e *refusal) Error() string { return e.reason }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, reason: fmt.Sprintf(format, args...)}
}

// decoded is a request's content: spans, or metrics with their points, or logs with their records, by path.
type decoded struct {
	spans   []Span
	metrics *metricspb.MetricsData
	points  []Point
	logs    *logspb.LogsData
	records []LogRecord
}

func (r *Receiver) serve(w http.ResponseWriter, request *http.Request) {
	raw, readErr := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	record := &Request{
		Time:   time.Now(),
		Method: request.Method,
		Path:   request.URL.Path,
		Proto:  request.Proto,
		Header: request.Header.Clone(),
		Raw:    raw,
		Body:   raw,
	}
	content, found, err := decode(record, readErr)

	r.mu.Lock()
	number := len(r.requests)
	r.requests = append(r.requests, record)
	for _, violation := range found {
		r.violations = append(r.violations, fmt.Sprintf("request %d: %s", number, violation))
	}
	var answer Answer
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		r.violations = append(r.violations, fmt.Sprintf("request %d: %s", number, refused.reason))
		answer = Answer{Status: refused.status, Message: refused.reason}
	} else {
		answer = r.nextAnswerLocked()
		if answer.accepts() || answer.Keep {
			r.keepLocked(content, answer, number)
		}
	}
	if !answer.Hang && !answer.Reset {
		record.Status = answer.code()
	}
	r.announceLocked()
	r.mu.Unlock()

	r.give(w, request, answer)
}

func (r *Receiver) keepLocked(content decoded, answer Answer, number int) {
	for i := range content.spans {
		content.spans[i].Request = number
	}
	r.spans = append(r.spans, content.spans[min(answer.PartialRejected, len(content.spans)):]...)
	if content.metrics != nil {
		points := content.points[min(answer.PartialRejected, len(content.points)):]
		for i := range points {
			points[i].Request = number
		}
		r.metrics = append(r.metrics, content.metrics)
		r.points = append(r.points, points...)
		if answer.accepts() && answer.Slow == 0 && answer.Drip == 0 { // of any other answer the client may not have learned, and so come again
			for _, violation := range r.series.add(points) {
				r.violations = append(r.violations, fmt.Sprintf("request %d: %s", number, violation))
			}
		}
	}
	if content.logs != nil {
		records := content.records[min(answer.PartialRejected, len(content.records)):]
		for i := range records {
			records[i].Request = number
		}
		r.logs = append(r.logs, content.logs)
		r.records = append(r.records, records...)
	}
}

// decode reads a request's content and what is wrong with it; it fills in record.Body. The error is a *refusal.
func decode(record *Request, readErr error) (content decoded, violations []string, err error) {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(readErr, &tooLarge) {
		return decoded{}, nil, refuse(http.StatusRequestEntityTooLarge, "body is over %d bytes", maxBody)
	}
	if readErr != nil {
		return decoded{}, nil, refuse(http.StatusBadRequest, "body cannot be read: %v", readErr)
	}
	if record.Path != pathTraces && record.Path != pathMetrics && record.Path != pathLogs {
		return decoded{}, nil, refuse(http.StatusNotFound, "wrong path %q", record.Path)
	}
	if record.Method != http.MethodPost {
		return decoded{}, nil, refuse(http.StatusMethodNotAllowed, "method %s on %s", record.Method, record.Path)
	}
	declared := record.Header.Get("Content-Type")
	if media, _, mediaErr := mime.ParseMediaType(declared); mediaErr != nil || media != contentProtobuf {
		return decoded{}, nil, refuse(http.StatusUnsupportedMediaType, "content type %q is not %s", declared, contentProtobuf)
	}
	if record.Body, err = decompress(record.Raw, record.Header.Get("Content-Encoding")); err != nil {
		return decoded{}, nil, err
	}
	switch record.Path {
	case pathMetrics:
		content.metrics = new(metricspb.MetricsData)
		if violations, err = unmarshal(record.Body, content.metrics); err == nil {
			violations = append(violations, checkMetrics(content.metrics)...)
			content.points = flattenMetrics(content.metrics)
		}
	case pathLogs:
		content.logs = new(logspb.LogsData)
		if violations, err = unmarshal(record.Body, content.logs); err == nil {
			violations = append(violations, checkLogs(content.logs)...)
			content.records = flattenLogs(content.logs)
		}
	default:
		traces := new(tracepb.TracesData)
		if violations, err = unmarshal(record.Body, traces); err == nil {
			violations = append(violations, checkTraces(traces)...)
			content.spans = flatten(traces)
		}
	}
	return content, violations, err
}

// unmarshal decodes an Export*ServiceRequest by its twin of the data model: TracesData and its like have the same
// fields, and their package does not bring gRPC along. Invalid UTF-8 in any string is an error here.
func unmarshal(body []byte, into proto.Message) (violations []string, err error) {
	if err := proto.Unmarshal(body, into); err != nil {
		return nil, refuse(http.StatusBadRequest, "body is not a %s: %v", into.ProtoReflect().Descriptor().Name(), err)
	}
	return unknownFields(into.ProtoReflect(), ""), nil
}

func decompress(raw []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return raw, nil
	case "gzip":
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "content encoding %q", encoding)
	}
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "body is not gzip: %v", err)
	}
	body, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "gzip body is damaged: %v", err)
	}
	if len(body) > maxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "body is over %d bytes when decompressed", maxBody)
	}
	return body, nil
}
