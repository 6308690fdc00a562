//go:build linux

package stage

import (
	"fmt"
	"strings"

	"github.com/afterglow-lambda/afterglow/spool"
)

// Event is what a function behind an HTTP API is called with, with the request's id in it.
func Event(id string) []byte {
	return fmt.Appendf(nil, `{"version":"2.0","routeKey":"POST /orders","rawPath":"/orders","rawQueryString":"","headers":{"accept":"application/json","authorization":"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",`+
		`"content-type":"application/json","host":"abc123.execute-api.eu-west-1.amazonaws.com","user-agent":"curl/8.7.1","x-amzn-trace-id":"Root=1-5759e988-bd862e3fe1be46a994272793","x-forwarded-for":"203.0.113.7","x-forwarded-port":"443","x-forwarded-proto":"https"},`+
		`"requestContext":{"accountId":"123456789012","apiId":"abc123","domainName":"abc123.execute-api.eu-west-1.amazonaws.com","domainPrefix":"abc123","http":{"method":"POST","path":"/orders","protocol":"HTTP/1.1","sourceIp":"203.0.113.7","userAgent":"curl/8.7.1"},`+
		`"requestId":"%s","routeKey":"POST /orders","stage":"$default","time":"22/Nov/2026:10:00:00 +0000","timeEpoch":1795341600000},"body":"%s","isBase64Encoded":false}`,
		id, strings.ReplaceAll(string(order(1)), `"`, `\"`))
}

// order is a document of some 500 bytes, with what has to be masked in it.
func order(n int) []byte {
	return fmt.Appendf(nil, `{"orderId":"A-%d","customer":{"id":"c-1029","name":"Ada Lovelace","email":"ada@example.com","password":"hunter2hunter2","address":{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"}},`+
		`"items":[{"sku":"LMN-0042","quantity":2,"price":19.99},{"sku":"XYZ-7001","quantity":1,"price":5.5}],"card_number":"4111111111111111","currency":"GBP","paid":true,"createdAt":"2026-01-02T03:04:05.678Z"}`, n)
}

