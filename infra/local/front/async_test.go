package front

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/infra/local/queue"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// settingsOf is an endpoint that knows what it is told.
type settingsOf struct {
	mu       sync.Mutex
	async    queue.Settings
	reserved int // -1 for none
	url      functionurl.URL
	services []string
	asked    int // for concurrency
}

func (s *settingsOf) Asynchronous(context.Context, string, string) (queue.Settings, error) {
	return s.async, nil
}

func (s *settingsOf) Concurrency(context.Context, string) (int, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.reserved, s.reserved >= 0, nil
}

func (s *settingsOf) FunctionURL(_ context.Context, host string) (functionurl.URL, error) {
	if host != s.url.Host {
		return functionurl.URL{}, errors.New("there is none")
	}
	return s.url, nil
}

func (s *settingsOf) LetsIn(_ context.Context, _, service string) (bool, error) {
	for _, in := range s.services {
		if in == service {
			return true, nil
		}
	}
	return false, nil
}

// hasty makes Lambda's minute less than a millisecond.
const hasty = 100_000

func twoRetries() queue.Settings { return queue.Settings{Retries: 2, MaxAge: 6 * time.Hour} }

// next waits for what comes through a channel.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(comesWithin):
		t.Fatal("nothing comes")
		panic("not reached")
	}
}

// comesWithin bounds waiting for what the queue does.
const comesWithin = 30 * time.Second

// later starts a front with a function whose settings are known.
func later(t *testing.T, s *settingsOf, function Invoker, change func(*Options)) (*Front, chan queue.Report) {
	t.Helper()
	server, _ := upstream(t)
	sent := make(chan queue.Report, 10)
	opt := Options{Upstream: server.URL, Deployed: s, Haste: hasty, Send: func(_ context.Context, _ string, r queue.Report) error {
		sent <- r
		return nil
	}}
	if change != nil {
		change(&opt)
	}
	f := startOptions(t, opt)
	f.Serve(Function{Name: "orders", ARN: "arn:aws:lambda:us-east-1:000000000000:function:orders", Invoker: function})
	return f, sent
}

