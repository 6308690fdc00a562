// Package awsv2 has what the AWS SDK for Go, version 2, sends recorded. The SDK makes itself an HTTP client with a transport of its own, which nothing
// that is done to http.DefaultTransport reaches. Programs that are built with the overlay need none of this.
//
// It takes a configuration of the SDK's and changes its HTTP client. It promises what package golang does, and to change nothing where there is to be no hook.
package awsv2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/nethttp"
)

// Record has recorded what the clients send that are made of this configuration from here on:
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	…
//	awsv2.Record(&cfg)
//
// The SDK changes clients of its own making by two settings when it makes a service's client, and cannot any more: retry modes and all the rest are as they
// were, but the timeouts for connecting that a DefaultsMode other than legacy brings have to be set on cfg.HTTPClient before.
func Record(cfg *aws.Config) {
	h := hook.Process()
	if h == nil || h.Overlaid.Load() {
		return
	}
	client := cfg.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient() // as the SDK does for each of its clients
	}
	cfg.HTTPClient = nethttp.NewClient(h, client)
}
