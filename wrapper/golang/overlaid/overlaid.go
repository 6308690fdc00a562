// Package overlaid is imported by programs that were built with the overlay of package wrapper/golang/overlay, and by no other.
//
// It takes the place where net/http asks about every request, and gives nothing. It promises what package golang does.
package overlaid

import (
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/invocation"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/nethttp"
)

// Install puts the hook in place. It is called before any code of package main.
func Install(see *nethttp.See) bool {
	h := hook.Process()
	if h == nil {
		return false
	}
	h.Handler.Identify(invocation.ID)
	*see = nethttp.Overlay(h)
	return true
}
