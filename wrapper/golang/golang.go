// Package golang is Afterglow's hook for functions in Go, which Lambda runs on provided.al2023: a program of its own, with no runtime around it that a layer
// could reach into. So the hook is compiled in. Three ways lead there, the first without a change of code:
//
//	go build -overlay "$(go run github.com/afterglow-lambda/afterglow/wrapper/golang/overlay)" …    everything, whatever sends it
//	import _ "github.com/afterglow-lambda/afterglow/wrapper/golang/auto"                            invocations, and http.DefaultTransport
//	import "github.com/afterglow-lambda/afterglow/wrapper/golang/lambda"; lambda.Start(handler)     the same, in the place of aws-lambda-go's lambda.Start
//
// With the second and third, whatever has a transport of its own takes a line more:
//
//	client := &http.Client{Transport: golang.Transport(transport)}
//	awsv2.Record(&cfg)                                               // AWS SDK for Go v2, behind config.LoadDefaultConfig
//
// Version 1 of the SDK uses http.DefaultTransport, as most libraries do.
//
// The hook does something only where there is Afterglow's layer, or where AFTERGLOW_SPOOL_DIR is set; anywhere else, as in tests and on other
// machines, these functions give back what they got. AFTERGLOW_DISABLED=true has the same effect. The settings are those of all hooks: docs/settings.md.
//
// It promises that the function behaves as it would without: the handler is not touched, requests and answers pass unchanged, and what fails in the hook
// stays there. README.md, beside this file, has what it sees, what it does not, and how.
package golang

import (
	"net/http"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/nethttp"
)

// Wrap has the invocations of a handler recorded, and what goes through http.DefaultTransport, and gives the handler back as it is. To be called before
// lambda.Start, best in its argument:
//
//	lambda.Start(golang.Wrap(handler))
//
// It takes whatever lambda.Start does. Nothing is wrapped in the literal sense: invocations are seen where the runtime client gets them from the Runtime API
// and posts what became of them, so that the handler's type, stack, context and values are its own.
func Wrap[H any](handler H) H {
	nethttp.Install()
	return handler
}

// Transport gives a round tripper that records the requests which go through base; nil means http.DefaultTransport. Where there is to be no hook, base itself
// is what it gives.
func Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	if h := hook.Process(); h != nil {
		return nethttp.RoundTripper(h, base)
	}
	return base
}

// A Doer is what sends requests, as *http.Client does.
type Doer = nethttp.Doer

// Client gives a Doer that records the requests which doer sends. A redirect that doer follows by itself is part of the request. Where there is to be no hook,
// doer itself is what it gives.
func Client(doer Doer) Doer {
	if h := hook.Process(); h != nil && doer != nil {
		return nethttp.NewClient(h, doer)
	}
	return doer
}
