// Package auto is imported for what it does: it has every invocation of the function recorded, and every request that goes through http.DefaultTransport.
//
//	import _ "github.com/afterglow-lambda/afterglow/wrapper/golang/auto"
//
// It takes the environment and gives nothing. It promises what package golang does, which says what else can be recorded.
package auto

import (
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/invocation"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/nethttp"
)

var _ = install() // an import is to do it

func install() bool {
	h := hook.Process()
	if h == nil {
		return false
	}
	h.Handler.Identify(invocation.ID)
	nethttp.Install()
	return true
}
