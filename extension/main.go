// Command extension is Afterglow's half outside the function's process: a Lambda extension that reads what the hooks appended to the
// spool, after the response has gone out, and exports it as OpenTelemetry spans.
//
// It takes Lambda's events, the spool and the function's environment, gives spans to a collector, and promises to do nothing else that
// anyone could notice: whatever fails in it, it keeps asking for the next event, because an extension that exits fails the invocation.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
)

// release is the version of Afterglow that the spans carry.
const release = "0.1.0"

func main() {
	os.Exit(run(context.Background(), os.Args, os.Getenv, os.Stdout))
}

// run is the whole life of the extension. It registers before anything else, since Lambda starts no runtime until it has, and returns
// when Lambda said SHUTDOWN.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) int {
	// The log is a pipe to Lambda. Should it ever close, Go would end the process at the next line.
	signal.Ignore(syscall.SIGPIPE)
	api := lambdaapi.New(getenv("AWS_LAMBDA_RUNTIME_API"))
	if _, err := api.Register(ctx, filepath.Base(args[0]), lambdaapi.Invoke, lambdaapi.Shutdown); err != nil {
		io.WriteString(stdout, err.Error()+"\n")
		return 1
	}
	return lifecycle.Idle(ctx, api)
}
