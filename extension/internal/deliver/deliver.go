// Package deliver brings requests to the exporters and keeps what was not accepted.
//
// It takes encoded requests, masked and limited, and has a lane for each exporter: what one accepted is not sent to it again while another
// lacks it, and one that fails is left alone for a while. What a lane's exporter did not accept goes to the outbox: files under /tmp that survive a
// reset, bounded in bytes and age, the oldest dropped first and counted.
package deliver

import (
	"context"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A Batch is one invocation's, or one collection of metrics', part of a request: several of the same signal behind each other are one request.
type Batch struct {
	Signal  string // traces, metrics or logs
	Payload []byte
	Records int // spans, data points or log records
}

// A Report is what became of a Flush.
type Report struct {
	Safe bool         // whatever was added is accepted, refused for good and counted, or on disk: the spool's files may go
	Kept int          // batches that wait, in memory or on disk
	Lost []event.Loss // what nobody will ever get
}

// A Delivery is how lifecycle sees this package.
type Delivery interface {
	// Add takes a batch over. Until the next Flush it is in memory alone.
	Add(b Batch)
	// Due tells whether a Flush now would ask anybody: false while every exporter that lacks something is left alone.
	Due(now time.Time) bool
	// Flush sends what was added and what was kept before, for as long as ctx allows and no exporter longer than it has deserved. With last everybody is
	// asked, because there will be no other moment.
	Flush(ctx context.Context, last bool) Report
	// Owe keeps losses that could not be told any more for the next process; Owed gives those of the last one, once.
	Owe(losses []event.Loss)
	Owed() []event.Loss
	// Abandon writes what is still kept to the log, if the settings allow it: the environment goes, and /tmp with it.
	Abandon()
}
