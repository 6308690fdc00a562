package cloud

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// get asks an address; nobody else's host name has to be known for that.
func get(t *testing.T, method, address, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// functionURL makes one, and gives the address that leads there on this machine.
func (s *triggers) functionURL(t *testing.T, function, mode string) (address, host string) {
	t.Helper()
	out := s.call(t, "lambda", http.MethodPost, "/2021-10-31/functions/"+function+"/url", map[string]any{"AuthType": "NONE", "InvokeMode": mode})
	aws := out["FunctionUrl"].(string)
	local, err := s.front.Localise(aws)
	if err != nil {
		t.Fatal(err)
	}
	return local, strings.Trim(strings.TrimPrefix(aws, "https://"), "/")
}

func (s *triggers) testFunctionURL(t *testing.T) {
	address, host := s.functionURL(t, "probe", "BUFFERED")
	response, body := get(t, http.MethodPost, address+"url/fine?a=1&a=2", "a body", http.Header{"Content-Type": {"text/plain"}, "Cookie": {"c=1; d=2"}})
	if response.StatusCode != http.StatusCreated || body != "made" || response.Header.Get("X-Own") != "a" || response.Header.Get("Content-Type") != "text/plain" ||
		strings.Join(response.Header.Values("Set-Cookie"), "|") != "a=1; Secure|b=2" {
		t.Errorf("got %s %v %q", response.Status, response.Header, body)
	}
	g := s.wait(t, "/url/fine", 1)[0]
	g.has(t, map[string]any{
		"version": "2.0", "rawPath": "/url/fine", "rawQueryString": "a=1&a=2", "queryStringParameters.a": "1,2", "cookies.0": "c=1", "cookies.1": "d=2", "body": "a body",
		"isBase64Encoded": false, "requestContext.domainName": host, "requestContext.http.method": "POST", "requestContext.accountId": "anonymous",
		"requestContext.requestId": response.Header.Get("X-Amzn-Requestid"),
	})
	if trace := at(t, g.Event, "headers.x-amzn-trace-id").(string); !strings.HasPrefix(g.Trace, trace+";") || !strings.HasPrefix(response.Header.Get("X-Amzn-Trace-Id"), trace+";") {
		t.Errorf("the event's trace is %s, the function's %s, the client's %s", trace, g.Trace, response.Header.Get("X-Amzn-Trace-Id"))
	}
	response, body = get(t, http.MethodGet, address+"url/FAIL-ALWAYS", "", nil)
	if response.StatusCode != http.StatusBadGateway || body != "Internal Server Error" {
		t.Errorf("an error is answered with %s: %s", response.Status, body)
	}
	s.isTold(t, "function URL of probe", "url/told")
}

func (s *triggers) testStream(t *testing.T) {
	address, _ := s.functionURL(t, "stream", "RESPONSE_STREAM")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"etc/hostname", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || string(text) != "one two" || response.StatusCode != http.StatusNonAuthoritativeInfo || response.Header.Get("X-Own") != "a" ||
		response.Header.Get("Content-Type") != "text/plain" || response.Header.Get("Set-Cookie") != "a=1" || response.ContentLength != -1 {
		t.Errorf("got %s %v %q (%v)", response.Status, response.Header, text, err)
	}
}

func (s *triggers) testRESTAPI(t *testing.T) {
	api := s.call(t, "apigateway", http.MethodPost, "/restapis", map[string]any{"name": "shop"})["id"].(string)
	resources := s.call(t, "apigateway", http.MethodGet, "/restapis/"+api+"/resources", nil)
	var root string
	for _, key := range []string{"item", "items"} {
		if items, ok := resources[key].([]any); ok && len(items) > 0 {
			root = items[0].(map[string]any)["id"].(string)
		}
	}
	resource := s.call(t, "apigateway", http.MethodPost, "/restapis/"+api+"/resources/"+root, map[string]any{"pathPart": "{proxy+}"})["id"].(string)
	method := "/restapis/" + api + "/resources/" + resource + "/methods/ANY"
	s.call(t, "apigateway", http.MethodPut, method, map[string]any{"authorizationType": "NONE"})
	s.call(t, "apigateway", http.MethodPut, method+"/integration", map[string]any{
		"type": "AWS_PROXY", "httpMethod": "POST", "uri": "arn:aws:apigateway:" + region + ":lambda:path/2015-03-31/functions/" + lambdaARN("probe") + "/invocations",
	})
	s.call(t, "apigateway", http.MethodPost, "/restapis/"+api+"/deployments", map[string]any{"stageName": "prod"})
	address, err := s.front.Localise("https://" + api + ".execute-api." + region + ".amazonaws.com/prod/")
	if err != nil {
		t.Fatal(err)
	}
	response, body := get(t, http.MethodPost, address+"rest/fine?a=1", `{"x":1}`, http.Header{"Content-Type": {"application/json"}})
	if response.StatusCode != http.StatusCreated || body != "made" || response.Header.Get("X-Own") != "a" {
		t.Errorf("got %s %v %q", response.Status, response.Header, body)
	}
	s.wait(t, "/rest/fine", 1)[0].has(t, map[string]any{
		"resource": "/{proxy+}", "path": "/rest/fine", "httpMethod": "POST", "queryStringParameters.a": "1", "multiValueQueryStringParameters.a.0": "1",
		"pathParameters.proxy": "rest/fine", "body": `{"x":1}`, "isBase64Encoded": false, "requestContext.stage": "prod", "requestContext.apiId": api,
		"requestContext.requestId": response.Header.Get("X-Amzn-Requestid"),
	})
	response, body = get(t, http.MethodGet, address+"rest/FAIL-ALWAYS", "", nil)
	if response.StatusCode != http.StatusBadGateway || body != `{"message": "Internal server error"}` {
		t.Errorf("an error is answered with %s: %s", response.Status, body)
	}
	s.isTold(t, "REST API shop, stage prod", "rest/told")
}

func (s *triggers) testHTTPAPI(t *testing.T) {
	api := s.call(t, "apigateway", http.MethodPost, "/v2/apis", map[string]any{"name": "shop", "protocolType": "HTTP"})
	id := api["apiId"].(string)
	integration := s.call(t, "apigateway", http.MethodPost, "/v2/apis/"+id+"/integrations", map[string]any{
		"integrationType": "AWS_PROXY", "integrationUri": lambdaARN("probe"), "payloadFormatVersion": "2.0",
	})
	s.call(t, "apigateway", http.MethodPost, "/v2/apis/"+id+"/routes", map[string]any{"routeKey": "$default", "target": "integrations/" + integration["integrationId"].(string)})
	s.call(t, "apigateway", http.MethodPost, "/v2/apis/"+id+"/stages", map[string]any{"stageName": "$default", "autoDeploy": true})
	address, err := s.front.Localise("https://" + id + ".execute-api." + region + ".amazonaws.com/")
	if err != nil {
		t.Fatal(err)
	}
	response, body := get(t, http.MethodPost, address+"http/fine?a=1&a=2", `{"x":1}`, http.Header{"Content-Type": {"application/json"}, "Cookie": {"c=1; d=2"}})
	if response.StatusCode != http.StatusCreated || body != "made" || strings.Join(response.Header.Values("Set-Cookie"), "|") != "a=1; Secure|b=2" {
		t.Errorf("got %s %v %q", response.Status, response.Header, body)
	}
	s.wait(t, "/http/fine", 1)[0].has(t, map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": "/http/fine", "rawQueryString": "a=1&a=2", "queryStringParameters.a": "1,2",
		"requestContext.http.method": "POST", "requestContext.stage": "$default", "body": `{"x":1}`, "isBase64Encoded": false,
		"requestContext.requestId": response.Header.Get("Apigw-Requestid"), "headers.x-forwarded-proto": "https",
	})
	response, body = get(t, http.MethodGet, address+"http/FAIL-ALWAYS", "", nil)
	if response.StatusCode != http.StatusInternalServerError || body != `{"message":"Internal Server Error"}` {
		t.Errorf("an error is answered with %s: %s", response.Status, body)
	}
	s.isTold(t, "HTTP API shop", "http/told")
}