// Source: "How Lambda handles errors and retries with asynchronous invocation". What counts as an error is the end of the whole phase:
// LRE, reference 2.2, an overrun of the tail fails the invocation although its response was there.
func TestWhatIsTriedAgain(t *testing.T) {
	tests := []struct {
		name   string
		result lambdalocal.Result
		tries  int
		to     string
	}{
		{"a response", lambdalocal.Result{Status: "success", Payload: []byte(`1`)}, 1, "Success"},
		{"an error", lambdalocal.Result{Status: "success", FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}, 3, "RetriesExhausted"},
		{"a response and an overrun of the tail", lambdalocal.Result{Status: "timeout", Payload: []byte(`1`)}, 3, "RetriesExhausted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := twoRetries()
			settings.OnFailure, settings.OnSuccess = "arn:aws:sqs:us-east-1:000000000000:bad", "arn:aws:sqs:us-east-1:000000000000:good"
			function := newInvoker(test.result, nil)
			f, sent := later(t, &settingsOf{async: settings, reserved: -1}, function, nil)
			out, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("orders:$LATEST"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"a":1}`)})
			if err != nil || out.StatusCode != http.StatusAccepted {
				t.Fatalf("got %v, %v", out, err)
			}
			report := next(t, sent)
			if report.Tries != test.tries || len(function.got) != test.tries || string(report.Condition) != test.to || report.ARN != "arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST" {
				t.Errorf("%d tries, told %d with %s of %s", len(function.got), report.Tries, report.Condition, report.ARN)
			}
			first := next(t, function.got)
			for range test.tries - 1 {
				if again := next(t, function.got); again.RequestID != first.RequestID || again.TraceHeader != first.TraceHeader || !again.LogTail {
					t.Errorf("tried as %+v, then as %+v", first, again)
				}
			}
			if first.RequestID != report.RequestID || first.TraceHeader == "" {
				t.Errorf("tried as %+v, told of %s", first, report.RequestID)
			}
		})
	}
}

func TestAFunctionIsADestination(t *testing.T) {
	settings := twoRetries()
	settings.OnSuccess = "arn:aws:lambda:us-east-1:000000000000:function:accounts"
	s := &settingsOf{async: settings, reserved: -1}
	f, sent := later(t, s, newInvoker(lambdalocal.Result{Payload: []byte(`"done"`)}, nil), nil)
	accounts := newInvoker(lambdalocal.Result{FunctionError: "Unhandled"}, nil) // else it would be told of itself
	f.Serve(Function{Name: "accounts", Invoker: accounts})
	post(t, f.URL()+"/2015-03-31/functions/orders/invocations", `{"a":1}`, map[string]string{"X-Amz-Invocation-Type": "Event"})
	in := next(t, accounts.got)
	var record struct {
		RequestContext  struct{ RequestID, Condition string }
		ResponsePayload string
	}
	if err := json.Unmarshal(in.Payload, &record); err != nil || record.RequestContext.Condition != "Success" || record.ResponsePayload != "done" || in.RequestID == record.RequestContext.RequestID {
		t.Errorf("it got %s as %s (%v)", in.Payload, in.RequestID, err)
	}
	if len(sent) > 0 {
		t.Error("it was sent elsewhere too")
	}
}

func TestADeletedFunctionIsNotTriedAgain(t *testing.T) {
	said := make(chan string, 10)
	function := newInvoker(lambdalocal.Result{FunctionError: "Unhandled"}, nil)
	f, _ := later(t, &settingsOf{async: twoRetries(), reserved: -1}, function, func(o *Options) {
		o.Log, o.Haste = func(text string) { said <- text }, 600 // a tenth of a second
	})
	post(t, f.URL()+"/2015-03-31/functions/orders/invocations", `{}`, map[string]string{"X-Amz-Invocation-Type": "Event"})
	next(t, function.got)
	f.Forget("orders")
	if text := next(t, said); !strings.Contains(text, "given up") || !strings.Contains(text, "Function not found") {
		t.Errorf("said %q", text)
	}
}

const (
	s3Event     = `{"Records":[{"eventSource":"aws:s3"}]}`
	snsEvent    = `{"Records":[{"EventSource":"aws:sns"}]}`
	logsEvent   = `{"awslogs":{"data":"H4sI"}}`
	bridgeEvent = `{"version":"0","id":"e-1","source":"shop","detail-type":"order","detail":{}}`
)

// Sources: the developer guide's pages on S3, SNS, CloudWatch Logs and EventBridge: they invoke asynchronously; queues and streams
// do not.
func TestSourceOf(t *testing.T) {
	tests := []struct {
		name, event string
		want        source
	}{
		{"S3", s3Event, asynchronous},
		{"SNS", snsEvent, asynchronous},
		{"CloudWatch Logs", logsEvent, asynchronous},
		{"EventBridge", bridgeEvent, maybeAsynchronous},
		{"SQS", `{"Records":[{"eventSource":"aws:sqs"}]}`, synchronous},
		{"Kinesis", `{"Records":[{"eventSource":"aws:kinesis"}]}`, synchronous},
		{"no records", `{"Records":[]}`, synchronous},
		{"records of another kind", `{"Records":"aws:s3"}`, synchronous},
		{"half an event of EventBridge", `{"detail-type":"order","source":"shop"}`, synchronous},
		{"a user's own", `{"order":1}`, synchronous},
		{"no object", `[1]`, synchronous},
		{"nothing", ``, synchronous},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := sourceOf([]byte(test.event)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// An event of an asynchronous source is answered at once, so that MiniStack does not try again itself; one of EventBridge's, which a
// state machine may hand on, with what the function answers.
func TestProxiedEventsOfAsynchronousSources(t *testing.T) {
	tests := []struct {
		name, event string
		services    []string
		status      int
		tries       int
	}{
		{"S3", s3Event, nil, http.StatusAccepted, 3},
		{"SNS", snsEvent, nil, http.StatusAccepted, 3},
		{"EventBridge, which is let in", bridgeEvent, []string{eventBridge}, http.StatusInternalServerError, 3},
		{"an event of EventBridge from somebody else", bridgeEvent, []string{"states.amazonaws.com"}, http.StatusInternalServerError, 1},
		{"a user's own", `{"order":1}`, []string{eventBridge}, http.StatusInternalServerError, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			function := newInvoker(lambdalocal.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}, nil)
			settings := twoRetries()
			settings.OnFailure = "arn:aws:sqs:us-east-1:000000000000:bad"
			f, sent := later(t, &settingsOf{async: settings, reserved: -1, services: test.services}, function, nil)
			request, _ := http.NewRequest(http.MethodPost, f.ProxyURL("orders"), strings.NewReader(test.event))
			request.Header.Set("X-Amzn-Lambda-Request-Id", "r-1")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("answered %s", response.Status)
			}
			if test.tries > 1 {
				if r := next(t, sent); r.Tries != test.tries || r.RequestID != "r-1" {
					t.Errorf("%d tries of %s", r.Tries, r.RequestID)
				}
			}
			if len(function.got) != test.tries {
				t.Errorf("tried %d times, want %d", len(function.got), test.tries)
			}
		})
	}
}

// A MiniStack of ours asks for errors as a whole and gets what its own executors would give.
func TestErrorsAsAWhole(t *testing.T) {
	function := newInvoker(lambdalocal.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"Boom"}`)}, nil)
	s := &settingsOf{reserved: -1}
	f, _ := later(t, s, function, nil)
	const want = `{"_afterglow_outcome":{"error":true,"function_error":"Unhandled","body":{"errorType":"Boom"}}}`
	if got := post(t, f.ProxyURL("orders")+"?errors=whole", `{}`, nil); strings.TrimSpace(got) != want {
		t.Errorf("got %s", got)
	}
	s.reserved = 0
	f.limits.functions = map[string]*limit{}
	if got := post(t, f.ProxyURL("orders")+"?errors=whole", `{}`, nil); !strings.Contains(got, `"throttle":true`) || !strings.Contains(got, "Lambda.TooManyRequestsException") {
		t.Errorf("got %s", got)
	}
}
