// Package lifecycle leads the stages through an environment's life: it waits for Lambda's events and for the end of each invocation.
package lifecycle

import (
	"context"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// API is what lifecycle needs of Lambda.
type API interface {
	Next(context.Context) (lambdaapi.Event, error)
}

// Idle asks for event after event and does nothing until SHUTDOWN.
func Idle(ctx context.Context, api API) int {
	for ctx.Err() == nil {
		if e, err := api.Next(ctx); err == nil && e.Type == lambdaapi.Shutdown {
			return 0
		}
	}
	return 1
}
