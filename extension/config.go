package main

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/settings"
)

// managedInstances is the AWS_LAMBDA_INITIALIZATION_TYPE of environments that run invocations side by side and are never frozen.
const managedInstances = "lambda-managed-instances"

// eventsFor says what to register for: nothing where Afterglow is switched off, and on Managed Instances, which refuse an extension that
// asks for INVOKE, the end alone.
func eventsFor(getenv func(string) string) []lambdaapi.EventType {
	switch {
	case settings.Read(getenv).Bool("AFTERGLOW_DISABLED"):
		return nil
	case isManaged(getenv):
		return []lambdaapi.EventType{lambdaapi.Shutdown}
	}
	return []lambdaapi.EventType{lambdaapi.Invoke, lambdaapi.Shutdown}
}

func isManaged(getenv func(string) string) bool {
	return getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == managedInstances
}

// newLog makes the extension's own log: one line of JSON an entry into the function's log.
func newLog(getenv func(string) string, w io.Writer) zerolog.Logger {
	level := zerolog.WarnLevel
	switch settings.Read(getenv).String("AFTERGLOW_LOG_LEVEL") {
	case "debug":
		level = zerolog.DebugLevel
	case "info":
		level = zerolog.InfoLevel
	case "error":
		level = zerolog.ErrorLevel
	case "off":
		level = zerolog.Disabled
	}
	return zerolog.New(w).Level(level).With().Timestamp().Str("from", "afterglow").Logger()
}

// gcPercent is set because a GOGC in the environment is the function's. Go's own default, 100, took 1 to 2 MiB off what a busy function's extension keeps, and added some 5 % to its
// CPU time with 128 MB, where each collection finds the caches cold; 200 took as much memory again and saved nothing that could be told from noise. Memory that is the function's
// too is saved by small rounds (intake.MaxBytes).
const gcPercent = 150

// oneThread of Go code runs at a time. Nothing here is in a hurry, and what threads cost each other (handing work over, looking for some, collecting garbage
// side by side) was a quarter of the CPU time of an invocation with ten calls: 1.6 ms without, 1.2 ms with it on the same busy machine.
const oneThread = 1

// A beginning is what is known before anything is set up.
type beginning struct {
	born     time.Time
	account  string // of AWS; "" if Lambda does not say
	platform lifecycle.Platform
	environ  func() []string // os.Environ; nil in tests of other things
	stdout   io.Writer
}

// stepBack makes this whole process one that takes what others leave. Tests that set up in their own process do without.
func stepBack(log zerolog.Logger) {
	debug.SetGCPercent(gcPercent)
	runtime.GOMAXPROCS(oneThread)
	lifecycle.SpareThreads(log)
	if err := lifecycle.LowerPriority(); err != nil {
		log.Debug().Err(err).Msg("runs at the function's priority")
	}
}

// setUp makes the worker out of the settings: nil where Afterglow is switched off.
func setUp(ctx context.Context, getenv func(string) string, b beginning, log zerolog.Logger) (lifecycle.Worker, error) {
	v := settings.Read(getenv)
	if v.Bool("AFTERGLOW_DISABLED") {
		return nil, nil
	}
	dir := v.String("AFTERGLOW_SPOOL_DIR")
	in := intake.New(dir, b.born)
	in.Reserve()
	managed := isManaged(getenv)
	in.Concurrent = managed
	in.NoHeaders = v.Bytes("AFTERGLOW_CAPTURE_HEADER_BYTES") == 0
	p := &lifecycle.Pipeline{
		Endings:  &lifecycle.Ends{Watch: lifecycle.NewWatch(dir, in.IsPast), Platform: b.platform, Log: log},
		Intake:   in,
		Platform: b.platform,
		Policy: lifecycle.Policy{
			Strategy: lifecycle.Strategy(v.String("AFTERGLOW_FLUSH")), Interval: v.Duration("AFTERGLOW_FLUSH_INTERVAL"), Portion: lifecycle.PortionOf(memoryOf(getenv)),
		},
		Margin: v.Duration("AFTERGLOW_DEADLINE_MARGIN"),
		Batch:  v.Bytes("AFTERGLOW_LIMIT_BATCH_BYTES"),
		Timed:  managed,
		Log:    log,
	}
	exportTo(p, v, getenv, b, log)
	p.Start(ctx)
	return p, nil
}

