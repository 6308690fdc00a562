package destination

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/queue"
)

// Sources: the services' API references, and "Capturing records of Lambda asynchronous invocations" for what is sent.
func TestSend(t *testing.T) {
	at := time.Date(2026, 11, 14, 18, 16, 5, 0, time.UTC)
	failed := queue.Report{
		Invocation: queue.Invocation{Function: "orders", ARN: "arn:aws:lambda:us-east-1:000000000000:function:orders", RequestID: "r-1", Payload: []byte(`{"order":1}`)},
		Outcome:    queue.Outcome{Verdict: queue.Failed, Version: "$LATEST", FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)},
		Condition:  queue.RetriesExhausted, Tries: 3, Time: at,
	}
	dead := failed
	dead.DeadLetter = true
	good := failed
	good.Condition = queue.Success
	tests := []struct {
		name, target string
		report       queue.Report
		requests     []string // what each request has to have
		err          string
	}{
		{"a queue", "arn:aws:sqs:us-east-1:000000000000:bad", failed, []string{
			`POST / AmazonSQS.GetQueueUrl us-east-1/sqs {"QueueName":"bad","QueueOwnerAWSAccountId":"000000000000"}`,
			`POST / AmazonSQS.SendMessage us-east-1/sqs {"MessageBody":"{\"version\":\"1.0\",`,
		}, ""},
		{"a dead-letter queue", "arn:aws:sqs:us-east-1:000000000000:bad", dead, []string{
			`POST / AmazonSQS.GetQueueUrl`,
			`{"MessageAttributes":{"ErrorCode":{"DataType":"Number","StringValue":"200"},"ErrorMessage":{"DataType":"String","StringValue":"boom"},` +
				`"RequestID":{"DataType":"String","StringValue":"r-1"}},"MessageBody":"{\"order\":1}","QueueUrl":"http://queue/bad"}`,
		}, ""},
		{"a topic", "arn:aws:sns:us-east-1:000000000000:bad", failed, []string{`/sns Action=Publish&Message={"version":"1.0",`}, ""},
		{"a dead-letter topic", "arn:aws:sns:us-east-1:000000000000:bad", dead, []string{`&Message={"order":1}&MessageAttributes.entry.1.Name=`}, ""},
		{"an event bus", "arn:aws:events:us-east-1:000000000000:event-bus/own", good, []string{
			`"DetailType":"Lambda Function Invocation Result - Success","EventBusName":"arn:aws:events:us-east-1:000000000000:event-bus/own",` +
				`"Resources":["arn:aws:events:us-east-1:000000000000:event-bus/own","arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST"],"Source":"lambda"`,
		}, ""},
		{"a bucket", "arn:aws:s3:::records", failed, []string{`PUT /records/aws/lambda/async/orders/2026/11/14/2026-11-14T18.16.05-r-1  us-east-1/s3 {"version":"1.0"`}, ""},
		{"a queue that is not there", "arn:aws:sqs:us-east-1:000000000000:ghost", failed, []string{"GetQueueUrl"}, "400"},
		{"a bus that refuses", "arn:aws:events:us-east-1:000000000000:event-bus/full", failed, []string{"PutEvents"}, "FailedEntryCount"},
		{"a dead-letter bus", "arn:aws:events:us-east-1:000000000000:event-bus/own", dead, nil, "nothing that Lambda sends to"},
		{"no ARN", "bad", failed, nil, "no ARN"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				text := string(body)
				if strings.Contains(r.Header.Get("Content-Type"), "urlencoded") {
					text, _ = url.QueryUnescape(text)
				}
				_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "/")
				_, scope, _ = strings.Cut(scope, "/")
				scope, _, _ = strings.Cut(scope, "/aws4_request")
				got = append(got, strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("X-Amz-Target"), scope, text}, " "))
				switch {
				case strings.Contains(text, "ghost"):
					w.WriteHeader(http.StatusBadRequest)
				case strings.Contains(text, "/full"):
					_, _ = io.WriteString(w, `{"FailedEntryCount":1}`)
				default:
					_, _ = io.WriteString(w, `{"QueueUrl":"http://queue/bad"}`)
				}
			}))
			defer server.Close()
			s := New(server.URL, "us-east-1", "a", "s", "")
			defer s.Close()
			err := s.Send(context.Background(), test.target, test.report)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got %v, want %q", err, test.err)
			}
			if len(got) != len(test.requests) {
				t.Fatalf("%d requests: %q", len(got), got)
			}
			for i, want := range test.requests {
				if !strings.Contains(got[i], want) {
					t.Errorf("request %d is\n%s\nwant\n%s", i, got[i], want)
				}
			}
		})
	}
}
