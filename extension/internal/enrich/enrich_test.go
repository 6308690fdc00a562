package enrich

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTriggers(t *testing.T) {
	for _, path := range fixtures(t, "triggers") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			inv := event.Invocation{Event: event.Body{Data: read(t, path)}}
			Apply(&inv)
			golden(t, path, showTrigger(inv.Trigger))
		})
	}
}

func TestCalls(t *testing.T) {
	for _, path := range fixtures(t, "calls") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			inv := event.Invocation{Calls: []event.Call{readCall(t, path)}}
			Apply(&inv)
			golden(t, path, showTarget(inv.Calls[0].Target))
		})
	}
}

// TestTriggersCutAnywhere cuts every fixture at every byte. Whatever is recognised then must be part of what is recognised in the whole.
func TestTriggersCutAnywhere(t *testing.T) {
	for _, path := range fixtures(t, "triggers") {
		whole := read(t, path)
		want := map[event.Key]bool{}
		full := event.Invocation{Event: event.Body{Data: whole}}
		Apply(&full)
		for _, key := range keys(full.Trigger) {
			want[key] = true
		}
		found := 0
		for n := range whole.Len() {
			inv := event.Invocation{Event: event.Body{Data: event.BytesOf(whole.Reveal()[:n]), Truncated: true}}
			Apply(&inv)
			got := keys(inv.Trigger)
			for _, key := range got {
				if !want[key] {
					t.Fatalf("%s cut at %d: %v is not in the whole", path, n, key)
				}
			}
			if len(got) < found {
				t.Fatalf("%s cut at %d: found %d ids, with a byte less %d", path, n, len(got), found)
			}
			found = len(got)
		}
		if found != len(want) && found < len(want)-1 {
			t.Errorf("%s: %d of %d ids found before the last byte", path, found, len(want))
		}
	}
}

func keys(t event.Trigger) []event.Key {
	var keys []event.Key
	for _, m := range t.Messages {
		keys = append(keys, m.Key)
	}
	if t.Upstream != nil {
		keys = append(keys, *t.Upstream)
	}
	return keys
}

