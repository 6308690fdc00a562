package cloud

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestTriggers: every trigger of the local AWS reaches a function that runs here with its layer, extension and wrapper; the
// event has AWS's shape and the ids that the producer was told; answers and errors go back as on AWS.
func TestTriggers(t *testing.T) {
	s := newTriggers(t)
	scheduled := s.schedule(t) // it takes a minute: the others go on meanwhile
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Invoke", s.testInvoke},
		{"SQS", s.testSQS},
		{"SQS, dead letters", s.testSQSDeadLetters},
		{"SNS", s.testSNS},
		{"S3", s.testS3},
		{"DynamoDB", s.testDynamoDB},
		{"Kinesis", s.testKinesis},
		{"EventBridge", s.testEventBridge},
		{"Step Functions", s.testStepFunctions},
		{"CloudWatch Logs", s.testLogs},
		{"function URL", s.testFunctionURL},
		{"function URL, streamed", s.testStream},
		{"REST API", s.testRESTAPI},
		{"HTTP API", s.testHTTPAPI},
		{"destinations", s.testDestinations},
		{"reserved concurrency", s.testConcurrency},
		{"schedule", scheduled},
	} {
		t.Run(test.name, test.run)
	}
}

func (s *triggers) testInvoke(t *testing.T) {
	response, body := s.send(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/invocations", []byte(`{"direct":1}`),
		map[string]string{"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"})
	g := s.wait(t, `"direct": 1`, 1)[0]
	if string(body) != `{"fine": true}` || g.RequestID != response.Header.Get("X-Amzn-Requestid") || !strings.Contains(g.Trace, "Root=1-5759e988-bd862e3fe1be46a994272793;") {
		t.Errorf("got %s for %+v", body, g)
	}
	t.Run("from a function", func(t *testing.T) {
		_, body := s.send(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/invocations", []byte(`{"invoke":"probe"}`), nil)
		caller, called := s.wait(t, `"invoke": "probe"`, 1)[0], s.wait(t, `"called": true`, 1)[0]
		var answer struct{ RequestID string }
		if err := json.Unmarshal(body, &answer); err != nil || answer.RequestID != called.RequestID {
			t.Errorf("the caller knows %s (%v), the called function %s", body, err, called.RequestID)
		}
		if root, _, _ := strings.Cut(caller.Trace, ";"); !strings.HasPrefix(called.Trace, root+";") {
			t.Errorf("the caller's trace is %s, the other's %s", caller.Trace, called.Trace)
		}
	})
	t.Run("asynchronous", func(t *testing.T) {
		response, _ := s.send(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/invocations", []byte(`{"later":1}`), map[string]string{"X-Amz-Invocation-Type": "Event"})
		if g := s.wait(t, `"later": 1`, 1)[0]; response.StatusCode != http.StatusAccepted || g.RequestID != response.Header.Get("X-Amzn-Requestid") {
			t.Errorf("answered %s with id %q, the function's is %q", response.Status, response.Header.Get("X-Amzn-Requestid"), g.RequestID)
		}
	})
}

// queue makes a queue and gives its address and ARN.
func (s *triggers) queue(t *testing.T, name string, attributes map[string]string) (address, arn string) {
	t.Helper()
	out := s.call(t, "sqs", http.MethodPost, "AmazonSQS.CreateQueue", map[string]any{"QueueName": name, "Attributes": attributes})
	return out["QueueUrl"].(string), "arn:aws:sqs:" + region + ":" + account + ":" + name
}

func (s *triggers) sendMessage(t *testing.T, queue, body string) string {
	t.Helper()
	out := s.call(t, "sqs", http.MethodPost, "AmazonSQS.SendMessage", map[string]any{"QueueUrl": queue, "MessageBody": body})
	return out["MessageId"].(string)
}

// receive waits for a message.
func (s *triggers) receive(t *testing.T, queue string) json.RawMessage {
	t.Helper()
	var message json.RawMessage
	s.eventually(t, eventBound, "a message in "+queue, func() bool {
		_, text := s.send(t, "sqs", http.MethodPost, "AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": queue, "MessageAttributeNames": []string{"All"}}, nil)
		var out struct{ Messages []json.RawMessage }
		if json.Unmarshal(text, &out) != nil || len(out.Messages) == 0 {
			return false
		}
		message = out.Messages[0]
		return true
	})
	return message
}

// mapping has a source's events go to the function, until the test ends.
func (s *triggers) mapping(t *testing.T, source string, more map[string]any) {
	t.Helper()
	in := map[string]any{"FunctionName": "probe", "EventSourceArn": source}
	for name, value := range more {
		in[name] = value
	}
	s.call(t, "lambda", http.MethodPost, "/2015-03-31/event-source-mappings/", in)
}

func (s *triggers) testSQS(t *testing.T) {
	queue, arn := s.queue(t, "orders", map[string]string{"VisibilityTimeout": "1"})
	const trace = "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad8;Sampled=1"
	_, text := s.send(t, "sqs", http.MethodPost, "AmazonSQS.SendMessageBatch", map[string]any{"QueueUrl": queue, "Entries": []any{
		map[string]any{"Id": "a", "MessageBody": "sqs-batch one", "MessageAttributes": map[string]any{"kind": map[string]any{"DataType": "String", "StringValue": "x"}}},
		map[string]any{"Id": "b", "MessageBody": "sqs-batch two"},
	}}, map[string]string{"X-Amzn-Trace-Id": trace})
	var sent struct{ Successful []struct{ MessageID string } }
	if err := json.Unmarshal(text, &sent); err != nil || len(sent.Successful) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	s.mapping(t, arn, map[string]any{"BatchSize": 2, "FunctionResponseTypes": []string{"ReportBatchItemFailures"}})
	s.wait(t, "sqs-batch", 1)[0].has(t, map[string]any{
		"Records.0.eventSource": "aws:sqs", "Records.0.eventSourceARN": arn, "Records.0.awsRegion": region, "Records.0.body": "sqs-batch one",
		"Records.0.messageId": sent.Successful[0].MessageID, "Records.1.messageId": sent.Successful[1].MessageID,
		"Records.0.attributes.ApproximateReceiveCount": "1", "Records.0.attributes.AWSTraceHeader": trace, "Records.1.attributes.AWSTraceHeader": trace,
		"Records.0.messageAttributes.kind.stringValue": "x",
	})
	t.Run("an error brings the message again", func(t *testing.T) {
		id := s.sendMessage(t, queue, "FAIL-ONCE")
		tries := s.wait(t, "FAIL-ONCE", 2)
		tries[1].has(t, map[string]any{"Records.0.messageId": id, "Records.0.attributes.ApproximateReceiveCount": "2"})
		if tries[0].RequestID == tries[1].RequestID {
			t.Error("a new batch is a new invocation, and has a new id")
		}
	})
	t.Run("a part of a batch comes again", func(t *testing.T) {
		s.call(t, "sqs", http.MethodPost, "AmazonSQS.SendMessageBatch", map[string]any{"QueueUrl": queue, "Entries": []any{
			map[string]any{"Id": "a", "MessageBody": "PARTLY"}, map[string]any{"Id": "b", "MessageBody": "the other one"},
		}})
		again := s.wait(t, `"body": "PARTLY"`, 2)[1]
		again.has(t, map[string]any{"Records.0.body": "PARTLY", "Records.0.attributes.ApproximateReceiveCount": "2", "Records.1": nil})
	})
}

func (s *triggers) testSQSDeadLetters(t *testing.T) {
	dead, deadARN := s.queue(t, "dead", nil)
	queue, arn := s.queue(t, "doomed", map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":"2"}`})
	s.mapping(t, arn, nil)
	id := s.sendMessage(t, queue, "sqs-doomed FAIL-ALWAYS")
	message := s.receive(t, dead)
	if at(t, message, "MessageId") != id || at(t, message, "Body") != "sqs-doomed FAIL-ALWAYS" {
		t.Errorf("got %s, want message %s", message, id)
	}
	if tries := s.wait(t, "sqs-doomed", 2); len(tries) != 2 {
		t.Errorf("tried %d times", len(tries))
	}
}

// retried checks that a failing event was tried three times under one id, as an asynchronous one.
func (s *triggers) retried(t *testing.T, text string) []got {
	t.Helper()
	tries := s.wait(t, text, 3)
	for _, g := range tries {
		if g.RequestID != tries[0].RequestID || g.Trace != tries[0].Trace || len(tries) != 3 {
			t.Errorf("%d tries, with ids %s and %s and traces %s and %s", len(tries), tries[0].RequestID, g.RequestID, tries[0].Trace, g.Trace)
		}
	}
	return tries
}

func (s *triggers) testSNS(t *testing.T) {
	topic := between(s.call(t, "sns", http.MethodPost, "CreateTopic", url.Values{"Action": {"CreateTopic"}, "Name": {"orders"}}), "<TopicArn>", "</TopicArn>")
	s.call(t, "sns", http.MethodPost, "Subscribe", url.Values{"Action": {"Subscribe"}, "TopicArn": {topic}, "Protocol": {"lambda"}, "Endpoint": {lambdaARN("probe")}})
	publish := func(text string) string {
		return between(s.call(t, "sns", http.MethodPost, "Publish", url.Values{"Action": {"Publish"}, "TopicArn": {topic}, "Message": {text}, "Subject": {"news"}}), "<MessageId>", "</MessageId>")
	}
	id := publish("sns-fine")
	s.wait(t, "sns-fine", 1)[0].has(t, map[string]any{
		"Records.0.EventSource": "aws:sns", "Records.0.EventVersion": "1.0", "Records.0.Sns.MessageId": id, "Records.0.Sns.TopicArn": topic,
		"Records.0.Sns.Message": "sns-fine", "Records.0.Sns.Subject": "news", "Records.0.Sns.Type": "Notification",
	})
	publish("sns FAIL-ALWAYS")
	s.retried(t, "sns FAIL-ALWAYS")
}

func between(out map[string]any, before, after string) string {
	text, _ := out["text"].(string)
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func (s *triggers) testS3(t *testing.T) {
	s.send(t, "s3", http.MethodPut, "/bucket", nil, nil)
	s.send(t, "s3", http.MethodPut, "/bucket?notification", []byte(`<NotificationConfiguration><CloudFunctionConfiguration><Id>made</Id><CloudFunction>`+
		lambdaARN("probe")+`</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>`), nil)
	response, _ := s.send(t, "s3", http.MethodPut, "/bucket/s3-key", []byte("content"), nil)
	s.wait(t, "s3-key", 1)[0].has(t, map[string]any{
		"Records.0.eventSource": "aws:s3", "Records.0.eventName": "ObjectCreated:Put", "Records.0.awsRegion": region, "Records.0.s3.bucket.name": "bucket",
		"Records.0.s3.object.key": "s3-key", "Records.0.s3.object.size": 7.0, "Records.0.s3.object.eTag": strings.Trim(response.Header.Get("ETag"), `"`),
	})
	s.send(t, "s3", http.MethodPut, "/bucket/s3-FAIL-ALWAYS", []byte("content"), nil)
	s.retried(t, "s3-FAIL-ALWAYS")
}

func (s *triggers) testDynamoDB(t *testing.T) {
	out := s.call(t, "dynamodb", http.MethodPost, "DynamoDB_20120810.CreateTable", map[string]any{
		"TableName": "orders", "BillingMode": "PAY_PER_REQUEST", "KeySchema": []any{map[string]any{"AttributeName": "id", "KeyType": "HASH"}},
		"AttributeDefinitions": []any{map[string]any{"AttributeName": "id", "AttributeType": "S"}},
		"StreamSpecification":  map[string]any{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
	})
	stream := out["TableDescription"].(map[string]any)["LatestStreamArn"].(string)
	s.mapping(t, stream, map[string]any{"StartingPosition": "TRIM_HORIZON"})
	s.call(t, "dynamodb", http.MethodPost, "DynamoDB_20120810.PutItem", map[string]any{"TableName": "orders", "Item": map[string]any{"id": map[string]any{"S": "ddb-1"}}})
	s.wait(t, "ddb-1", 1)[0].has(t, map[string]any{
		"Records.0.eventSource": "aws:dynamodb", "Records.0.eventName": "INSERT", "Records.0.eventSourceARN": stream, "Records.0.awsRegion": region,
		"Records.0.dynamodb.Keys.id.S": "ddb-1", "Records.0.dynamodb.NewImage.id.S": "ddb-1", "Records.0.dynamodb.StreamViewType": "NEW_AND_OLD_IMAGES",
	})
}

func (s *triggers) testKinesis(t *testing.T) {
	s.call(t, "kinesis", http.MethodPost, "Kinesis_20131202.CreateStream", map[string]any{"StreamName": "orders", "ShardCount": 1})
	arn := "arn:aws:kinesis:" + region + ":" + account + ":stream/orders"
	s.eventually(t, eventBound, "the stream is active", func() bool {
		out := s.call(t, "kinesis", http.MethodPost, "Kinesis_20131202.DescribeStreamSummary", map[string]any{"StreamName": "orders"})
		return out["StreamDescriptionSummary"].(map[string]any)["StreamStatus"] == "ACTIVE"
	})
	s.mapping(t, arn, map[string]any{"StartingPosition": "TRIM_HORIZON"})
	data := base64.StdEncoding.EncodeToString([]byte("kinesis-1"))
	out := s.call(t, "kinesis", http.MethodPost, "Kinesis_20131202.PutRecord", map[string]any{"StreamName": "orders", "PartitionKey": "p", "Data": data})
	s.wait(t, data, 1)[0].has(t, map[string]any{
		"Records.0.eventSource": "aws:kinesis", "Records.0.eventName": "aws:kinesis:record", "Records.0.eventSourceARN": arn,
		"Records.0.eventID": out["ShardId"].(string) + ":" + out["SequenceNumber"].(string), "Records.0.kinesis.partitionKey": "p", "Records.0.kinesis.data": data,
		"Records.0.kinesis.sequenceNumber": out["SequenceNumber"],
	})
}

// rule makes a rule whose target is the function, which its policy lets in as the CDK has it.
func (s *triggers) rule(t *testing.T, name string, more map[string]any) {
	t.Helper()
	more["Name"] = name
	s.call(t, "events", http.MethodPost, "AWSEvents.PutRule", more)
	s.call(t, "events", http.MethodPost, "AWSEvents.PutTargets", map[string]any{"Rule": name, "Targets": []any{map[string]any{"Id": "1", "Arn": lambdaARN("probe")}}})
	s.call(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/policy", map[string]any{
		"StatementId": name, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": "arn:aws:events:" + region + ":" + account + ":rule/" + name,
	})
}

func (s *triggers) testEventBridge(t *testing.T) {
	s.rule(t, "orders", map[string]any{"EventPattern": `{"source":["shop"]}`})
	put := func(detail string) string {
		out := s.call(t, "events", http.MethodPost, "AWSEvents.PutEvents", map[string]any{"Entries": []any{map[string]any{"Source": "shop", "DetailType": "order", "Detail": detail}}})
		return out["Entries"].([]any)[0].(map[string]any)["EventId"].(string)
	}
	id := put(`{"key":"bridge-fine"}`)
	s.wait(t, "bridge-fine", 1)[0].has(t, map[string]any{
		"version": "0", "id": id, "source": "shop", "detail-type": "order", "account": account, "region": region, "detail.key": "bridge-fine",
	})
	put(`{"key":"bridge FAIL-ALWAYS"}`)
	s.retried(t, "bridge FAIL-ALWAYS")
}

// schedule makes a rule that fires once a minute, and gives the test that waits for it.
func (s *triggers) schedule(t *testing.T) func(*testing.T) {
	t.Helper()
	s.rule(t, "minute", map[string]any{"ScheduleExpression": "rate(1 minute)"})
	return func(t *testing.T) {
		s.eventually(t, scheduleBound, "the rule fires", func() bool { return len(s.invocations("Scheduled Event")) > 0 })
		s.wait(t, "Scheduled Event", 1)[0].has(t, map[string]any{
			"source": "aws.events", "detail-type": "Scheduled Event", "resources.0": "arn:aws:events:" + region + ":" + account + ":rule/minute",
		})
		s.call(t, "events", http.MethodPost, "AWSEvents.DisableRule", map[string]any{"Name": "minute"})
	}
}

func (s *triggers) testStepFunctions(t *testing.T) {
	tests := []struct{ name, task, input, status, output string }{
		{"lambda:invoke", `"Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"` + lambdaARN("probe") + `","Payload.$":"$"},"OutputPath":"$.Payload"`, `{"key":"steps-invoke"}`, "SUCCEEDED", `"fine":true`},
		{"the function's ARN", `"Resource":"` + lambdaARN("probe") + `"`, `{"key":"steps-arn"}`, "SUCCEEDED", `"fine":true`},
		{"an alias", `"Resource":"` + lambdaARN("probe") + `:live"`, `{"key":"steps-alias"}`, "SUCCEEDED", `"fine":true`},
		{"an error", `"Resource":"` + lambdaARN("probe") + `"`, `{"key":"steps FAIL-ALWAYS"}`, "FAILED", ``},
		{"an event of EventBridge, handed on", `"Resource":"` + lambdaARN("probe") + `"`,
			`{"id":"e-1","source":"shop","detail-type":"order","detail":{"key":"steps-bridge"}}`, "SUCCEEDED", `"fine":true`},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			machine := s.call(t, "states", http.MethodPost, "AWSStepFunctions.CreateStateMachine", map[string]any{
				"name": "machine-" + string(rune('a'+i)), "roleArn": role, "definition": `{"StartAt":"T","States":{"T":{"Type":"Task",` + test.task + `,"End":true}}}`,
			})
			execution := s.call(t, "states", http.MethodPost, "AWSStepFunctions.StartExecution", map[string]any{"stateMachineArn": machine["stateMachineArn"], "input": test.input})
			var out map[string]any
			s.eventually(t, eventBound, "the execution ends", func() bool {
				out = s.call(t, "states", http.MethodPost, "AWSStepFunctions.DescribeExecution", map[string]any{"executionArn": execution["executionArn"]})
				return out["status"] != "RUNNING"
			})
			text, _ := out["output"].(string)
			if out["status"] != test.status || !strings.Contains(strings.ReplaceAll(text, " ", ""), test.output) {
				t.Errorf("got %v", out)
			}
			if test.status == "FAILED" && (out["error"] != "ValueError" || !strings.Contains(out["cause"].(string), "told to fail")) {
				t.Errorf("the error is %v: %v", out["error"], out["cause"])
			}
			_, key, _ := strings.Cut(test.input, `"key":"`)
			key, _, _ = strings.Cut(key, `"`)
			tries := s.wait(t, key, 1)
			if len(tries) != 1 {
				t.Errorf("tried %d times: a task's retries are the state machine's", len(tries))
			}
			if version := strings.HasSuffix(tries[0].ARN, ":1"); version != (test.name == "an alias") {
				t.Errorf("it was invoked as %s", tries[0].ARN)
			}
		})
	}
}

func (s *triggers) testLogs(t *testing.T) {
	call := func(action string, in map[string]any) {
		s.call(t, "logs", http.MethodPost, "Logs_20140328."+action, in)
	}
	call("CreateLogGroup", map[string]any{"logGroupName": "shop"})
	call("CreateLogStream", map[string]any{"logGroupName": "shop", "logStreamName": "one"})
	call("PutSubscriptionFilter", map[string]any{"logGroupName": "shop", "filterName": "all", "filterPattern": "", "destinationArn": lambdaARN("probe")})
	call("PutLogEvents", map[string]any{"logGroupName": "shop", "logStreamName": "one", "logEvents": []any{map[string]any{"timestamp": 1_790_000_000_000, "message": "a line"}}})
	if data, _ := at(t, s.wait(t, "awslogs", 1)[0].Event, "awslogs.data").(string); data == "" {
		t.Error("there is no data")
	}
}
