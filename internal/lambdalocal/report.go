package lambdalocal

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// report measures what has happened so far, as that of a phase that ends now and well.
func (p *phase) report() Report {
	now := time.Now()
	r := Report{RequestID: p.inv.RequestID, Status: "success", Init: p.init, Duration: now.Sub(p.inv.started)}
	g := p.e.gen
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.inv.response != nil {
		r.Latency = p.inv.response.at.Sub(p.inv.dispatched)
	}
	if !p.inv.readyAt.IsZero() {
		r.RuntimeDone = p.inv.readyAt.Sub(p.inv.dispatched)
		if len(g.extensions) > 0 {
			r.ExtensionOverhead = now.Sub(p.inv.readyAt)
		}
	}
	// Since August 2025 the init phase is billed as well.
	r.BilledMS = int64(math.Ceil(float64(r.Init+r.Duration) / float64(time.Millisecond)))
	return r
}

// log writes END and REPORT (reference 2.4, the newer form, with status and error type in REPORT).
func (p *phase) log(r Report) {
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.RequestID, milliseconds(r.Duration), r.BilledMS, p.e.fn.MemoryMB, r.MaxMemoryMB)
	if r.Init > 0 {
		fmt.Fprintf(&b, "Init Duration: %s ms\t", milliseconds(r.Init))
	}
	if r.Status != "success" {
		fmt.Fprintf(&b, "Status: %s\t", r.Status)
	}
	if r.ErrorType != "" {
		fmt.Fprintf(&b, "Error Type: %s\t", r.ErrorType)
	}
	p.e.logs.platform("END RequestId: " + r.RequestID)
	p.e.logs.platform(b.String())
}

// fail answers the caller in the runtime's place, unless it has its answer already.
func (p *phase) fail(errorType, message string, payload []byte) {
	p.failed = true
	if len(payload) == 0 {
		payload = errorPayload(p.inv.RequestID, errorType, message)
	}
	p.answerWith(response{payload: payload, functionError: "Unhandled", errorType: errorType, at: time.Now()})
}

// errorPayload is an answer that the platform makes (reference: Runtime API, error types).
func errorPayload(requestID, errorType, message string) []byte {
	b, err := json.Marshal(apiError{ErrorType: errorType, ErrorMessage: "RequestId: " + requestID + " Error: " + message})
	if err != nil { // two strings
		panic(err)
	}
	return b
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}
