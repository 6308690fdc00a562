package front

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/infra/local/queue"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// Source: "Configuring reserved concurrency", Invoke API reference, TooManyRequestsException: who comes when all reserved executions
// run is refused, and asynchronous invocations wait.
func TestReservedConcurrency(t *testing.T) {
	s := &settingsOf{reserved: 1, async: twoRetries()}
	s.async.OnSuccess = "arn:aws:sqs:us-east-1:000000000000:good"
	function := newInvoker(lambdalocal.Result{Payload: []byte(`1`)}, nil)
	function.got = make(chan lambdalocal.Invocation) // an invocation runs until somebody takes it
	f, sent := later(t, s, function, nil)
	first := make(chan error, 1)
	go func() {
		_, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("orders")})
		first <- err
	}()
	waitRunning(t, f, 1)
	_, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("orders")})
	var refused *types.TooManyRequestsException
	if !errors.As(err, &refused) || refused.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded || aws.ToString(refused.Message) != "Rate Exceeded." {
		t.Errorf("got %v", err)
	}
	post(t, f.URL()+"/2015-03-31/functions/orders/invocations", `{"later":1}`, map[string]string{"X-Amz-Invocation-Type": "Event"})
	next(t, function.got)
	if err := next(t, first); err != nil {
		t.Error(err)
	}
	if in := next(t, function.got); string(in.Payload) != `{"later":1}` {
		t.Errorf("then came %s", in.Payload)
	}
	if r := next(t, sent); r.Tries != 1 || r.Condition != queue.Success {
		t.Errorf("a refusal counts as a try: %d, %s", r.Tries, r.Condition)
	}
}

func waitRunning(t *testing.T, f *Front, number int) {
	t.Helper()
	for deadline := time.Now().Add(comesWithin); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		f.limits.mu.Lock()
		l := f.limits.functions["orders"]
		is := l != nil && l.running == number
		f.limits.mu.Unlock()
		if is {
			return
		}
	}
	t.Fatalf("%d do not run", number)
}

// Source: "Capturing records of Lambda asynchronous invocations", note on a reserved concurrency of zero.
func TestNoConcurrencyAtAll(t *testing.T) {
	s := &settingsOf{reserved: 0, async: twoRetries()}
	s.async.OnFailure = "arn:aws:sqs:us-east-1:000000000000:bad"
	function := newInvoker(lambdalocal.Result{}, nil)
	f, sent := later(t, s, function, nil)
	post(t, f.URL()+"/2015-03-31/functions/orders/invocations", `{}`, map[string]string{"X-Amz-Invocation-Type": "Event"})
	if r := next(t, sent); r.Condition != queue.ZeroReservedConcurrency || r.Tries != 0 || len(function.got) > 0 {
		t.Errorf("%s after %d tries", r.Condition, r.Tries)
	}
}

func TestAChangedLimitCountsAtOnce(t *testing.T) {
	s := &settingsOf{reserved: 0}
	f, _ := later(t, s, newInvoker(lambdalocal.Result{Payload: []byte(`"fine"`)}, nil), nil)
	invoke := func() string { return post(t, f.URL()+"/2015-03-31/functions/orders/invocations", `{}`, nil) }
	for range 3 {
		if got := invoke(); !strings.Contains(got, "Rate Exceeded.") {
			t.Errorf("got %s", got)
		}
	}
	if s.asked != 1 {
		t.Errorf("asked %d times in a moment", s.asked)
	}
	s.reserved = -1
	request, _ := http.NewRequest(http.MethodDelete, f.URL()+"/2017-10-31/functions/orders/concurrency", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := invoke(); got != `"fine"` {
		t.Errorf("got %s", got)
	}
}