func orders(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = string(order(i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// A Call is what a hook keeps of an outbound request and its response.
type Call struct {
	Method, URL       string
	Status            int
	Request, Response string
	Headers           [][2]string
	Answered          [][2]string
}

// Calls are ten calls as a function makes them: five to AWS's services, five to others, with bodies from some bytes to 16 KiB and 45 KiB altogether.
func Calls() []Call {
	return []Call{
		aws("dynamodb", "DynamoDB_20120810.PutItem", `{"TableName":"orders","Item":{"id":{"S":"A-1"},"customer":{"M":{"name":{"S":"Ada Lovelace"},"email":{"S":"ada@example.com"},"password":{"S":"hunter2hunter2"}}},`+
			`"items":{"L":[{"M":{"sku":{"S":"LMN-0042"},"quantity":{"N":"2"},"price":{"N":"19.99"}}},{"M":{"sku":{"S":"XYZ-7001"},"quantity":{"N":"1"},"price":{"N":"5.5"}}}]},"total":{"N":"45.48"},"paid":{"BOOL":true}},"ReturnConsumedCapacity":"TOTAL"}`,
			`{"ConsumedCapacity":{"CapacityUnits":1,"TableName":"orders"}}`),
		aws("dynamodb", "DynamoDB_20120810.Query", `{"TableName":"orders","KeyConditionExpression":"customer = :c","ExpressionAttributeValues":{":c":{"S":"c-1029"}},"Limit":20}`,
			`{"Count":20,"Items":[`+strings.Repeat(`{"id":{"S":"A-1"},"customer":{"S":"c-1029"},"total":{"N":"45.48"},"status":{"S":"shipped"},"createdAt":{"S":"2026-01-02T03:04:05.678Z"}},`, 19)+`{"id":{"S":"A-2"}}],"ScannedCount":20}`),
		batch(),
		aws("sns", "", "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Aorders&Message=%7B%22orderId%22%3A%22A-1%22%2C%22password%22%3A%22hunter2%22%7D&Subject=order",
			`<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult><ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata></PublishResponse>`),
		{Method: "GET", URL: "https://orders-bucket.s3.eu-west-1.amazonaws.com/2026/01/02/export.json?x-id=GetObject", Status: 200, Response: orders(20), Headers: signed("s3", ""),
			Answered: [][2]string{{"x-amz-request-id", "79104EXAMPLEB723"}, {"x-amz-id-2", "IOWQ4fDEXAMPLEQM+ey7N9WgVhSnQ6JEXAMPLEZb7hSQDASK+Jd1vEXAMPLEa3Km"}, {"ETag", `"fba9dede5f27731c9771645a39863328"`}, {"Content-Type", "application/json"}, {"Content-Length", "9800"}}},
		rest("POST", "https://payments.example.com/v1/charges?idempotency=A-1", 201, string(order(7)), `{"id":"ch_1029","status":"succeeded","amount":4548,"currency":"gbp","receipt_url":"https://payments.example.com/receipts/ch_1029"}`),
		rest("GET", "https://api.example.com/customers/c-1029/orders?limit=20", 200, "", orders(16)),
		rest("GET", "https://api.example.com/stock/LMN-0042", 200, "", `{"sku":"LMN-0042","stock":12,"warehouse":{"id":"w-1","city":"Leeds"},"updatedAt":"2026-01-02T03:04:05Z"}`),
		rest("PUT", "https://search.example.com/orders/_doc/A-1", 200, string(order(8)), `{"_index":"orders","_id":"A-1","_version":3,"result":"updated","_shards":{"total":2,"successful":2,"failed":0}}`),
		rest("POST", "https://mail.example.com/send", 202, `{"to":"ada@example.com","subject":"Your order A-1","text":"`+strings.Repeat("Thank you for your order. It is on its way and will be with you soon. ", 12)+`"}`, ""),
	}
}

// SmallCalls are ten calls with a few hundred bytes of body each.
func SmallCalls() []Call {
	var calls []Call
	for n := range 5 {
		calls = append(calls,
			aws("dynamodb", "DynamoDB_20120810.GetItem", `{"TableName":"orders","Key":{"id":{"S":"A-1"}}}`, `{"Item":{"id":{"S":"A-1"},"customer":{"S":"c-1029"},"total":{"N":"45.48"},"status":{"S":"shipped"}}}`),
			rest("POST", "https://payments.example.com/v1/charges", 201, string(order(n)), `{"id":"ch_1029","status":"succeeded","amount":4548,"currency":"gbp"}`))
	}
	return calls
}

func signed(service, target string) [][2]string {
	h := [][2]string{
		{"host", service + ".eu-west-1.amazonaws.com"}, {"content-type", "application/x-amz-json-1.0"}, {"user-agent", "aws-sdk-js/3.600.0 ua/2.0 os/linux#5.10 lang/js md/nodejs#22.11.0 api/" + service + "#3.600.0"},
		{"x-amz-date", "20260102T030405Z"}, {"x-amz-security-token", strings.Repeat("IQoJb3JpZ2luX2VjEXAMPLE", 30)}, {"x-amz-content-sha256", strings.Repeat("0a1b2c3d", 8)},
		{"authorization", "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20260102/eu-west-1/" + service + "/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=" + strings.Repeat("5d672d79", 8)},
		{"amz-sdk-invocation-id", "c5a3a3ee-8b9f-4a1e-a1d8-0d0f6e7a2f10"}, {"amz-sdk-request", "attempt=1; max=3"},
	}
	if target != "" {
		h = append(h, [2]string{"x-amz-target", target})
	}
	return h
}

func aws(service, target, request, response string) Call {
	return Call{Method: "POST", URL: "https://" + service + ".eu-west-1.amazonaws.com/", Status: 200, Request: request, Response: response, Headers: signed(service, target),
		Answered: [][2]string{{"x-amzn-requestid", "f1d2d2f9-24e9-86ac-886f-dfd50b3b0d57"}, {"content-type", "application/x-amz-json-1.0"}, {"date", "Fri, 02 Jan 2026 03:04:05 GMT"}, {"x-amz-crc32", "2745614147"}}}
}

// batch sends ten messages of JSON in strings of JSON.
func batch() Call {
	var entries, results []string
	for n := range 10 {
		entries = append(entries, fmt.Sprintf(`{"Id":"%d","MessageBody":"%s","MessageAttributes":{"kind":{"DataType":"String","StringValue":"order"}}}`, n, strings.ReplaceAll(string(order(n)), `"`, `\"`)))
		results = append(results, fmt.Sprintf(`{"Id":"%d","MessageId":"219f8380-5770-4cc2-8c3e-5c715e145f%02d","MD5OfMessageBody":"fafb00f5732ab283681e124bf8747ed1"}`, n, n))
	}
	return aws("sqs", "AmazonSQS.SendMessageBatch", `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/orders","Entries":[`+strings.Join(entries, ",")+`]}`, `{"Successful":[`+strings.Join(results, ",")+`]}`)
}

func rest(method, url string, status int, request, response string) Call {
	return Call{Method: method, URL: url, Status: status, Request: request, Response: response,
		Headers:  [][2]string{{"accept", "application/json"}, {"content-type", "application/json"}, {"authorization", "Bearer 0123456789abcdef0123456789abcdef"}, {"user-agent", "axios/1.7.2"}, {"accept-encoding", "gzip, compress, deflate, br"}},
		Answered: [][2]string{{"content-type", "application/json; charset=utf-8"}, {"date", "Fri, 02 Jan 2026 03:04:05 GMT"}, {"server", "nginx"}, {"x-request-id", "7e1c9d7a"}, {"set-cookie", "session=abcdef0123456789; Path=/; HttpOnly; Secure"}}}
}

// part cuts a body as hooks do.
func part(of, body string, most int) (spool.Part, []byte) {
	size := int64(len(body))
	p := spool.Part{Of: of, Size: &size, Truncated: len(body) > most}
	return p, []byte(body[:min(len(body), most)])
}
