// Command infra is the CDK app of cdk.json: an example that deploys to any account with plain `cdk deploy`, and to the local AWS of
// `make demo` just the same.
//
// An order comes in over a function URL. The orders function (Python) calls a payment service over HTTP and sends the order as one
// SQS message and its items as one batch. The fulfilment function (Node.js) takes both, writes to DynamoDB and S3 and calls a
// shipping service. A third function stands in for the two services. The first two are instrumented; no line of them knows.
//
// CDK context (`cdk deploy -c name=value`):
//
//	otlpEndpoint   where spans go; default: $OTEL_EXPORTER_OTLP_ENDPOINT where cdk runs, else X-Ray
//	architecture   arm64 (default) or x86_64
//	paymentUrl     a payment service to call instead of the stand-in
//	shippingUrl    a shipping service to call instead of the stand-in
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	code := run(os.Getenv, os.Stderr)
	jsii.Close()
	os.Exit(code)
}

// run synthesises the app. The CDK's errors are panics; their message is what the user needs, the stack is not.
func run(getenv func(string) string, stderr io.Writer) (code int) {
	defer func() {
		if problem := recover(); problem != nil {
			fmt.Fprintln(stderr, "infra:", problem)
			code = 1
		}
	}()
	app := awscdk.NewApp(nil)
	newExample(app, "AfterglowExample", readConfig(app, getenv))
	app.Synth(nil)
	return 0
}
