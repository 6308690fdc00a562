package front

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// apiRequests adds to requests to APIs what API Gateway adds, and tells clients the request id that the function sees, as
// API Gateway does; MiniStack tells another one. The trace header that a request gets is how its event is known again.
type apiRequests struct {
	mu  sync.Mutex
	ids map[string]string // by trace header, of requests that are not answered yet
}

// apiKey is where a request's context has its trace header.
type apiKey struct{}

// begin takes note of a request and gives its trace header: a new one, or the client's with a part that is this request's own.
func (a *apiRequests) begin(r *http.Request) string {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	own := fmt.Sprintf("1-%08x-%x", time.Now().Unix(), id)
	trace := "Root=" + own
	if given := r.Header.Get(traceHeader); given != "" {
		trace = "Self=" + own + ";" + given
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[trace] = ""
	return trace
}

// end forgets a request.
func (a *apiRequests) end(trace string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ids, trace)
}

// arrived reads the request id of an event.
func (a *apiRequests) arrived(payload []byte) {
	var event struct {
		Headers map[string]string `json:"headers"`
		Context struct {
			RequestID string `json:"requestId"`
		} `json:"requestContext"`
	}
	if json.Unmarshal(payload, &event) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, value := range event.Headers {
		if _, open := a.ids[value]; open && strings.EqualFold(name, traceHeader) {
			a.ids[value] = event.Context.RequestID
		}
	}
}

// answered writes the id into the answer, in the header that the kind of API has.
func (a *apiRequests) answered(response *http.Response) {
	trace, is := response.Request.Context().Value(apiKey{}).(string)
	if !is {
		return
	}
	a.mu.Lock()
	id := a.ids[trace]
	a.mu.Unlock()
	if id == "" {
		return // no function was asked
	}
	name := "X-Amzn-Requestid"
	if response.Header.Get("Apigw-Requestid") != "" {
		name = "Apigw-Requestid"
	}
	response.Header.Set(name, id)
}

// forward adds the headers of API Gateway's front end.
func forward(out http.Header, trace string) {
	out.Set(traceHeader, trace)
	out.Set("X-Forwarded-For", loopback)
	out.Set("X-Forwarded-Port", "443")
	out.Set("X-Forwarded-Proto", "https")
}
