package lambdaapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A Subscription is what to tell of, and where. There is one for each extension, and none after its first Next.
type Subscription struct {
	URI     string // of a listener that is there already; ASCII without control characters
	Managed bool   // on Managed Instances, which know the newest schema alone
	Lines   bool   // lines of the function's log, too
}

const pathTelemetry = "/2022-07-01/telemetry" // whatever the version of the schema

// The versions of the schema (TELREF). From the first on, a line of a log in JSON comes as the object that it is.
const (
	schemaObjects = "2022-12-13"
	schemaManaged = "2025-01-29"
)

// How long Lambda may hold back what it has to tell, and how much of it: the least of each that it takes (TEL "Buffering").
//
// The time is what an invocation is held, and billed, where platform.runtimeDone alone tells of its end. Where a hook tells, nobody waits for
// it, and all that a short time costs is posts: with 25 ms there are at most two in an invocation of 100 ms, and one in several of
// a few ms. The buffer is taken from the function's memory, and a post may be of twice its size.
const (
	bufferTime  = 25 * time.Millisecond
	bufferItems = 1000
	bufferBytes = 256 << 10
)

// subscribeTimeout is all that a subscription may take. Lambda answers at once or never; the function's init does not wait for the latter.
const subscribeTimeout = time.Second

// Subscribe asks for telemetry. Nothing will come if told is false: the environment is an emulator that has none, and says so by 202. A refusal
// is an *Error. After any other error nobody knows; what is told then may come.
func (c *Client) Subscribe(ctx context.Context, s Subscription) (told bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, subscribeTimeout)
	defer cancel()
	header := http.Header{headerIdentifier: {c.identifier}, "Content-Type": {"application/json"}}
	a, err := c.do(ctx, http.MethodPut, c.request(http.MethodPut, pathTelemetry, header, s.body()))
	if err != nil {
		return false, fmt.Errorf("subscribe to telemetry: %w", err)
	}
	return a.status != http.StatusAccepted, nil
}

// body writes the request by hand: package json takes 0.1 ms to get to know a type, which is a thirtieth of a cold start.
func (s Subscription) body() []byte {
	schema, types := schemaObjects, `"platform"`
	if s.Managed {
		schema = schemaManaged
	}
	if s.Lines {
		types += `,"function"`
	}
	b := append([]byte(`{"schemaVersion":"`), schema...)
	b = append(append(b, `","types":[`...), types...)
	b = strconv.AppendInt(append(b, `],"buffering":{"maxItems":`...), bufferItems, 10)
	b = strconv.AppendInt(append(b, `,"maxBytes":`...), bufferBytes, 10)
	b = strconv.AppendInt(append(b, `,"timeoutMs":`...), bufferTime.Milliseconds(), 10)
	b = append(b, `},"destination":{"protocol":"HTTP","URI":`...)
	return append(strconv.AppendQuoteToASCII(b, s.URI), `}}`...)
}
