package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/extension/internal/telemetry"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/settings"
)

// silence is what it means that nothing comes.
const silence = "lambda tells nothing of invocations: of those that time out or are killed only what their hook wrote is known"

// listen asks Lambda to tell what it knows of invocations, and listens. It has to be done between the registration and the first Next, and
// whatever becomes of it, the extension works on: the Listener that it gives may be one to which nothing comes.
func listen(ctx context.Context, api *lambdaapi.Client, getenv func(string) string, log zerolog.Logger) (l *telemetry.Listener) {
	l = new(telemetry.Listener)
	defer func() {
		if r := recover(); r != nil {
			log.Error().Type("panic", r).Msg(silence + ". A bug in Afterglow: please report this line")
		}
	}()
	v := settings.Read(getenv)
	on := v.Bool("AFTERGLOW_TELEMETRY")
	for _, w := range v.Warnings() {
		log.Warn().Err(w).Msg("a setting is not understood")
	}
	traces, metrics, logs := wanted(v)
	logs = logs && goesOut(v, otlplog.Logs)
	useful := logs || traces && goesOut(v, otlplog.Traces) || metrics && goesOut(v, otlplog.Metrics)
	if !on || !useful {
		return l
	}
	listener, err := telemetry.Listen(telemetry.Options{Lines: logs, Guarded: telemetry.IsLoopback(getenv("AWS_LAMBDA_RUNTIME_API"))})
	if err != nil {
		log.Warn().Err(err).Msg(silence)
		return l
	}
	l = listener
	told, err := api.Subscribe(ctx, lambdaapi.Subscription{URI: l.URI(), Lines: logs, Managed: isManaged(getenv)})
	switch {
	case told:
		l.Subscribed()
	case err == nil:
		log.Debug().Msg("lambda tells nothing of invocations here: the environment has no telemetry")
		l.Close()
	default: // it stays open: an answer that was lost may have been yes
		log.Warn().Err(err).Msg(silence)
	}
	return l
}
