// Package limit makes a masked invocation small enough to export.
package limit

import "github.com/afterglow-lambda/afterglow/extension/internal/mask"

// Limits are the most that may be exported. Zero means no limit.
type Limits struct {
	FieldBytes      int // of one body, message or stack
	InvocationBytes int // of one invocation
}

// Apply limits.
func Apply(inv mask.Invocation, l Limits) mask.Invocation { return inv }
