// Package destination sends what became of asynchronous invocations to where a function's settings say: queues, topics,
// event buses and buckets of an AWS-compatible endpoint, through that endpoint's own API.
//
// It takes the endpoint and a report with the ARN of its target. A destination gets Lambda's invocation record, a
// dead-letter queue the event with the error as message attributes. Functions as destinations are somebody else's work.
package destination

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/afterglow-lambda/afterglow/infra/local/queue"
)

const (
	// answerWithin bounds one request.
	answerWithin = 30 * time.Second

	// maxAnswer bounds what is read of an answer: an id, or an error.
	maxAnswer = 64 << 10
)

// Sender sends reports.
type Sender struct {
	URL, Region, AccessKey, SecretKey, SessionToken string

	client *http.Client
}

// New makes a sender for an endpoint. It opens no connection.
func New(address, region, accessKey, secretKey, sessionToken string) *Sender {
	return &Sender{
		URL: strings.TrimSuffix(address, "/"), Region: region, AccessKey: accessKey, SecretKey: secretKey, SessionToken: sessionToken,
		client: &http.Client{Transport: &http.Transport{}, Timeout: answerWithin}, // never through the user's proxy
	}
}

// Close gives connections back.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send sends a report to a target.
func (s *Sender) Send(ctx context.Context, target string, r queue.Report) error {
	// arn:aws:sqs:region:account:name
	parts := strings.SplitN(target, ":", 6)
	if len(parts) < 6 {
		return fmt.Errorf("%q is no ARN", target)
	}
	message, err := r.Record()
	if err != nil {
		return err
	}
	if r.DeadLetter {
		message = r.Invocation.Payload
	}
	switch service, account, name := parts[2], parts[4], parts[5]; {
	case service == "sqs":
		return s.toQueue(ctx, account, name, message, r)
	case service == "sns":
		return s.toTopic(ctx, target, message, r)
	case service == "events" && !r.DeadLetter:
		return s.toBus(ctx, target, message, r)
	case service == "s3" && !r.DeadLetter:
		return s.toBucket(ctx, name, message, r)
	}
	return fmt.Errorf("%s is nothing that Lambda sends to", target)
}

// attribute is a message attribute of SQS's.
type attribute struct {
	DataType    string
	StringValue string
}

// attributes is what a dead-letter queue is told beside the event
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
func attributes(r queue.Report) map[string]attribute {
	if !r.DeadLetter {
		return nil
	}
	all := map[string]attribute{
		"RequestID": {"String", r.RequestID},
		"ErrorCode": {"Number", strconv.Itoa(r.StatusCode())},
	}
	if text := r.ErrorMessage(); text != "" {
		all["ErrorMessage"] = attribute{"String", text}
	}
	return all
}

func (s *Sender) toQueue(ctx context.Context, account, name string, message []byte, r queue.Report) error {
	var found struct{ QueueURL string }
	answer, err := s.json(ctx, "sqs", "AmazonSQS.GetQueueUrl", "application/x-amz-json-1.0", map[string]any{"QueueName": name, "QueueOwnerAWSAccountId": account})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return fmt.Errorf("find queue %s: %w", name, err)
	}
	in := map[string]any{"QueueUrl": found.QueueURL, "MessageBody": string(message)}
	if all := attributes(r); all != nil {
		in["MessageAttributes"] = all
	}
	_, err = s.json(ctx, "sqs", "AmazonSQS.SendMessage", "application/x-amz-json-1.0", in)
	return err
}

func (s *Sender) toTopic(ctx context.Context, arn string, message []byte, r queue.Report) error {
	form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {arn}, "Message": {string(message)}}
	i := 0
	for name, value := range attributes(r) {
		i++
		prefix := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		form.Set(prefix+"Name", name)
		form.Set(prefix+"Value.DataType", value.DataType)
		form.Set(prefix+"Value.StringValue", value.StringValue)
	}
	_, err := s.do(ctx, "sns", http.MethodPost, "/", []byte(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	return err
}

// toBus puts an event as Lambda does
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html: source "lambda", the result in the detail type).
func (s *Sender) toBus(ctx context.Context, arn string, message []byte, r queue.Report) error {
	result := "Failure"
	if r.Condition == queue.Success {
		result = "Success"
	}
	answer, err := s.json(ctx, "events", "AWSEvents.PutEvents", "application/x-amz-json-1.1", map[string]any{"Entries": []any{map[string]any{
		"Source": "lambda", "DetailType": "Lambda Function Invocation Result - " + result, "Detail": string(message),
		"EventBusName": arn, "Resources": []string{arn, queue.QualifiedARN(r.ARN)},
	}}})
	if err != nil {
		return err
	}
	var out struct{ FailedEntryCount int }
	if json.Unmarshal(answer, &out) == nil && out.FailedEntryCount > 0 {
		return fmt.Errorf("put event: %s", answer)
	}
	return nil
}

// toBucket writes an object under the name that Lambda gives it.
func (s *Sender) toBucket(ctx context.Context, bucket string, message []byte, r queue.Report) error {
	function := r.Function
	at := r.Time.UTC()
	path := fmt.Sprintf("/%s/aws/lambda/async/%s/%s/%s-%s", bucket, function, at.Format("2006/01/02"), at.Format("2006-01-02T15.04.05"), r.RequestID)
	_, err := s.do(ctx, "s3", http.MethodPut, path, message, http.Header{"Content-Type": {"application/json"}})
	return err
}

// json speaks AWS's JSON protocols.
func (s *Sender) json(ctx context.Context, service, target, contentType string, in any) ([]byte, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	answer, err := s.do(ctx, service, http.MethodPost, "/", text, http.Header{"Content-Type": {contentType}, "X-Amz-Target": {target}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	return answer, nil
}

// do sends a signed request and gives the answer's body.
func (s *Sender) do(ctx context.Context, service, method, path string, body []byte, header http.Header) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", service, err)
	}
	request.Header = header
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	request.Header.Set("X-Amz-Content-Sha256", digest)
	who := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey, SessionToken: s.SessionToken}
	if err := v4.NewSigner().SignHTTP(ctx, who, request, digest, service, s.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign request to %s: %w", service, err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", service, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", service, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s answers %s: %s", service, response.Status, answer)
	}
	return answer, nil
}