// exportTo gives a pipeline what the settings want to be exported, and where to.
func exportTo(p *lifecycle.Pipeline, v *settings.Values, getenv func(string) string, b beginning, log zerolog.Logger) {
	stages := &lifecycle.Stages{Masker: masker(v, getenv), Limits: limits(v), Resource: resource(v, getenv)}
	p.Render = stages.Render
	traces, metrics, logs := wanted(v)
	delivery, unset, errs := newDelivery(v, getenv, b.stdout, log)
	if delivery != nil {
		p.Delivery = delivery
		stages.NoTraces = !traces
		stages.Logs = logs && delivery.Takes(otlplog.Logs)
		if metrics && delivery.Takes(otlplog.Metrics) {
			meter := newMeter(v, getenv, stages.Masker, b.account, b.born)
			p.Meter, stages.Dropped = meter, meter.Dropped
		}
	}
	v.String("AFTERGLOW_LOG_LEVEL") // for the warning: it was read before there was a log
	for _, w := range v.Warnings() {
		log.Warn().Err(w).Msg("a setting is not understood")
	}
	warnOfSettings(v, getenv, delivery, b.environ, log)
	if v.String("AFTERGLOW_MASK_PRESET") == "off" {
		log.Warn().Msg("only what settings name is masked: AFTERGLOW_MASK_PRESET is off")
	}
	for _, err := range errs {
		if delivery != nil {
			log.Error().Err(err).Msg("one exporter is left out")
			continue
		}
		log.Error().Err(err).Msg("nothing is exported") // as without an endpoint: the hooks write all the same, and somebody must make room
	}
	if unset {
		log.Warn().Msg("nothing is exported: neither OTEL_EXPORTER_OTLP_ENDPOINT nor AFTERGLOW_EXPORTERS is set")
	}
}

// masker makes the rules for what is private out of the settings.
func masker(v *settings.Values, getenv func(string) string) *mask.Masker {
	return mask.New(mask.Options{
		Preset:       v.String("AFTERGLOW_MASK_PRESET"),
		Keys:         v.List("AFTERGLOW_MASK_KEYS"),
		AllowKeys:    v.List("AFTERGLOW_MASK_ALLOW_KEYS"),
		Paths:        v.List("AFTERGLOW_MASK_PATHS"),
		All:          v.Set("AFTERGLOW_MASK_ALL"),
		DetectorsOff: v.Set("AFTERGLOW_MASK_DETECTORS_OFF"),
		Domains:      v.List("AFTERGLOW_MASK_DOMAINS"),
		HeadersOnly:  v.List("AFTERGLOW_MASK_HEADERS_ONLY_DOMAINS"),
		Credentials:  getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
		Parameters:   getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"),
		DropUnknown:  v.String("AFTERGLOW_MASK_UNKNOWN") == "drop",
	})
}

// limits are the most that is exported. An invocation has to fit into a request.
func limits(v *settings.Values) limit.Limits {
	return limit.Limits{
		FieldBytes:      v.Bytes("AFTERGLOW_LIMIT_FIELD_BYTES"),
		CallBytes:       v.Bytes("AFTERGLOW_LIMIT_CALL_BYTES"),
		LineBytes:       v.Bytes("AFTERGLOW_LIMIT_LOG_BYTES"),
		InvocationBytes: min(v.Bytes("AFTERGLOW_LIMIT_INVOCATION_BYTES"), v.Bytes("AFTERGLOW_LIMIT_BATCH_BYTES")),
	}
}

// resource collects what the environment tells of the function. The rest comes with each invocation.
func resource(v *settings.Values, getenv func(string) string) span.Resource {
	return span.Resource{
		Service:    v.String("OTEL_SERVICE_NAME"),
		Function:   getenv("AWS_LAMBDA_FUNCTION_NAME"),
		Version:    getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		Region:     getenv("AWS_REGION"),
		Memory:     memoryOf(getenv),
		Attributes: v.Pairs("OTEL_RESOURCE_ATTRIBUTES"),
		Release:    release,
	}
}

// memoryOf is the function's memory in MB, 0 if the environment does not say.
func memoryOf(getenv func(string) string) int64 {
	memory, _ := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	return memory
}