// testDestinations: what becomes of asynchronous invocations is told where the function's settings say, as Lambda tells it.
func (s *triggers) testDestinations(t *testing.T) {
	good, goodARN := s.queue(t, "good", nil)
	bad, badARN := s.queue(t, "bad", nil)
	dead, deadARN := s.queue(t, "dead-letters", nil)
	const settings = "/2019-09-25/functions/probe/event-invoke-config"
	s.call(t, "lambda", http.MethodPut, settings, map[string]any{"MaximumRetryAttempts": 1, "DestinationConfig": map[string]any{
		"OnSuccess": map[string]any{"Destination": goodARN}, "OnFailure": map[string]any{"Destination": badARN},
	}})
	defer s.send(t, "lambda", http.MethodDelete, settings, nil, nil)
	s.call(t, "lambda", http.MethodPut, "/2015-03-31/functions/probe/configuration", map[string]any{"DeadLetterConfig": map[string]any{"TargetArn": deadARN}})
	later := func(event string) string {
		response, _ := s.send(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/invocations", []byte(event), map[string]string{"X-Amz-Invocation-Type": "Event"})
		return response.Header.Get("X-Amzn-Requestid")
	}
	record := func(queue string) got {
		text, _ := at(t, s.receive(t, queue), "Body").(string)
		return got{Event: json.RawMessage(text)}
	}
	id := later(`{"destination":"fine"}`)
	record(good).has(t, map[string]any{
		"version": "1.0", "requestContext.requestId": id, "requestContext.functionArn": lambdaARN("probe") + ":$LATEST", "requestContext.condition": "Success",
		"requestContext.approximateInvokeCount": 1.0, "requestPayload.destination": "fine", "responseContext.statusCode": 200.0, "responseContext.executedVersion": "$LATEST",
		"responsePayload.fine": true,
	})
	id = later(`{"destination":"FAIL-ALWAYS"}`)
	record(bad).has(t, map[string]any{
		"requestContext.requestId": id, "requestContext.condition": "RetriesExhausted", "requestContext.approximateInvokeCount": 2.0,
		"responseContext.functionError": "Unhandled", "responsePayload.errorType": "ValueError", "responsePayload.errorMessage": "told to fail",
	})
	got{Event: s.receive(t, dead)}.has(t, map[string]any{
		"Body": `{"destination":"FAIL-ALWAYS"}`, "MessageAttributes.RequestID.StringValue": id, "MessageAttributes.ErrorCode.StringValue": "200",
		"MessageAttributes.ErrorMessage.StringValue": "told to fail",
	})
}

// testConcurrency: a function without reserved concurrency left is refused, whoever invokes it.
func (s *triggers) testConcurrency(t *testing.T) {
	const path = "/2017-10-31/functions/limited/concurrency"
	s.call(t, "lambda", http.MethodPut, path, map[string]any{"ReservedConcurrentExecutions": 0})
	response, body := s.send(t, "lambda", http.MethodPost, "/2015-03-31/functions/limited/invocations", []byte(`{}`), map[string]string{"Test-Expects": "an error"})
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("X-Amzn-Errortype") != "TooManyRequestsException" ||
		strings.TrimSpace(string(body)) != `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}` {
		t.Errorf("got %s %s", response.Status, body)
	}
	s.send(t, "lambda", http.MethodDelete, path, nil, nil)
	if _, body = s.send(t, "lambda", http.MethodPost, "/2015-03-31/functions/limited/invocations", []byte(`{}`), nil); string(body) != `{"fine": true}` {
		t.Errorf("without the limit it answers %s", body)
	}
}

// isTold looks for an address in what people are told, and calls it; once, since nothing is told twice.
func (s *triggers) isTold(t *testing.T, what, path string) {
	t.Helper()
	told, err := s.Addresses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range told {
		if address.What == what {
			if response, body := get(t, http.MethodGet, address.URL+path, "", nil); response.StatusCode != http.StatusCreated || body != "made" {
				t.Errorf("%s: it answers %s %q", address.URL, response.Status, body)
			}
			return
		}
	}
	t.Errorf("there is no %s in %v", what, told)
}
