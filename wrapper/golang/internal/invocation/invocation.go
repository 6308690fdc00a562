// Package invocation knows how aws-lambda-go tells an invocation by its context.
//
// It takes a context and gives a request id. It is apart from the rest because it is all of the hook that imports anything but Go's own library.
package invocation

import (
	"context"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// ID gives the request id of the invocation that a context was made for, "" if it was made for none.
func ID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}
