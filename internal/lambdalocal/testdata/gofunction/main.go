// Command gofunction is a Lambda function in Go with AWS's own client. _HANDLER chooses what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	fmt.Println("loading")
	handlers := map[string]any{"orders": orders, "stream": stream, "page": page}
	handler, ok := handlers[os.Getenv("_HANDLER")]
	if !ok {
		panic("no handler " + os.Getenv("_HANDLER"))
	}
	lambda.StartWithOptions(handler, lambda.WithEnableSIGTERM(func() { fmt.Println("told to end") }))
}

type order struct {
	Fail  string `json:"fail"`
	Panic string `json:"panic"`
	Exit  int    `json:"exit"`
	Wait  bool   `json:"wait"`
}

// orders answers with what it sees, or does what the event asks for.
func orders(ctx context.Context, o order) (map[string]any, error) {
	about, _ := lambdacontext.FromContext(ctx)
	fmt.Println("handling", about.AwsRequestID)
	switch {
	case o.Fail != "":
		return nil, fmt.Errorf("order: %w", &badOrder{o.Fail})
	case o.Panic != "":
		panic(o.Panic)
	case o.Exit != 0:
		os.Exit(o.Exit)
	case o.Wait:
		<-ctx.Done()
		fmt.Println("the deadline has passed:", ctx.Err())
		select {} // the environment is reset now
	}
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"request": about.AwsRequestID, "arn": about.InvokedFunctionArn, "tenant": about.TenantID, "client": about.ClientContext.Custom["a"],
		"identity": about.Identity.CognitoIdentityID, "remaining": time.Until(deadline).Milliseconds(),
		"trace": os.Getenv("_X_AMZN_TRACE_ID"), "execution": os.Getenv("AWS_EXECUTION_ENV"), "args": os.Args,
		"path": os.Getenv("PATH"), "function": lambdacontext.FunctionName, "memory": lambdacontext.MemoryLimitInMB,
	}, nil
}

type badOrder struct{ reason string }

func (b *badOrder) Error() string { return b.reason }

// slowly gives its parts one read at a time, and ends with err.
type slowly struct {
	parts []string
	err   error
}

func (s *slowly) Read(b []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, s.err
	}
	n := copy(b, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; s.parts[0] == "" {
		s.parts = s.parts[1:]
	}
	return n, nil
}

// stream answers with a stream, which breaks if the event says so.
func stream(_ context.Context, breaks bool) (io.Reader, error) {
	end := io.EOF
	if breaks {
		end = errors.New("no more paper")
	}
	return &slowly{parts: []string{"first ", strings.Repeat("second ", 3), "third"}, err: end}, nil
}

// page answers as a function URL that streams.
func page(context.Context) (*events.LambdaFunctionURLStreamingResponse, error) {
	return &events.LambdaFunctionURLStreamingResponse{
		StatusCode: 201, Headers: map[string]string{"X-Kind": "page"}, Cookies: []string{"a=b"},
		Body: &slowly{parts: []string{"<p>", "hello"}, err: io.EOF},
	}, nil
}
