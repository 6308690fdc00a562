package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/extension/internal/telemetry"
	"github.com/afterglow-lambda/afterglow/settings"
)

// listen asks Lambda to tell what it knows of invocations, and listens. It has to be done between the registration and the first Next, and
// whatever becomes of it, the extension works on: the Listener that it gives may be one to which nothing comes.
func listen(ctx context.Context, api *lambdaapi.Client, getenv func(string) string, log zerolog.Logger) *telemetry.Listener {
	v := settings.Read(getenv)
	if v.Bool("AFTERGLOW_DISABLED") || !v.Bool("AFTERGLOW_TELEMETRY") {
		return new(telemetry.Listener)
	}
	_, _, logs := wanted(v)
	l, err := telemetry.Listen(ctx, telemetry.Options{Lines: logs, Guarded: telemetry.IsLoopback(getenv("AWS_LAMBDA_RUNTIME_API"))})
	if err != nil {
		log.Warn().Err(err).Msg("lambda tells nothing of invocations: what timed out or was killed is told by what its hook wrote alone")
		return new(telemetry.Listener)
	}
	told, err := api.Subscribe(ctx, lambdaapi.Subscription{URI: l.URI(), Lines: logs, Managed: getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == managedInstances})
	switch {
	case told:
		l.Subscribed()
	case err == nil:
		log.Debug().Msg("lambda tells nothing of invocations here: the environment has no telemetry")
		l.Close()
	default: // it stays open: an answer that was lost may have been yes
		log.Warn().Err(err).Msg("lambda tells nothing of invocations: what timed out or was killed is told by what its hook wrote alone")
	}
	return l
}
