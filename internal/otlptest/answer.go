package otlptest

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of the answers, from opentelemetry/proto/collector/*/v1/*_service.proto and google/rpc/status.proto.
// The generated service types are not used because they would bring gRPC into the module.
const (
	fieldPartialSuccess  = 1 // Export*ServiceResponse.partial_success
	fieldPartialRejected = 1 // Export*PartialSuccess.rejected_{spans,data_points,log_records}
	fieldPartialMessage  = 2 // Export*PartialSuccess.error_message
	fieldStatusMessage   = 2 // google.rpc.Status.message
)

// Answer is how one request is answered. The zero value accepts it with 200 and an empty response message.
type Answer struct {
	Status          int           // HTTP status; 0 means 200. What came is kept only for 2xx
	RetryAfter      string        // the Retry-After header: seconds or an HTTP date
	Message         string        // error message of the partial success or of the failure
	PartialRejected int           // 200 with partial success: the first so many spans, data points or log records are not kept
	Slow            time.Duration // pause before the answer
	Drip            time.Duration // pause before each byte of the answer's body
	Hang            bool          // read the request and never answer, until the client gives up or Close
	Reset           bool          // read the request and reset the connection
	Keep            bool          // keep what came even though the answer does not say that they were accepted
}

// Script queues answers: each request, on whatever path, takes the next. When none is left, [Receiver.Otherwise] holds.
func (r *Receiver) Script(answers ...Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = append(r.script, answers...)
}

// Otherwise sets the answer to requests for which the script has none. It is the zero Answer until then.
func (r *Receiver) Otherwise(answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.otherwise = answer
}

func (r *Receiver) nextAnswerLocked() Answer {
	if len(r.script) == 0 {
		return r.otherwise
	}
	next := r.script[0]
	r.script = r.script[1:]
	return next
}

// accepts says whether a client may take this answer for success.
func (a Answer) accepts() bool {
	return !a.Hang && !a.Reset && a.code() >= 200 && a.code() < 300
}

func (a Answer) code() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

// body is the protobuf message of the answer: Export*ServiceResponse, or google.rpc.Status for a failure.
func (a Answer) body() []byte {
	if !a.accepts() {
		if a.Message == "" {
			return nil
		}
		b := protowire.AppendTag(nil, fieldStatusMessage, protowire.BytesType)
		return protowire.AppendString(b, a.Message)
	}
	if a.PartialRejected == 0 && a.Message == "" {
		return nil
	}
	partial := protowire.AppendTag(nil, fieldPartialRejected, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(a.PartialRejected)) //nolint:gosec // a test's own small number
	partial = protowire.AppendTag(partial, fieldPartialMessage, protowire.BytesType)
	partial = protowire.AppendString(partial, a.Message)
	b := protowire.AppendTag(nil, fieldPartialSuccess, protowire.BytesType)
	return protowire.AppendBytes(b, partial)
}

// give carries the answer out.
func (r *Receiver) give(w http.ResponseWriter, request *http.Request, a Answer) {
	if !r.pause(request, a.Slow) {
		return
	}
	switch {
	case a.Hang:
		select {
		case <-request.Context().Done():
		case <-r.stopped.Done():
		}
		panic(http.ErrAbortHandler) // ends the connection with no byte of an answer
	case a.Reset:
		resetConnection(w)
		return
	}
	body := a.body()
	w.Header().Set("Content-Type", contentProtobuf)
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	w.WriteHeader(a.code())
	if a.Drip == 0 {
		_, _ = w.Write(body) // a client that is gone by now is its own affair
		return
	}
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	for _, b := range body {
		if !r.pause(request, a.Drip) {
			return
		}
		_, _ = w.Write([]byte{b})
		_ = flush.Flush()
	}
}

// pause says false when the client or the receiver went away meanwhile.
func (r *Receiver) pause(request *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-request.Context().Done():
		return false
	case <-r.stopped.Done():
		return false
	}
}

// resetConnection closes with RST: linger zero makes the kernel drop what is unsent instead of saying FIN.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no connection of its own: end the stream
	}
	raw := conn
	if secured, ok := conn.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}
