package lambdaapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// A Subscription is what to tell of, and where. There is one for each extension, and none after its first Next.
type Subscription struct {
	URI     string // of a listener that is there already
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
	type buffering struct {
		MaxItems  int   `json:"maxItems"`
		MaxBytes  int   `json:"maxBytes"`
		TimeoutMs int64 `json:"timeoutMs"`
	}
	type destination struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
	}
	schema, types := schemaObjects, []string{"platform"}
	if s.Managed {
		schema = schemaManaged
	}
	if s.Lines {
		types = append(types, "function")
	}
	body, err := json.Marshal(struct {
		SchemaVersion string      `json:"schemaVersion"`
		Types         []string    `json:"types"`
		Buffering     buffering   `json:"buffering"`
		Destination   destination `json:"destination"`
	}{schema, types, buffering{bufferItems, bufferBytes, bufferTime.Milliseconds()}, destination{"HTTP", s.URI}})
	if err != nil {
		return false, fmt.Errorf("subscribe to telemetry: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, subscribeTimeout)
	defer cancel()
	header := http.Header{headerIdentifier: {c.identifier}, "Content-Type": {"application/json"}}
	a, err := c.do(ctx, http.MethodPut, pathTelemetry, header, body)
	if err != nil {
		return false, fmt.Errorf("subscribe to telemetry: %w", err)
	}
	return a.status != http.StatusAccepted, nil
}
