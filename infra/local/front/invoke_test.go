package front

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// startWith starts a front whose functions have versions and aliases: version 1 and the alias live, which leads to it.
func startWith(t *testing.T, functions ...Function) *Front {
	t.Helper()
	server, _ := upstream(t)
	var f *Front
	f = startOptions(t, Options{Upstream: server.URL, Qualified: func(_ context.Context, name, qualifier string) (Function, error) {
		function, known := f.function(name)
		if function.Version = "1"; !known || qualifier != "1" && qualifier != "live" {
			return Function{}, ErrNoSuchFunction
		}
		return function, nil
	}})
	for _, function := range functions {
		f.Serve(function)
	}
	return f
}

func startOptions(t *testing.T, opt Options) *Front {
	t.Helper()
	f, err := Start(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestInvokeWithTheSDK(t *testing.T) {
	tests := []struct {
		name, function, qualifier, wantVersion string
		result                                 lambdalocal.Result
	}{
		{"a response", "orders", "", "$LATEST", lambdalocal.Result{RequestID: "r-1", Payload: []byte(`{"ok":true}`), LogTail: []byte("START\nEND\n")}},
		{"an error", "orders", "$LATEST", "$LATEST", lambdalocal.Result{RequestID: "r-2", Payload: []byte(`{"errorType":"Boom"}`), FunctionError: "Unhandled"}},
		{"by partial ARN", "000000000000:function:orders", "", "$LATEST", lambdalocal.Result{Payload: []byte(`1`)}},
		{"by ARN with an alias", "arn:aws:lambda:us-east-1:000000000000:function:orders:live", "", "1", lambdalocal.Result{Payload: []byte(`1`)}},
		{"by name and version", "orders", "1", "1", lambdalocal.Result{Payload: []byte(`1`)}},
		{"by name with a version, twice", "orders:1", "1", "1", lambdalocal.Result{Payload: []byte(`1`)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			function := newInvoker(test.result, nil)
			f := startWith(t, Function{Name: "orders", Invoker: function})
			in := &lambda.InvokeInput{
				FunctionName: aws.String(test.function), Payload: []byte(`{"order":1}`), LogType: types.LogTypeTail,
				ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`))),
			}
			if test.qualifier != "" {
				in.Qualifier = aws.String(test.qualifier)
			}
			out, err := sdk(f).Invoke(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			if string(out.Payload) != string(test.result.Payload) || aws.ToString(out.FunctionError) != test.result.FunctionError {
				t.Errorf("got %s with error %q", out.Payload, aws.ToString(out.FunctionError))
			}
			if tail, _ := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); string(tail) != string(test.result.LogTail) {
				t.Errorf("got log %q", tail)
			}
			if aws.ToString(out.ExecutedVersion) != test.wantVersion {
				t.Errorf("got version %q, want %q", aws.ToString(out.ExecutedVersion), test.wantVersion)
			}
			if in := <-function.got; string(in.Payload) != `{"order":1}` || in.ClientContext != `{"custom":{}}` {
				t.Errorf("the function got %q with context %q", in.Payload, in.ClientContext)
			}
		})
	}
}

// TestInvokeRefuses: every refusal has the status and the type of AWS's API (Invoke API reference), so that an SDK makes
// the right error of it, and the function hears nothing.
func TestInvokeRefuses(t *testing.T) {
	silent := newInvoker(lambdalocal.Result{}, nil)
	f := startWith(t,
		Function{Name: "orders", Invoker: silent},
		Function{Name: "tenants", Invoker: silent, Tenants: true},
		Function{Name: "image", Problem: errors.New("it is a container image")},
		Function{Name: "broken", Invoker: newInvoker(lambdalocal.Result{}, errors.New("no port is free"))})
	large := []byte(`"` + strings.Repeat("x", maxPayload) + `"`)
	tests := []struct {
		name   string
		change func(*lambda.InvokeInput)
		kind   string
		status int
	}{
		{"an unknown function", func(in *lambda.InvokeInput) { in.FunctionName = aws.String("ghost") }, "ResourceNotFoundException", http.StatusNotFound},
		{"an unknown version", func(in *lambda.InvokeInput) { in.Qualifier = aws.String("7") }, "ResourceNotFoundException", http.StatusNotFound},
		{"two qualifiers", func(in *lambda.InvokeInput) {
			in.FunctionName, in.Qualifier = aws.String("orders:live"), aws.String("1")
		}, "InvalidParameterValueException", http.StatusBadRequest},
		{"an event that is too large", func(in *lambda.InvokeInput) { in.Payload = large }, "RequestTooLargeException", http.StatusRequestEntityTooLarge},
		{"an event that is too large to be asynchronous", func(in *lambda.InvokeInput) {
			in.Payload, in.InvocationType = large[:maxAsyncPayload+1], types.InvocationTypeEvent
		}, "RequestTooLargeException", http.StatusRequestEntityTooLarge},
		{"an event that is no JSON", func(in *lambda.InvokeInput) { in.Payload = []byte(`{"half":`) }, "InvalidRequestContentException", http.StatusBadRequest},
		{"a dry run with such an event", func(in *lambda.InvokeInput) {
			in.Payload, in.InvocationType = []byte(`nonsense`), types.InvocationTypeDryRun
		}, "InvalidRequestContentException", http.StatusBadRequest},
		{"a type that is unknown", func(in *lambda.InvokeInput) { in.InvocationType = "Sometimes" }, "InvalidParameterValueException", http.StatusBadRequest},
		{"a client context that is too long", func(in *lambda.InvokeInput) {
			in.ClientContext = aws.String(base64.StdEncoding.EncodeToString([]byte(`{"a":"` + strings.Repeat("x", maxClientContext) + `"}`)))
		}, "InvalidRequestContentException", http.StatusBadRequest},
		{"a client context that is no JSON", func(in *lambda.InvokeInput) { in.ClientContext = aws.String("bm8=") }, "InvalidRequestContentException", http.StatusBadRequest},
		{"a tenant where there are none", func(in *lambda.InvokeInput) { in.TenantId = aws.String("blue") }, "InvalidParameterValueException", http.StatusBadRequest},
		{"no tenant where there are some", func(in *lambda.InvokeInput) { in.FunctionName = aws.String("tenants") }, "InvalidParameterValueException", http.StatusBadRequest},
		{"a function that cannot run here", func(in *lambda.InvokeInput) { in.FunctionName = aws.String("image") }, "InvalidRuntimeException", http.StatusBadRequest},
		{"a function that could not be started", func(in *lambda.InvokeInput) { in.FunctionName = aws.String("broken") }, "ServiceException", http.StatusInternalServerError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := &lambda.InvokeInput{FunctionName: aws.String("orders"), Payload: []byte(`{}`)}
			test.change(in)
			_, err := sdk(f).Invoke(context.Background(), in)
			var api smithy.APIError
			var response interface{ HTTPStatusCode() int }
			if !errors.As(err, &api) || api.ErrorCode() != test.kind || !errors.As(err, &response) || response.HTTPStatusCode() != test.status {
				t.Errorf("got %v, want %s with status %d", err, test.kind, test.status)
			}
		})
	}
	if len(silent.got) > 0 {
		t.Errorf("the function was invoked all the same with %q", (<-silent.got).Payload)
	}
}

func TestALimitIsTheLargestThatPasses(t *testing.T) {
	function := newInvoker(lambdalocal.Result{Payload: []byte("1")}, nil)
	f := startWith(t, Function{Name: "orders", Invoker: function})
	event := func(size int) []byte { return []byte(`"` + strings.Repeat("x", size-2) + `"`) }
	object := `{"a":"` + strings.Repeat("x", maxClientContext/4*3-8) + `"}` // 3,583 is no multiple of four
	for _, in := range []*lambda.InvokeInput{
		{Payload: event(maxPayload)},
		{Payload: event(maxAsyncPayload), InvocationType: types.InvocationTypeEvent},
		{ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(object)))},
	} {
		in.FunctionName = aws.String("orders")
		if _, err := sdk(f).Invoke(context.Background(), in); err != nil {
			t.Error(err)
		}
		<-function.got
	}
}

func TestDryRunInvokesNothing(t *testing.T) {
	function := newInvoker(lambdalocal.Result{}, nil)
	f := startWith(t, Function{Name: "orders", Invoker: function})
	out, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("orders"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != http.StatusNoContent || len(function.got) > 0 {
		t.Errorf("got %+v, %v and %d invocations", out, err, len(function.got))
	}
}

func TestATenantAndAnAsynchronousContext(t *testing.T) {
	function := newInvoker(lambdalocal.Result{}, nil)
	f := startWith(t, Function{Name: "orders", Invoker: function, Tenants: true})
	_, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{
		FunctionName: aws.String("orders"), InvocationType: types.InvocationTypeEvent, TenantId: aws.String("blue"),
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`))),
	})
	if err != nil {
		t.Fatal(err)
	}
	if in := <-function.got; in.TenantID != "blue" || in.ClientContext != "" {
		t.Errorf("the function got tenant %q and context %q: a context goes with synchronous invocations only", in.TenantID, in.ClientContext)
	}
}

// TestAnErrorIsWrittenAsLambdaWritesIt: clients other than ours look at the body too.
func TestAnErrorIsWrittenAsLambdaWritesIt(t *testing.T) {
	f := startWith(t)
	response, err := http.Post(f.URL()+"/2015-03-31/functions/ghost/invocations", "", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct{ Type, Message string }
	text, _ := io.ReadAll(response.Body)
	if json.Unmarshal(text, &body) != nil || body.Type != "User" || !strings.Contains(body.Message, "Function not found: ghost") {
		t.Errorf("got %s", text)
	}
}

func TestParseReference(t *testing.T) {
	tests := []struct{ name, text, wantName, wantQualifier string }{
		{"a name", "orders", "orders", ""},
		{"a name with a version", "orders:7", "orders", "7"},
		{"a name with $LATEST", "orders:$LATEST", "orders", "$LATEST"},
		{"a partial ARN", "123456789012:function:orders", "orders", ""},
		{"an ARN", "arn:aws:lambda:eu-west-1:123456789012:function:orders", "orders", ""},
		{"an ARN with an alias", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:orders:live", "orders", "live"},
		{"a function named function", "arn:aws:lambda:us-east-1:1:function:function", "function", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if r := parseReference(test.text); r.name != test.wantName || r.qualifier != test.wantQualifier {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	f := startWith(t)
	_, err := Start(context.Background(), Options{Upstream: "http://127.0.0.1:1", Port: portOf(t, f)})
	if err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsRefusedIsNotPassedOn(t *testing.T) {
	server, got := upstream(t)
	passed := make(chan string, 2)
	f := startOptions(t, Options{Upstream: server.URL, Passed: func(r *http.Request) { passed <- r.Method }, Refuse: func(r *http.Request) error {
		if r.Method != http.MethodGet {
			return errors.New("this endpoint is only read")
		}
		return nil
	}})
	if answer := post(t, f.URL()+"/queue", "a message", nil); !strings.Contains(answer, "only read") {
		t.Errorf("got %s", answer)
	}
	if _, body, _ := got(); body != "" || len(passed) > 0 {
		t.Errorf("it went on: %s", body)
	}
	if _, err := http.Get(f.URL() + "/queue"); err != nil {
		t.Error(err)
	}
	if method := <-passed; method != http.MethodGet {
		t.Errorf("%s was told as passed on", method)
	}
}

func portOf(t *testing.T, f *Front) int {
	t.Helper()
	_, text, err := net.SplitHostPort(strings.TrimPrefix(f.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Source: Invoke API reference, errors: a snapshot that cannot be restored is no answer of the function.
func TestASnapshotThatCannotBeRestored(t *testing.T) {
	failed := &lambdalocal.RestoreError{Code: "SnapStartTimeoutException", Status: http.StatusRequestTimeout, Message: "too late"}
	f := startWith(t, Function{Name: "orders", Invoker: newInvoker(lambdalocal.Result{}, fmt.Errorf("restore orders: %w", failed))})
	_, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("orders")})
	var api *types.SnapStartTimeoutException
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &api) || api.ErrorMessage() != "too late" || !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusRequestTimeout {
		t.Errorf("got %v", err)
	}
}

// What is invoked is looked at first: a function that is new is served by then, one that is gone is not there, and if nobody
// can tell, what is served already goes on.
func TestCurrent(t *testing.T) {
	server, _ := upstream(t)
	boom := errors.New("nobody answers")
	var f *Front
	serve := func(name string) {
		f.Serve(Function{Name: name, Invoker: newInvoker(lambdalocal.Result{Payload: []byte(`"` + name + `"`)}, nil)})
	}
	tests := []struct {
		name    string
		before  bool // it is served
		current func() error
		want    string
	}{
		{"new", false, func() error { serve("new"); return nil }, `"new"`},
		{"known", true, func() error { return nil }, `"known"`},
		{"gone", true, func() error { return fmt.Errorf("look: %w", ErrNoSuchFunction) }, "ResourceNotFoundException"},
		{"never-was", false, func() error { return ErrNoSuchFunction }, "ResourceNotFoundException"},
		{"unclear", true, func() error { return boom }, `"unclear"`},
		{"unclear-and-unknown", false, func() error { return boom }, "nobody answers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f = startOptions(t, Options{Upstream: server.URL, Current: func(_ context.Context, name string) error {
				if name != test.name {
					t.Errorf("it is asked for %q", name)
				}
				return test.current()
			}})
			if test.before {
				serve(test.name)
			}
			response, err := http.Post(f.URL()+"/2015-03-31/functions/"+test.name+"/invocations", "application/json", strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if got := response.Header.Get("X-Amzn-Errortype") + string(body); !strings.Contains(got, test.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}
