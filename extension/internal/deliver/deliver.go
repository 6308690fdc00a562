// Package deliver brings requests to the exporters and keeps what was not accepted.
//
// It takes encoded requests, masked and limited, and has a lane for each exporter: what one accepted is not sent to it again while another
// lacks it, and one that fails is left alone for a while, and never waited for longer than it has deserved. What a lane's exporter did not accept
// goes to the outbox: files under /tmp that survive a reset, bounded in number, bytes and age, the oldest dropped first and counted. Where the disk
// cannot, memory does, in a smaller bound.
//
// It promises that a request which was accepted is not sent to the same exporter again, unless the process is killed before the Flush is over
// or nobody heard the answer, which over a reset, too, brings nothing else twice; that what is dropped is counted once, with a reason; and that a Flush ends when its context does.
package deliver

import (
	"context"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

// A Batch is one invocation's, or one collection of metrics', part of a request: several of the same signal behind each other are one request.
type Batch struct {
	Signal  string // traces, metrics or logs
	Payload []byte
	Records int // spans, data points or log records

	// Recorded says that it was made of files of the spool, which stay until it is safe: where the environment lives on, its next process makes it again.
	Recorded bool
	Carried  []event.Loss // that it tells of and those files do not
}

// A Report is what became of a Flush.
type Report struct {
	Safe bool         // whatever was added is accepted, refused for good and counted, or on disk: the spool's files may go
	Kept int          // requests that wait, in memory or on disk
	Lost []event.Loss // what nobody will ever get
	// Again has losses that requests told of which nobody will ever get: they were counted before, and have to be told again.
	Again []event.Loss
}

// A Delivery is how lifecycle sees this package. Its methods are not for several goroutines at a time.
type Delivery interface {
	// Add takes a batch over. Until the next Flush it is in memory alone.
	Add(b Batch)
	// Prepare does what can be done for what was added before the Flush that sends it.
	Prepare()
	// Keeps tells whether what is not accepted will be on disk, as far as the last time tells.
	Keeps() bool
	// Due tells whether a Flush now would ask anybody: false while every exporter is left alone.
	Due(now time.Time) bool
	// Flush sends what was added and what was kept before, for as long as ctx allows and no exporter longer than it has deserved. With last everybody is
	// asked, because there will be no other moment.
	Flush(ctx context.Context, last bool) Report
	// Stash keeps a batch on disk for the next process, in the place of the last one of its signal. This process sends it no more than the next Add of that signal,
	// which takes its place as soon as it is accepted or kept. Without a disk it does nothing.
	Stash(b Batch)
	// Owe keeps losses that nobody was told of yet for the next process, in the place of those that it was given before, and tells whether it could; Owed gives
	// those of the last process, which are kept until Owe is told what is left of them.
	Owe(losses []event.Loss) (kept bool)
	Owed() []event.Loss
	// Abandon writes what this process leaves behind to the log, if the settings allow it, for as long as ctx allows, and how much of it it could not write. If
	// the environment survives, with /tmp, that is what is in memory alone, for want of a disk, and was not recorded; else all that is kept.
	Abandon(ctx context.Context, survives bool)
	// Untold gives the records that would be left behind as of the last Flush, by signal, less those that Abandon has written, and each of them once. Any goroutine
	// may ask.
	Untold(survives bool) []event.Loss
}

// A Sender is one way out: export.Client, export.Log. It may be asked for several signals at a time, if it says so (Exporter.Abreast), but never twice for one. It returns when its context ends. The error may be an *export.Error; any other means: later.
type Sender interface {
	Send(ctx context.Context, signal string, payload []byte) (export.Result, error)
}

// A Preparer is a Sender that takes a request in pieces. The first of them can be told before it is sent; what is sent may be another one.
type Preparer interface {
	Sender
	Ahead(signal string, piece []byte)
	SendPieces(ctx context.Context, signal string, pieces [][]byte) (export.Result, error)
}

// An Exporter is a Sender with its name and what its receiver takes.
type Exporter struct {
	Name    string   // otlp, xray, …: letters and digits alone, since files are named after it
	Signals []string // that it takes
	Limits  export.Limits
	Timeout time.Duration // most that one request may take; 0: defaultTimeout
	Sender  Sender
	// Abreast says that requests of different signals may be sent at the same time: the Sender can do it, and another connection costs no handshake worth mentioning.
	Abreast bool
}

// Options say how to deliver.
type Options struct {
	Exporters []Exporter
	Dir       string        // of the outbox
	Bytes     int64         // most that the outbox takes; 0: memory alone
	Age       time.Duration // most that something is kept
	Batch     int           // most bytes of a request; 0 for the default
	Abandoned io.Writer     // what Abandon writes to; nil: nothing
	Log       zerolog.Logger
}

// Reasons of a Loss that is found here. Of metrics and logs they begin with the signal: metrics-refused.
const (
	LossRefused       = "refused"        // the exporter did not want it
	LossQueueFull     = "queue-full"     // it was too much for the memory, and the disk could not
	LossOutboxFull    = "outbox-full"    // it was the oldest of too much
	LossOutboxAge     = "outbox-age"     // nobody took it for too long
	LossOutboxDamaged = "outbox-damaged" // its file does not hold what was written
	LossOutboxGone    = "outbox-gone"    // somebody removed its file
)
