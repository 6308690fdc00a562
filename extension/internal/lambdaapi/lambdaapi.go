// Package lambdaapi talks to Lambda's Extensions API: it registers the extension and waits for events.
//
// It takes the address that Lambda gives in AWS_LAMBDA_RUNTIME_API and gives events whose times are time.Time: no other package knows
// that Lambda counts in milliseconds. Specification: docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html.
//
// It promises: one request at a time over a connection of its own, never through a proxy (the function's HTTP_PROXY is also the
// extension's), never sent twice by itself, and without a time limit on Next: a second Next while the first is open is an error to
// Lambda for which it would end the environment.
package lambdaapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// An EventType is what an event tells. Types that are not named here may come; they mean nothing.
type EventType string

// Events to register for.
const (
	Invoke   EventType = "INVOKE"
	Shutdown EventType = "SHUTDOWN"
)

// An Event is what Next returned for.
type Event struct {
	Type     EventType
	Deadline time.Time // of the invocation, or of the shutdown; zero if Lambda gave none

	RequestID string // Invoke only, like the next two
	ARN       string // as invoked
	Trace     string // value of X-Amzn-Trace-Id; "" if there is none

	Reason string // Shutdown only: spindown, timeout, failure or another word, in lower case
}

// A Registration is what Lambda tells about the function.
type Registration struct {
	Function, Version, Handler string
	Account                    string // "" where Lambda does not support the feature
}

// An Error is an answer of Lambda's other than success, or one that was not understood. Every other error of a request means that there was no answer.
type Error struct {
	Status  int    // of HTTP
	Type    string // e.g. Extension.InvalidEventType; "" if the answer was not understood
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("lambda answered %d %s: %s", e.Status, e.Type, e.Message)
}

// TypeInvalidEvent is the Error's Type when an environment does not offer an event that was asked for.
const TypeInvalidEvent = "Extension.InvalidEventType"

const (
	pathRegister = "/2020-01-01/extension/register"
	pathNext     = "/2020-01-01/extension/event/next"

	headerName       = "Lambda-Extension-Name"
	headerFeature    = "Lambda-Extension-Accept-Feature"
	headerIdentifier = "Lambda-Extension-Identifier"
)

// Register makes the extension known under the name of its file and keeps the identifier that all other requests need. No event at all
// is allowed: Lambda then only waits for the first Next.
//
// Until then every tenth of a millisecond is the function's cold start, and package json takes two of them to get to know the types of this request and
// its answer. So the request is written by hand, and the answer read when somebody asks.
func (c *Client) Register(ctx context.Context, name string, events ...EventType) (Registered, error) {
	body := []byte(`{"events":[`)
	for n, e := range events {
		if n > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendQuoteToASCII(body, string(e))
	}
	body = append(body, `]}`...)
	header := http.Header{headerName: {name}, headerFeature: {"accountId"}, "Content-Type": {"application/json"}}
	a, err := c.do(ctx, http.MethodPost, c.request(http.MethodPost, pathRegister, header, body))
	if err != nil {
		return Registered{}, fmt.Errorf("register extension: %w", err)
	}
	id := a.header.Get(headerIdentifier)
	if id == "" {
		return Registered{}, fmt.Errorf("register extension: %w", &Error{Status: http.StatusOK, Message: "an answer without an identifier"})
	}
	c.identifier = id
	c.next = nil
	return Registered{a.body}, nil
}

// Registered is Lambda's answer to Register.
type Registered struct{ body []byte }

// Registration reads it. Nothing in it is needed to go on, and an answer that is not understood tells nothing.
func (r Registered) Registration() Registration {
	var w struct {
		FunctionName, FunctionVersion, Handler, AccountID string
	}
	_ = json.Unmarshal(r.body, &w) // see above
	return Registration{w.FunctionName, w.FunctionVersion, w.Handler, w.AccountID}
}

// Ask sends the request of the Next that follows, so that Lambda has it before anything else is done. Where that fails, Next sends it.
func (c *Client) Ask(ctx context.Context) {
	if err := c.connect(ctx); err != nil {
		return
	}
	if _, err := c.conn.Write(c.nextRequest()); err != nil {
		c.Close()
		return
	}
	c.asked = true
}

// Next tells Lambda that all work is done and waits for the next event, for as long as that takes.
func (c *Client) Next(ctx context.Context) (Event, error) {
	a, err := c.do(ctx, http.MethodGet, c.nextRequest())
	if err != nil {
		return Event{}, fmt.Errorf("wait for the next event: %w", err)
	}
	e, err := parseEvent(a.body)
	if err != nil {
		// Not the parser's words: they could quote what was sent.
		return Event{}, fmt.Errorf("wait for the next event: %w", &Error{Status: http.StatusOK, Message: "an answer that is not an event"})
	}
	return e, nil
}

func (c *Client) nextRequest() []byte {
	if c.next == nil {
		c.next = c.request(http.MethodGet, pathNext, http.Header{headerIdentifier: {c.identifier}}, nil)
	}
	return c.next
}

// fromMillis turns Lambda's milliseconds into a time; what is not after 1970 is no time.
func fromMillis(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