func TestTriggersThatAreNone(t *testing.T) {
	const record = `{"messageId":"a","receiptHandle":"r","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:r:1:q"}`
	tests := []struct{ name, event string }{
		{"nothing", ``},
		{"null", `null`},
		{"text", `"hello"`},
		{"number", `42`},
		{"list", `[` + record + `]`},
		{"not JSON", `Records: []`},
		{"binary", "\x00\xff\x1f\x8b"},
		{"no records", `{"Records":[]}`},
		{"records that are no list", `{"Records":{"0":` + record + `}}`},
		{"records that are texts", `{"Records":["aws:sqs","messageId"]}`},
		{"records of nothing", `{"Records":[null,1,{}]}`},
		{"message id that is a number", `{"Records":[{"messageId":7,"receiptHandle":"r","eventSource":"aws:sqs"}]}`},
		{"message id that is an object", `{"Records":[{"messageId":{"a":"b"},"receiptHandle":"r","eventSource":"aws:sqs"}]}`},
		{"empty message id", `{"Records":[{"messageId":"","receiptHandle":"r","eventSource":"aws:sqs"}]}`},
		{"message id of a novel's length", `{"Records":[{"messageId":"` + strings.Repeat("a", 300) + `","receiptHandle":"r","eventSource":"aws:sqs"}]}`},
		{"another source's records", `{"Records":[{"messageId":"a","receiptHandle":"r","eventSource":"aws:kinesis"}]}`},
		{"whole record without a source", `{"Records":[{"messageId":"a","receiptHandle":"r"}]}`},
		{"payload 2.0 without a context", `{"version":"2.0","routeKey":"GET /","rawPath":"/"}`},
		{"payload 2.0 whose context is a text", `{"version":"2.0","requestContext":"http"}`},
		{"payload 2.0 without a method", `{"version":"2.0","requestContext":{"requestId":"a","http":{}}}`},
		{"payload 2.0 whose request id is a number", `{"version":"2.0","requestContext":{"requestId":1,"http":{"method":"GET"}}}`},
		{"version that is a number", `{"version":2.0,"requestContext":{"requestId":"a","http":{"method":"GET"}}}`},
		{"user's own with version 2.0", `{"version":"2.0","method":"GET","requestId":"a"}`},
		{"load balancer whose target group is no ARN", `{"requestContext":{"elb":{"targetGroupArn":"a/b"}},"httpMethod":"GET","path":"/","headers":{}}`},
		{"load balancer with a resource", `{"resource":"/","requestContext":{"requestId":"a","elb":{}},"httpMethod":"GET","path":"/"}`},
		{"web socket without a connection", `{"requestContext":{"requestId":"b","eventType":"MESSAGE","routeKey":"$default"},"body":"{}"}`},
		{"web socket with an event of the user's", `{"requestContext":{"connectionId":"a","requestId":"b","eventType":"SHOUT","routeKey":"$default"},"body":"{}"}`},
		{"topic without a notification", `{"Records":[{"EventSource":"aws:sns","Sns":{"MessageId":"a"}}]}`},
		{"notification of S3 whose request id is a number", `{"Records":[{"eventSource":"aws:s3","responseElements":{"x-amz-request-id":7},"s3":{"bucket":{"name":"b"}}}]}`},
		{"bus without an account", `{"id":"a","detail-type":"t","source":"s","region":"r","detail":{}}`},
		{"bus whose id is a number", `{"id":1,"detail-type":"t","source":"s","account":"1","region":"r","detail":{}}`},
		{"stream of no shard", `{"Records":[{"eventSource":"aws:kinesis","eventID":"1:2","eventSourceARN":"arn:aws:kinesis:r:1:stream/s"}]}`},
		{"stream of no name", `{"Records":[{"eventSource":"aws:kinesis","eventID":"shardId-1:2","eventSourceARN":"arn:aws:kinesis:r:1:s"}]}`},
		{"no topic of Kafka", `{"eventSource":"aws:kafka","records":{}}`},
		{"no message of MQ", `{"eventSource":"aws:mq","messages":[]}`},
		{"queues of nothing", `{"eventSource":"aws:rmq","rmqMessagesByQueue":{"q::/":{}}}`},
		{"log of the user's", `{"awslogs":{"lines":["a"]}}`},
		{"pool of the user's", `{"userPoolId":"a","triggerSource":{"a":"b"}}`},
		{"bot of the user's", `{"bot":{"name":"a"}}`},
		{"info of the user's", `{"info":{"fieldName":"a"}}`},
		{"deep", strings.Repeat(`{"Records":[`, 50_000)},
		{"deep and closed", strings.Repeat(`[`, 50_000) + strings.Repeat(`]`, 50_000)},
		{"two documents", `{} ` + `{"Records":[` + record + `]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte(test.event))}}
			Apply(&inv)
			if got := showTrigger(inv.Trigger); got != showTrigger(event.Trigger{}) {
				t.Errorf("recognised as\n%s", got)
			}
		})
	}
}

func TestNestedMessages(t *testing.T) {
	quote := func(s string) string { q, _ := json.Marshal(s); return string(q) }
	sns := func(id, message string) string {
		return fmt.Sprintf(`{"Type":"Notification","MessageId":%s,"TopicArn":"arn:aws:sns:r:1:t","Message":%s}`, id, quote(message))
	}
	tests := []struct {
		name, body string
		want       int // messages beside the queue's own
	}{
		{"the user's text", `hello`, 0},
		{"the user's JSON", `{"Type":"Notification"}`, 0},
		{"not JSON inside", `{"Type":"Notification","MessageId":`, 0},
		{"id that is a number", sns(`7`, ""), 0},
		{"topic that is no ARN", `{"Type":"Notification","MessageId":"a","TopicArn":"t"}`, 0},
		{"a notification", sns(`"a"`, "hello"), 1},
		{"a notification in a notification", sns(`"a"`, sns(`"b"`, "x")), 2},
		{"too deep", sns(`"a"`, sns(`"b"`, sns(`"c"`, sns(`"d"`, sns(`"e"`, "x"))))), maxNesting},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte(`{"Records":[{"messageId":"m","eventSource":"aws:sqs","body":` + quote(test.body) + `}]}`))}}
			Apply(&inv)
			if got := len(inv.Trigger.Messages) - 1; got != test.want {
				t.Errorf("got %d, want %d:\n%s", got, test.want, showTrigger(inv.Trigger))
			}
		})
	}
}

func TestTooWideABatchIsBounded(t *testing.T) {
	record := `{"messageId":"a","eventSource":"aws:sqs"},`
	inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte(`{"Records":[` + strings.Repeat(record, 2*maxMessages)))}}
	Apply(&inv)
	if got := len(inv.Trigger.Messages); got != maxMessages {
		t.Errorf("got %d messages, want %d", got, maxMessages)
	}
}

func TestCallsWithOddParts(t *testing.T) {
	json := []event.Header{{Name: "X-Amz-Target", Value: event.TextOf("AmazonSQS.SendMessage")}}
	tests := []struct {
		name string
		call event.Call
	}{
		{"nothing", event.Call{}},
		{"URL that does not parse", event.Call{URL: event.TextOf("http://[::1/%zz")}},
		{"URL without a host", event.Call{URL: event.TextOf("/a?b=c")}},
		{"scope cut", event.Call{URL: event.TextOf("http://h/"), RequestHeaders: []event.Header{{Name: "Authorization", Value: event.TextOf("AWS4-HMAC-SHA256 Credential=AKIA/2026")}}}},
		{"scope with a hostile name", event.Call{URL: event.TextOf("http://h/"), RequestHeaders: []event.Header{{Name: "Authorization", Value: event.TextOf("AWS4-HMAC-SHA256 Credential=a/b/c/<script>/aws4_request, x")}}}},
		{"another scheme of authorization", event.Call{URL: event.TextOf("http://h/"), RequestHeaders: []event.Header{{Name: "Authorization", Value: event.TextOf("Basic Credential=a/b/c/sqs/aws4_request")}}}},
		{"message id cut", event.Call{URL: event.TextOf("http://h/"), Status: 200, RequestHeaders: json, Response: event.Body{Data: event.BytesOf([]byte(`{"MessageId":"219f8380-57`))}}},
		{"message id in an answer that failed", event.Call{URL: event.TextOf("http://h/"), Status: 500, RequestHeaders: json, Response: event.Body{Data: event.BytesOf([]byte(`{"MessageId":"a"}`))}}},
		{"entries that are texts", event.Call{URL: event.TextOf("http://h/"), Status: 200, RequestHeaders: json, Response: event.Body{Data: event.BytesOf([]byte(`{"Successful":["a",1,{"MessageId":2}]}`))}}},
		{"message id element cut", event.Call{URL: event.TextOf("https://sqs.eu-west-1.amazonaws.com/1/q?Action=SendMessage"), Status: 200, Response: event.Body{Data: event.BytesOf([]byte(`<MessageId>219f83`))}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := event.Invocation{Calls: []event.Call{test.call}}
			Apply(&inv)
			if target := inv.Calls[0].Target; target.Key != nil || len(target.Messages) > 0 || strings.Contains(target.Service, "<") {
				t.Errorf("got\n%s", showTarget(target))
			}
		})
	}
}

func TestReadHost(t *testing.T) {
	tests := map[string]address{
		"sqs.us-east-1.amazonaws.com":                                  {"sqs", "us-east-1"},
		"sqs-fips.us-gov-west-1.amazonaws.com":                         {"sqs", "us-gov-west-1"},
		"sqs.cn-north-1.amazonaws.com.cn":                              {"sqs", "cn-north-1"},
		"sqs.eu-west-1.api.aws":                                        {"sqs", "eu-west-1"},
		"sqs.us-iso-east-1.c2s.ic.gov":                                 {"sqs", "us-iso-east-1"},
		"dynamodb.eusc-de-east-1.amazonaws.eu":                         {"dynamodb", "eusc-de-east-1"},
		"sqs.eusc-de-east-1.api.amazonwebservices.eu":                  {"sqs", "eusc-de-east-1"},
		"sqs.us-isob-east-1.api.aws.scloud":                            {"sqs", "us-isob-east-1"},
		"sqs.us-iso-east-1.api.aws.ic.gov":                             {"sqs", "us-iso-east-1"},
		"sqs.us-isof-south-1.api.aws.hci.ic.gov":                       {"sqs", "us-isof-south-1"},
		"sqs.eu-isoe-west-1.api.cloud-aws.adc-e.uk":                    {"sqs", "eu-isoe-west-1"},
		"queue.amazonaws.com":                                          {"sqs", ""},
		"eu-west-1.queue.amazonaws.com":                                {"sqs", "eu-west-1"},
		"vpce-0a1b-c2.sqs.eu-west-1.vpce.amazonaws.com":                {"sqs", "eu-west-1"},
		"123456789012.ddb.eu-west-1.amazonaws.com":                     {"dynamodb", "eu-west-1"},
		"sts.amazonaws.com":                                            {"sts", ""},
		"s3.amazonaws.com":                                             {"s3", ""},
		"s3-eu-west-1.amazonaws.com":                                   {"s3", "eu-west-1"},
		"b.s3-eu-west-1.amazonaws.com":                                 {"s3", "eu-west-1"},
		"b.s3.dualstack.eu-west-1.amazonaws.com":                       {"s3", "eu-west-1"},
		"b.s3-accelerate.amazonaws.com":                                {"s3", ""},
		"eu-west-1.s3.amazonaws.com":                                   {"s3", ""},
		"ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com":       {"s3", "eu-west-1"},
		"b--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com": {"s3express", "eu-west-1"},
		"b.s3-website-eu-west-1.amazonaws.com":                         {"", ""},
		"x.lambda-url.eu-west-1.on.aws":                                {"", "eu-west-1"},
		"x.execute-api.eu-west-1.amazonaws.com":                        {"", "eu-west-1"},
		"ec2-1-2-3-4.compute-1.amazonaws.com":                          {"", ""},
		"search-x.eu-west-1.es.amazonaws.com":                          {"es", "eu-west-1"},
		"amazonaws.com":                                                {},
		"sqs.us-east-1.amazonaws.com.evil.example":                     {},
		"sqsamazonaws.com":                                             {},
		"localhost":                                                    {},
		"":                                                             {},
	}
	for host, want := range tests {
		if got := readHost(host); got != want {
			t.Errorf("%s: got %v, want %v", host, got, want)
		}
	}
}

// fixtures gives the inputs below testdata. Every one has its golden file beside it.
func fixtures(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in %s: %v", dir, err)
	}
	return paths
}

func read(t testing.TB, path string) event.Bytes {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return event.BytesOf(data)
}

func golden(t *testing.T, fixture, got string) {
	t.Helper()
	path := strings.TrimSuffix(fixture, ".json") + ".golden"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func readCall(t testing.TB, path string) event.Call {
	t.Helper()
	var f struct {
		Method, URL                     string
		Status                          int
		RequestHeaders, ResponseHeaders [][2]string
		Request, Response               string
	}
	if err := json.Unmarshal(read(t, path).Reveal(), &f); err != nil {
		t.Fatal(err)
	}
	headers := func(from [][2]string) (to []event.Header) {
		for _, h := range from {
			to = append(to, event.Header{Name: h[0], Value: event.TextOf(h[1])})
		}
		return to
	}
	return event.Call{
		Method: f.Method, URL: event.TextOf(f.URL), Status: f.Status,
		RequestHeaders: headers(f.RequestHeaders), ResponseHeaders: headers(f.ResponseHeaders),
		Request: event.Body{Data: event.BytesOf([]byte(f.Request))}, Response: event.Body{Data: event.BytesOf([]byte(f.Response))},
	}
}

func showTrigger(t event.Trigger) string {
	var b strings.Builder
	fmt.Fprintf(&b, "source %s\nkind %s\nname %s\nhttp %v\ntrace %s\nupstream %s\n", t.Source, t.Kind, t.Name, t.HTTP, t.Trace, showKey(t.Upstream))
	showParent(&b, t.Parent)
	showAttributes(&b, "", t.Attributes)
	showMessages(&b, t.Messages)
	return b.String()
}

func showTarget(t event.Target) string {
	var b strings.Builder
	fmt.Fprintf(&b, "system %s\nservice %s\noperation %s\nresource %s\nregion %s\nrequest id %s\nfault %s\nkey %s\nbatch %v\n",
		t.System, t.Service, t.Operation, t.Resource, t.Region, t.RequestID, t.Fault, showKey(t.Key), t.Batch)
	showParent(&b, t.Parent)
	showAttributes(&b, "", t.Attributes)
	showMessages(&b, t.Messages)
	return b.String()
}

func showParent(b *strings.Builder, p event.Parent) {
	if p != (event.Parent{}) {
		fmt.Fprintf(b, "traceparent %x-%x\n", p.Trace, p.Span)
	}
}

func showMessages(b *strings.Builder, messages []event.Message) {
	for _, m := range messages {
		fmt.Fprintf(b, "message %s to %s\n", showKey(&m.Key), m.Destination)
		if m.Trace != "" {
			fmt.Fprintf(b, "  trace %s\n", m.Trace)
		}
		showAttributes(b, "  ", m.Attributes)
	}
}

func showAttributes(b *strings.Builder, indent string, attributes []event.Attribute) {
	for _, a := range attributes {
		fmt.Fprintf(b, "%s%s = ", indent, a.Name)
		switch v := a.Value.(type) {
		case event.Text:
			fmt.Fprintf(b, "%q unmasked\n", v.Reveal())
		case []event.Text:
			for _, text := range v {
				fmt.Fprintf(b, "%q ", text.Reveal())
			}
			fmt.Fprintln(b, "unmasked")
		default:
			fmt.Fprintf(b, "%#v\n", v)
		}
	}
}

func showKey(k *event.Key) string {
	if k == nil {
		return "none"
	}
	return k.Space + " " + k.ID
}
