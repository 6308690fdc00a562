package event

import "time"

// A Fact is one thing that Lambda itself told through its Telemetry API (docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html).
// Which fields are set depends on Kind; the zero value of any other means: not told.
type Fact struct {
	Kind FactKind
	Time time.Time // when Lambda made the event, which is not quite when it happened
	ID   string    // request id; "" where there is none

	Status    string // success, failure, error or timeout
	ErrorType string // Runtime.ExitError, Runtime.OutOfMemory, …
	Phase     string // of an init: init, invoke (after a reset) or snap-start
	InitType  string // on-demand, provisioned-concurrency, snap-start or lambda-managed-instances
	Instance  string // of the environment: its log stream
	Trace     string // value of X-Amzn-Trace-Id
	Tenant    string

	Duration       time.Duration // of a runtimeDone: the function's; of a report: with extensions; of an init or a restore
	Billed         time.Duration
	Init, Restore  time.Duration // of a report
	Overhead       time.Duration // of a report: what extensions took after the function
	Produced       int64         // bytes of the response
	MemorySize     int64         // bytes
	MemoryUsed     int64         // bytes
	DroppedRecords int64
	DroppedBytes   int64
	Reason         string // of a FactDropped: a Dropped… constant
	Line           Text   // of the function's log
	Level          string
	LineTruncated  bool
}

// A FactKind is a type of event of the Telemetry API. Types without a name here are not passed on.
type FactKind int

// Kinds of facts.
const (
	FactStart        FactKind = iota + 1 // platform.start
	FactDone                             // platform.runtimeDone
	FactReport                           // platform.report
	FactInitStart                        // platform.initStart; of phase snap-start it is told again, with its old time, after each restore
	FactInitDone                         // platform.initRuntimeDone
	FactInitReport                       // platform.initReport
	FactRestoreStart                     // platform.restoreStart
	FactRestoreDone                      // platform.restoreReport
	FactDropped                          // platform.logsDropped, or what was dropped on this side
	FactLine                             // function
)

// Reasons of a FactDropped, which do for a Loss as well.
const (
	DroppedByLambda = "telemetry-dropped" // Lambda had no room for them, or did not get rid of them in time
	DroppedFull     = "telemetry-full"    // they did not fit into what is kept between two flushes
	DroppedDamaged  = "telemetry-damaged" // they were not understood
)

// A Platform is what Lambda told of one invocation. The zero Platform: nothing.
type Platform struct {
	Start     time.Time // platform.start
	Done      time.Time // platform.runtimeDone
	Status    string    // of runtimeDone: success, failure, error or timeout. A handled error may well be a success
	ErrorType string
	Duration  time.Duration // of runtimeDone
	Produced  int64
	Report    *Report // rarely there in time: Lambda makes it when all extensions are done
	Init      *Init   // what this invocation had to wait for before it began; nil if the environment was there
}

// An Init is how an environment came to be: by its set-up, or out of a snapshot.
type Init struct {
	Type     string // on-demand, snap-start, …
	Phase    string // init, or invoke after a reset: then it is a part of the invocation's own time
	Duration time.Duration
	Restore  time.Duration // out of a snapshot; Duration is zero then: the set-up was long ago and elsewhere
}

// A Report is what an invocation cost.
type Report struct {
	Status, ErrorType                         string
	Duration, Billed, Init, Restore, Overhead time.Duration
	MemorySize, MemoryUsed                    int64 // bytes
}

// A Line is one line of the function's log.
type Line struct {
	Time      time.Time
	Level     string // as Lambda gave it, with JSON logs; "" if not told
	Body      Text
	Truncated bool
}
