package front

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// invoker is a function that answers as it is told and keeps what it got.
type invoker struct {
	result lambdalocal.Result
	err    error
	got    chan lambdalocal.Invocation
}

func newInvoker(result lambdalocal.Result, err error) *invoker {
	return &invoker{result: result, err: err, got: make(chan lambdalocal.Invocation, 10)}
}

func (i *invoker) Invoke(_ context.Context, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	i.got <- in
	return i.result, i.err
}

// upstream stands for MiniStack: it tells which request it got.
func upstream(t *testing.T) (server *httptest.Server, got func() (host, body string, header http.Header)) {
	t.Helper()
	var host, body string
	var header http.Header
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		host, body, header = r.Host, string(text), r.Header.Clone()
		w.Header().Set("x-amzn-RequestId", "from-upstream")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "answer to "+r.Method+" "+r.URL.RequestURI())
	}))
	t.Cleanup(server.Close)
	return server, func() (string, string, http.Header) { return host, body, header }
}

func start(t *testing.T, upstreamURL string) *Front {
	t.Helper()
	return startOptions(t, Options{Upstream: upstreamURL})
}

func sdk(f *Front) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(f.URL()), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "s"}, nil
		}),
	})
}

func TestAnAsynchronousInvocationIsAnsweredAtOnceAndWaitedForAtClose(t *testing.T) {
	server, _ := upstream(t)
	f, err := Start(context.Background(), Options{Upstream: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	function := newInvoker(lambdalocal.Result{}, nil)
	function.got = make(chan lambdalocal.Invocation) // nobody takes it yet
	f.Serve(Function{Name: "orders", Invoker: function})
	out, err := sdk(f).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("orders"), InvocationType: types.InvocationTypeEvent})
	if err != nil || out.StatusCode != http.StatusAccepted {
		t.Fatalf("got %d, %v", out.StatusCode, err)
	}
	closed := make(chan error, 1)
	go func() { closed <- f.Close(context.Background()) }()
	if in := <-function.got; in.RequestID == "" {
		t.Error("the function got no request id")
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestProxyMode(t *testing.T) {
	tests := []struct {
		name       string
		result     lambdalocal.Result
		err        error
		wantStatus int
		wantBody   string
	}{
		{"a response", lambdalocal.Result{Payload: []byte(`"fine"`)}, nil, http.StatusOK, `"fine"`},
		{"an error", lambdalocal.Result{Payload: []byte(`{"errorType":"Boom"}`), FunctionError: "Unhandled"}, nil, http.StatusInternalServerError, `{"errorType":"Boom"}`},
		{"what could not be run", lambdalocal.Result{}, errors.New("no runtime"), http.StatusBadGateway, "no runtime\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, _ := upstream(t)
			f := start(t, server.URL)
			function := newInvoker(test.result, test.err)
			f.Serve(Function{Name: "orders", Invoker: function})
			request, _ := http.NewRequest(http.MethodPost, f.ProxyURL("orders")+"?timeout=15s", strings.NewReader(`{"Records":[]}`))
			request.Header.Set("X-Amzn-Lambda-Request-Id", "r-1")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != test.wantStatus || string(body) != test.wantBody {
				t.Errorf("got %d %q", response.StatusCode, body)
			}
			if in := <-function.got; in.RequestID != "r-1" || string(in.Payload) != `{"Records":[]}` {
				t.Errorf("the function got %+v", in)
			}
		})
	}
}

func TestTraceOfEvent(t *testing.T) {
	tests := []struct{ name, event, want string }{
		{"a function URL's", `{"headers":{"x-amzn-trace-id":"Root=1-5759e988-bd862e3fe1be46a994272793"}}`, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent="},
		{"in capitals, with a parent", `{"headers":{"X-Amzn-Trace-Id":"Self=1;Root=1-a-b;Parent=old"}}`, "Root=1-a-b;Parent="},
		{"none", `{"headers":{}}`, ""},
		{"no root", `{"headers":{"x-amzn-trace-id":"Sampled=1"}}`, ""},
		{"headers of another kind", `{"headers":["a"]}`, ""},
		{"not an object", `"text"`, ""},
		{"not JSON", `{`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := traceOfEvent([]byte(test.event), "arn:x")
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got != "" && (!strings.Contains(got, ";Sampled=0;Lineage=") || strings.Contains(got, "old")) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestEverythingElseIsPassedOn(t *testing.T) {
	server, got := upstream(t)
	f := start(t, server.URL)
	request, _ := http.NewRequest(http.MethodPut, f.URL()+"/bucket/key%2Fwith?a=b%20c", strings.NewReader("body"))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 x")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if string(answer) != "answer to PUT /bucket/key%2Fwith?a=b%20c" || response.StatusCode != http.StatusTeapot || response.Header.Get("X-Amzn-Requestid") != "from-upstream" {
		t.Errorf("got %s %q", response.Status, answer)
	}
	host, body, header := got()
	if body != "body" || header.Get("Authorization") == "" || host != strings.TrimPrefix(f.URL(), "http://") {
		t.Errorf("upstream got host %q, body %q, header %v", host, body, header)
	}
}

// sqsEvent is an event as MiniStack writes it.
func sqsEvent(records ...string) string {
	return `{"Records": [` + strings.Join(records, ", ") + `]}`
}

func sqsRecord(id, attributes string) string {
	// The body tries to look like a record.
	body, _ := json.Marshal(`{"messageId": "` + id + `", "attributes": {"SentTimestamp": "1"}}`)
	return `{"messageId": "` + id + `", "body": ` + string(body) + `, "attributes": ` + attributes + `, "eventSource": "aws:sqs"}`
}

func TestSQSHandsTheTraceHeaderOn(t *testing.T) {
	const (
		trace = "Root=1-a-b;Parent=c;Sampled=0"
		plain = `{"SentTimestamp": "1"}`
		mine  = `{"AWSTraceHeader": "` + trace + `", "SentTimestamp": "1"}`
		own   = `{"AWSTraceHeader": "Root=own"}`
	)
	tests := []struct{ name, target, trace, answer, event, want string }{
		{"one message", "AmazonSQS.SendMessage", trace, `{"MessageId":"m-1"}`, sqsEvent(sqsRecord("m-1", plain)), sqsEvent(sqsRecord("m-1", mine))},
		{"a batch, of which one arrives with another's", "AmazonSQS.SendMessageBatch", trace, `{"Successful":[{"Id":"0","MessageId":"m-1"},{"Id":"1","MessageId":"m-2"}]}`,
			sqsEvent(sqsRecord("m-2", plain), sqsRecord("m-3", plain)), sqsEvent(sqsRecord("m-2", mine), sqsRecord("m-3", plain))},
		{"a message that has one", "AmazonSQS.SendMessage", trace, `{"MessageId":"m-1"}`, sqsEvent(sqsRecord("m-1", own)), sqsEvent(sqsRecord("m-1", own))},
		{"no header", "AmazonSQS.SendMessage", "", `{"MessageId":"m-1"}`, sqsEvent(sqsRecord("m-1", plain)), sqsEvent(sqsRecord("m-1", plain))},
		{"another action", "AmazonSQS.ReceiveMessage", trace, `{"MessageId":"m-1"}`, sqsEvent(sqsRecord("m-1", plain)), sqsEvent(sqsRecord("m-1", plain))},
		{"an answer of another kind", "AmazonSQS.SendMessage", trace, `<MessageId>m-1</MessageId>`, sqsEvent(sqsRecord("m-1", plain)), sqsEvent(sqsRecord("m-1", plain))},
		{"an event of another kind", "AmazonSQS.SendMessage", trace, `{"MessageId":"m-1"}`, `{"Records": "none"}`, `{"Records": "none"}`},
		{"a record of another kind", "AmazonSQS.SendMessage", trace, `{"MessageId":"m-1"}`, `{"Records": [{"messageId": "m-1", "attributes": []}]}`,
			`{"Records": [{"messageId": "m-1", "attributes": []}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var sent string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				sent = string(body)
				_, _ = io.WriteString(w, test.answer)
			}))
			defer server.Close()
			f := start(t, server.URL)
			function := newInvoker(lambdalocal.Result{}, nil)
			f.Serve(Function{Name: "consumer", Invoker: function})
			const body = `{"QueueUrl":"u","MessageBody":"m"}`
			if answer := post(t, f.URL()+"/", body, map[string]string{"X-Amz-Target": test.target, traceHeader: test.trace}); answer != test.answer {
				t.Errorf("the sender got %s", answer)
			}
			if sent != body {
				t.Errorf("MiniStack got %s", sent)
			}
			post(t, f.ProxyURL("consumer"), test.event, nil)
			if got := string((<-function.got).Payload); got != test.want {
				t.Errorf("the function\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestAMessageThatArrivesBeforeItsAnswerHasItsTrace(t *testing.T) {
	var f *Front
	arrived := make(chan string, 1)
	function := newInvoker(lambdalocal.Result{}, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		go func() {
			post(t, f.ProxyURL("consumer"), sqsEvent(sqsRecord("m-1", `{"SentTimestamp": "1"}`)), nil)
			arrived <- string((<-function.got).Payload)
		}()
		_, _ = io.WriteString(w, `{"MessageId":"m-1"}`)
	}))
	defer server.Close()
	f = start(t, server.URL)
	f.Serve(Function{Name: "consumer", Invoker: function})
	post(t, f.URL()+"/", `{}`, map[string]string{"X-Amz-Target": "AmazonSQS.SendMessage", traceHeader: "Root=1-a-b"})
	if event := <-arrived; !strings.Contains(event, `"AWSTraceHeader": "Root=1-a-b"`) {
		t.Errorf("the function got %s", event)
	}
}

func TestTracesOfOldMessagesAreForgotten(t *testing.T) {
	traces := newTraces()
	for i := range rememberedMessages + 5 {
		traces.rememberLocked(strconv.Itoa(i), "Root=1-a-b")
	}
	if len(traces.byID) != rememberedMessages || traces.of("4") != "" || traces.of("5") == "" {
		t.Errorf("%d are remembered", len(traces.byID))
	}
}

func post(t *testing.T, address, body string, header map[string]string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	return string(answer)
}

func TestLocalise(t *testing.T) {
	server, got := upstream(t)
	f := start(t, server.URL)
	const host = "abc123.lambda-url.us-east-1.on.aws"
	local, err := f.Localise("https://" + host + "/pay")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(local, "http://127.0.0.1:") || !strings.HasSuffix(local, "/pay") {
		t.Fatalf("got %q", local)
	}
	response, err := http.Get(local)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if to, _, _ := got(); to != host {
		t.Errorf("upstream was asked for host %q, want %q", to, host)
	}
	tests := []struct{ name, value, want string }{
		{"the same host", "https://" + host + "/ship", strings.TrimSuffix(local, "/pay") + "/ship"},
		{"MiniStack's own", server.URL + "/000000000000/queue", f.URL() + "/000000000000/queue"},
		{"another address", "https://payments.example.com/", "https://payments.example.com/"},
		{"no address", "a-table", "a-table"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := f.Localise(test.value); err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	if api, err := f.Localise("https://x1.execute-api.us-east-1.amazonaws.com"); err != nil || !strings.HasPrefix(api, "http://127.0.0.1:") {
		t.Errorf("an HTTP API: got %q, %v", api, err)
	}
}
