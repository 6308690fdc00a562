// Package enrich recognises what triggered an invocation and what it called.
package enrich

import "github.com/afterglow-lambda/afterglow/extension/internal/event"

// Apply fills Trigger of the invocation and Target of its calls.
func Apply(inv *event.Invocation) {}
