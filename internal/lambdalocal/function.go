package lambdalocal

import (
	"io"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// Function is what a deployed function is made of, as AWS's own API describes it.
type Function struct {
	Name    string // "orders"
	Version string // "" means $LATEST
	ARN     string // "" is made from Region, Account and Name
	Handler string // "app.handler"
	Runtime string // "python3.13", "nodejs22.x", "provided.al2023"

	Code   string   // directory that becomes /var/task
	Layers []string // directories merged in order into /opt; later ones win

	Env map[string]string // the function's configured environment

	LogFormat string // LoggingConfig.LogFormat: "JSON" makes the platform's lines JSON; else they are text

	InitType InitType // "" means OnDemand
	// MaxConcurrency is how many invocations an environment takes at once; it counts for ManagedInstances
	// only. 0 means 1.
	MaxConcurrency int

	MemoryMB    int           // 0 means 128
	EphemeralMB int           // size of /tmp; 0 means 512
	Timeout     time.Duration // of an invocation, extensions' tail included; 0 means 3 s
	Account     string        // "" means 000000000000
	Region      string        // "" means us-east-1
}

// InitType is how the environments of a function come to be, as AWS_LAMBDA_INITIALIZATION_TYPE and the
// telemetry name it (ENV, TELSCH).
type InitType string

// The initialization types.
const (
	OnDemand               InitType = "on-demand"
	ProvisionedConcurrency InitType = "provisioned-concurrency"
	SnapStart              InitType = "snap-start"
	ManagedInstances       InitType = "lambda-managed-instances"
)

// Options say where and how an environment runs; they are no part of the function.
type Options struct {
	// Dir is the working directory of the environment: its /tmp, its merged /opt. It is
	// created, and removed at Close unless Keep. Empty means a new temporary directory.
	Dir  string
	Keep bool

	// Runtime is how to start the runtime's client, as runtimes.Find returned it.
	Runtime runtimes.Runtime

	// Log receives every line of the runtime, the extensions and the platform. It is called
	// by one goroutine at a time, must not block for long and must not call the environment.
	Log func(Line)

	// ExtraEnv is the platform's part of the environment of runtime and extensions:
	// AWS_ENDPOINT_URL, credentials.
	ExtraEnv map[string]string

	// Report, if set, is called at the end of every invocation's phase, after the last
	// extension's next, with what REPORT prints. The next invocation waits for its return.
	Report func(Report)

	// ExtensionEnded, if set, is told how each external extension left at a shutdown that it was to be told of, that of a
	// reset included. It is called before the environment goes on, and must not call it.
	ExtensionEnded func(ExtensionEnd)

	// StreamRate is how many bytes a second a streamed response gets after its first 6 MiB. 0 means
	// Lambda's 2 MiB, a negative one no limit.
	StreamRate int64

	// NoTelemetry makes the Telemetry API answer 202, and deliver nothing, as AWS's own emulator and
	// SAM do.
	NoTelemetry bool

	// UpperCaseReasons makes SHUTDOWN tell its reason as the documentation prints it, "SPINDOWN", and
	// not as AWS's code sends it, "spindown". Extensions have to take both.
	UpperCaseReasons bool

	// IdleLimit is how long an environment of a Pool may be idle: after it, it is shut down for the reason
	// "spindown", as Lambda does some minutes after the last invocation. 0 means no limit.
	IdleLimit time.Duration

	// CutConnections makes every TCP connection from the environment to the outside dead while it is
	// frozen, as a long freeze does on Lambda: what is kept alive has to be opened again.
	CutConnections bool

	// FrozenFor keeps the environment frozen at least so long between two invocations. Clocks go on
	// meanwhile, so timers that became due fire at once when it thaws, as after a long pause on Lambda.
	// The time really passes: the kernel lets nobody set the clock of a process that lives.
	FrozenFor time.Duration

	// BoostInit gives the init phase of an on-demand function a whole vCPU where its memory has less.
	// Lambda has been seen to do something like it; how much is documented nowhere.
	BoostInit bool

	// For tests: other limits of the init phase and of a restore than the package's own, paths where there could be
	// namespaces, and who is told of every event right when it is emitted.
	initLimit    time.Duration
	restoreLimit time.Duration
	allCPU       bool // no limit of it
	byPath       bool
	watch        func(telemetry.Event)
}

// ExtensionEnd is how an extension left. Lambda tells nobody of it; a test of an extension has to know.
type ExtensionEnd struct {
	Name   string
	Reason string // of the SHUTDOWN: spindown, timeout or failure
	InTime bool   // it ended by itself, before its time was over
	Status string // "exit status 0", "signal: killed"
}

// Source tells who wrote a Line.
type Source string

// The sources of lines.
const (
	SourcePlatform  Source = "platform"
	SourceFunction  Source = "function"
	SourceExtension Source = "extension"
)

// Line is one event of an environment's log stream: a line without its end, or a message that a managed
// runtime's logger wrote as one, which may have several lines.
type Line struct {
	Time   time.Time // when it was read
	Source Source
	Name   string // of the extension, or of the function
	Output Output // by which the process wrote it; "" for the platform's own
	Text   string
}

// Output is one of the outputs of a process. Lines of one come in the order in which they were written; those of two may overtake each other.
type Output string

// The outputs. Frames is the descriptor that managed runtimes write log messages to (frames.go).
const (
	OutputStdout Output = "stdout"
	OutputStderr Output = "stderr"
	OutputFrames Output = "frames"
)

// Invocation is one event for a function.
type Invocation struct {
	RequestID   string // "" makes a new one
	Payload     []byte
	TraceHeader string // X-Amzn-Trace-Id; "" makes a new one with Sampled=0

	ClientContext   string // JSON
	CognitoIdentity string // JSON
	TenantID        string

	// LogTail asks for Result.LogTail (X-Amz-Log-Type: Tail). The answer then waits for the end of the
	// phase, extensions' tail included, because the log that it carries ends with REPORT.
	LogTail bool

	// Stream, if set, takes the response while the runtime writes it, as InvokeWithResponseStream and the
	// function URLs with RESPONSE_STREAM do: up to 200 MB instead of 6, throttled as Options.StreamRate
	// says, whether the runtime streams or not. It is called when the runtime begins its response, and not
	// at all if it reports an error or there is none. Every piece is one Write, which has to pass it on at
	// once; while it blocks, the runtime waits. A writer that fails gets nothing more and the function goes
	// on, as when a caller hangs up.
	//
	// No call of Stream or Write begins once Invoke has returned. One that was made before may still be under way
	// if Invoke did not return for the response's end (its ctx was done, the timeout, an exit of the runtime):
	// Invoke does not wait for it, and neither does the environment. So a writer that can block needs a limit of
	// its own, such as a write deadline, and one that shares something with Invoke's caller needs a lock.
	//
	// The Result comes after the last piece and has no payload; or, if the stream broke (timeout, exit of
	// the runtime, an error in the trailers, too many bytes), FunctionError and the error as the payload.
	Stream func(StreamHead) io.Writer
}

// Result is what the caller of an invocation gets.
type Result struct {
	RequestID     string
	Payload       []byte
	FunctionError string // "" or "Unhandled"
	ErrorType     string // "Runtime.ExitError", … with FunctionError
	ContentType   string // of the runtime's response; "" if it gave none
	LogTail       []byte // last 4 KB of the log stream, from START to REPORT; with Invocation.LogTail only
	Status        string // of the whole phase, extensions' tail included, as Report.Status; with Invocation.LogTail only

	// Latency is the time from the event's delivery to the complete response.
	Latency time.Duration
	// Phase is the length of the whole phase where it ended with the response (timeout,
	// crash); 0 while the tail still runs. Options.Report and Environment.LastReport tell it later.
	Phase time.Duration
	// Init is the time of the init that this invocation had to wait for; 0 when warm.
	Init time.Duration
	// Restore is the time that it waited for its environment's restore; SnapStart only.
	Restore time.Duration
}

// Report is what the platform knows about an invocation once its phase has ended.
type Report struct {
	RequestID         string
	Status            string // "success", "error", "failure" or "timeout"
	ErrorType         string
	Init              time.Duration // 0 when warm
	Restore           time.Duration // SnapStart: the restore before this invocation; 0 when warm
	BilledRestoreMS   int64         // the runtime's part of it
	Duration          time.Duration // the whole phase, extensions' tail included
	RuntimeDone       time.Duration // until the runtime called next; 0 if it never did
	Latency           time.Duration // until the response was complete; 0 if there was none
	ExtensionOverhead time.Duration // from the runtime's next to the last extension's next
	BilledMS          int64
	MaxMemoryMB       int
}
