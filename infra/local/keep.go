package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// settleWithin is how long spans that arrive are collected before they are shown, so that a flow is
// shown whole: its second function exports a moment after its first.
const settleWithin = 5 * time.Second

var errEnded = errors.New("the local AWS has ended by itself")

// stay leaves everything up until Ctrl-C, tells how to use it, and shows the flows that this makes.
func (d demo) stay(ctx context.Context, c *cloud.Cloud) error {
	fmt.Fprint(d.stdout, howTo(c))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.Done():
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	for seen := len(c.Receiver().Spans()); ; {
		err := c.Receiver().Wait(ctx, func(spans []otlptest.Span) bool { return len(spans) > seen })
		if errors.Is(context.Cause(ctx), errEnded) {
			return errEnded
		}
		if err != nil {
			return nil //nolint:nilerr // Ctrl-C is how it is meant to end
		}
		settling, settled := context.WithTimeout(ctx, settleWithin)
		// An error only means that not everything has come: what has come is shown.
		_ = c.Receiver().Wait(settling, func(spans []otlptest.Span) bool { return len(missing(spans[seen:])) == 0 })
		settled()
		spans := c.Receiver().Spans()
		if err := d.print(spans[seen:]); err != nil {
			return err
		}
		seen = len(spans)
	}
}

// howTo tells how to use what is up.
func howTo(c *cloud.Cloud) string {
	var text strings.Builder
	text.WriteString("Everything stays up until Ctrl-C; flows are shown here as they arrive.\n\n")
	fmt.Fprintf(&text, "Send an order:\n  curl -H 'Content-Type: application/json' -d '%s' %s\n\n", orders()[0].body, c.Output(ordersOutput))
	text.WriteString("Invoke a function directly, or look around, with the AWS CLI:\n")
	// Version 1 of the CLI knows AWS_DEFAULT_REGION only; in version 2 AWS_REGION goes before it.
	fmt.Fprintf(&text, "  export AWS_ENDPOINT_URL=%s AWS_REGION=%[2]s AWS_DEFAULT_REGION=%[2]s AWS_ACCESS_KEY_ID=%[3]s AWS_SECRET_ACCESS_KEY=%[4]s\n",
		c.URL(), localaws.Region, localaws.AccessKey, localaws.SecretKey)
	for _, name := range c.Functions() {
		// fileb: means the same to both versions of the AWS CLI, a payload in the line does not.
		fmt.Fprintf(&text, "  echo '{}' | aws lambda invoke --function-name %s --payload fileb:///dev/stdin /dev/stdout\n", name)
	}
	fmt.Fprintf(&text, "  aws dynamodb scan --table-name %s\n  aws s3 ls --recursive %s\n\n", c.Output("TableName"), c.Output("BucketName"))
	fmt.Fprintf(&text, "Read what the functions print:\n  tail -f %s\n\n", c.FunctionsLog())
	return text.String()
}
