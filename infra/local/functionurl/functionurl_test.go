package functionurl

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

const host = "abc123.lambda-url.us-east-1.on.aws"

// invoke stands for a function.
type invoke func(in lambdalocal.Invocation) (lambdalocal.Result, error)

// serve serves a URL and gives its address.
func serve(t *testing.T, u URL, run invoke) string {
	t.Helper()
	s := Server{
		Invoke: func(_ context.Context, _ URL, in lambdalocal.Invocation) (lambdalocal.Result, error) { return run(in) },
		Fail: func(w http.ResponseWriter, err error) {
			http.Error(w, err.Error(), http.StatusTooManyRequests)
		},
		RequestID: func() string { return "r-1" },
	}
	u.Host = host
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, u) }))
	t.Cleanup(server.Close)
	return server.URL
}

func returns(payload string) invoke {
	return func(lambdalocal.Invocation) (lambdalocal.Result, error) {
		return lambdalocal.Result{Payload: []byte(payload)}, nil
	}
}

func do(t *testing.T, method, address, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	response, err := (&http.Transport{DisableCompression: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		text = append(text, []byte(" BROKEN")...)
	}
	return response, string(text)
}

// Source: "Invoking Lambda function URLs", request payload format; and the gateway's payload format 2.0, which it follows.
func TestEvent(t *testing.T) {
	text := "plain: ä"
	tests := []struct {
		name         string
		url          URL
		method, path string
		header       http.Header
		body         string
		want         map[string]any // fields of the event, by path
	}{
		{"every field", URL{Account: "123456789012"}, "POST", "/my%20path?parameter1=value1&parameter1=value2&p=a%2Bb",
			http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Own": {"1", "2"}, "Cookie": {"a=1; b=2"}, "User-Agent": {"agent"}}, text, map[string]any{
				"version": "2.0", "routeKey": "$default", "rawPath": "/my%20path", "rawQueryString": "parameter1=value1&parameter1=value2&p=a%2Bb",
				"cookies": []any{"a=1", "b=2"}, "headers.cookie": "a=1; b=2", "headers.x-own": "1,2", "headers.host": host, "headers.content-length": "9",
				"headers.x-forwarded-proto": "https", "headers.x-forwarded-for": "127.0.0.1", "headers.content-type": "text/plain; charset=utf-8",
				"queryStringParameters.parameter1": "value1,value2", "queryStringParameters.p": "a+b",
				"requestContext.accountId": "anonymous", "requestContext.apiId": "abc123", "requestContext.domainName": host, "requestContext.domainPrefix": "abc123",
				"requestContext.http.method": "POST", "requestContext.http.path": "/my path", "requestContext.http.protocol": "HTTP/1.1",
				"requestContext.http.sourceIp": "127.0.0.1", "requestContext.http.userAgent": "agent", "requestContext.requestId": "r-1",
				"requestContext.routeKey": "$default", "requestContext.stage": "$default", "requestContext.authorizer": nil,
				"body": text, "isBase64Encoded": false,
			}},
		{"nothing", URL{}, "GET", "", nil, "", map[string]any{"rawPath": "/", "rawQueryString": "", "body": nil, "cookies": nil, "queryStringParameters": nil, "isBase64Encoded": false}},
		{"JSON", URL{}, "POST", "/", http.Header{"Content-Type": {"application/json"}}, `{"a":1}`, map[string]any{"body": `{"a":1}`, "isBase64Encoded": false}},
		{"a form", URL{}, "POST", "/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, `a=1`, map[string]any{"body": "YT0x", "isBase64Encoded": true}},
		{"an unknown type", URL{}, "POST", "/", nil, "x", map[string]any{"body": "eA==", "isBase64Encoded": true}},
		{"compressed text", URL{}, "POST", "/", http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}, "x", map[string]any{"body": "eA==", "isBase64Encoded": true}},
		{"text that is none", URL{}, "POST", "/", http.Header{"Content-Type": {"text/plain"}}, "\xff", map[string]any{"body": "/w==", "isBase64Encoded": true}},
		{"a signature", URL{Signed: true, Account: "123456789012"}, "GET", "/", http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=KEY/20261122/us-east-1/lambda/aws4_request, S"}}, "",
			map[string]any{"requestContext.accountId": "123456789012", "requestContext.authorizer.iam.accessKey": "KEY", "requestContext.authorizer.iam.accountId": "123456789012"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var in lambdalocal.Invocation
			address := serve(t, test.url, func(got lambdalocal.Invocation) (lambdalocal.Result, error) {
				in = got
				return lambdalocal.Result{}, nil
			})
			response, _ := do(t, test.method, address+test.path, test.body, test.header)
			var event map[string]any
			if err := json.Unmarshal(in.Payload, &event); err != nil {
				t.Fatalf("%v: %s", err, in.Payload)
			}
			for path, want := range test.want {
				if got := at(event, path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s is %#v, want %#v", path, got, want)
				}
			}
			root, _ := at(event, "headers.x-amzn-trace-id").(string)
			if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`).MatchString(root) || !strings.HasPrefix(in.TraceHeader, root+";Parent=") || response.Header.Get(traceHeader) != in.TraceHeader {
				t.Errorf("trace is %q, the function's %q, the client's %q", root, in.TraceHeader, response.Header.Get(traceHeader))
			}
			if in.RequestID != "r-1" || response.Header.Get("X-Amzn-Requestid") != "r-1" {
				t.Errorf("request id %q, told %q", in.RequestID, response.Header.Get("X-Amzn-Requestid"))
			}
			when, err := time.Parse("02/Jan/2006:15:04:05 -0700", at(event, "requestContext.time").(string))
			if epoch := at(event, "requestContext.timeEpoch").(float64); err != nil || int64(epoch)/1000 != when.Unix() {
				t.Errorf("time is %v (%v), epoch %v", when, err, epoch)
			}
		})
	}
}

// at finds a field; the names of headers have no dots here.
func at(object map[string]any, path string) any {
	first, rest, more := strings.Cut(path, ".")
	if !more {
		return object[first]
	}
	inner, ok := object[first].(map[string]any)
	if !ok {
		return nil
	}
	return at(inner, rest)
}

func TestAClientsTraceGoesOn(t *testing.T) {
	var in lambdalocal.Invocation
	address := serve(t, URL{}, func(got lambdalocal.Invocation) (lambdalocal.Result, error) {
		in = got
		return lambdalocal.Result{}, nil
	})
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	do(t, "GET", address, "", http.Header{traceHeader: {"Self=1;" + root + ";Parent=53995c3f42cd8ad8;Sampled=1"}})
	if !strings.HasPrefix(in.TraceHeader, root+";") || strings.Contains(in.TraceHeader, "53995c3f42cd8ad8") {
		t.Errorf("the function has %q", in.TraceHeader)
	}
}

// Source: "Invoking Lambda function URLs", response payload format.
func TestResponse(t *testing.T) {
	tests := []struct {
		name, payload string
		status        int
		body          string
		header        map[string]string
	}{
		{"all that can be said", `{"statusCode":201,"headers":{"content-type":"text/html","X-Own":"a","x-number":7,"Content-Length":"999"},"cookies":["a=1; Secure","b=2"],"body":"<p>","isBase64Encoded":false}`,
			201, "<p>", map[string]string{"Content-Type": "text/html", "X-Own": "a", "X-Number": "7", "Set-Cookie": "a=1; Secure|b=2"}},
		{"a binary body", `{"statusCode":200,"body":"AAH/","isBase64Encoded":true}`, 200, "\x00\x01\xff", map[string]string{"Content-Type": "application/json"}},
		{"no body", `{"statusCode":204}`, 204, "", nil},
		{"an object that says no status", `{"message": "Hello, world!"}`, 200, `{"message": "Hello, world!"}`, map[string]string{"Content-Type": "application/json"}},
		{"a string", `"hello"`, 200, "hello", map[string]string{"Content-Type": "application/json"}},
		{"an array", `[1,2]`, 200, "[1,2]", nil},
		{"null", `null`, 200, "null", nil},
		{"a status that is none", `{"statusCode":"fine"}`, 502, "Internal Server Error", nil},
		{"a status that HTTP does not have", `{"statusCode":7}`, 502, "Internal Server Error", nil},
		{"a body that is not base64", `{"statusCode":200,"body":"!","isBase64Encoded":true}`, 502, "Internal Server Error", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, body := do(t, "GET", serve(t, URL{}, returns(test.payload)), "", nil)
			if response.StatusCode != test.status || body != test.body {
				t.Errorf("got %d %q", response.StatusCode, body)
			}
			for name, want := range test.header {
				if got := strings.Join(response.Header.Values(name), "|"); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestWhatIsNoResponse(t *testing.T) {
	tests := []struct {
		name   string
		result lambdalocal.Result
		err    error
		status int
		body   string
	}{
		{"a function's error", lambdalocal.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"secret"}`)}, nil, 502, "Internal Server Error"},
		{"it could not be run", lambdalocal.Result{}, errors.New("Rate Exceeded"), 429, "Rate Exceeded\n"},
	}
	for _, stream := range []bool{false, true} {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				address := serve(t, URL{Stream: stream}, func(lambdalocal.Invocation) (lambdalocal.Result, error) { return test.result, test.err })
				if response, body := do(t, "GET", address, "", nil); response.StatusCode != test.status || body != test.body {
					t.Errorf("stream %v: got %d %q", stream, response.StatusCode, body)
				}
			})
		}
	}
}

func TestASignatureIsAskedFor(t *testing.T) {
	address := serve(t, URL{Signed: true}, returns(`{}`))
	if response, body := do(t, "GET", address, "", nil); response.StatusCode != 403 || body != `{"Message":"Forbidden"}` {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	if response, _ := do(t, "GET", address+"?X-Amz-Signature=x&X-Amz-Credential=KEY/1", "", nil); response.StatusCode != 200 {
		t.Errorf("a presigned request got %d", response.StatusCode)
	}
}

func TestABodyThatIsTooLarge(t *testing.T) {
	address := serve(t, URL{}, func(lambdalocal.Invocation) (lambdalocal.Result, error) {
		t.Error("the function was invoked")
		return lambdalocal.Result{}, nil
	})
	if response, _ := do(t, "POST", address, strings.Repeat("x", maxBody+1), nil); response.StatusCode != 413 {
		t.Errorf("got %d", response.StatusCode)
	}
}

// Source: "Creating and managing Lambda function URLs", CORS.
func TestCORS(t *testing.T) {
	cors := &CORS{Origins: []string{"https://*.example.com"}, Methods: []string{"GET", "POST"}, Headers: []string{"x-own"}, Expose: []string{"date"}, Credentials: true, MaxAge: 60}
	preflight := http.Header{"Origin": {"https://www.example.com"}, "Access-Control-Request-Method": {"POST"}}
	tests := []struct {
		name         string
		cors         *CORS
		method       string
		header       http.Header
		invoked      bool
		allow, allMe string // Allow-Origin, Allow-Methods
	}{
		{"a preflight", cors, "OPTIONS", preflight, false, "https://www.example.com", "GET,POST"},
		{"a request", cors, "GET", http.Header{"Origin": {"https://www.example.com"}}, true, "https://www.example.com", ""},
		{"another origin", cors, "GET", http.Header{"Origin": {"https://example.org"}}, true, "own", ""},
		{"no origin", cors, "GET", nil, true, "own", ""},
		{"any origin", &CORS{Origins: []string{"*"}}, "GET", http.Header{"Origin": {"https://example.org"}}, true, "*", ""},
		{"no settings", nil, "OPTIONS", preflight, true, "own", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			invoked := false
			address := serve(t, URL{CORS: test.cors}, func(lambdalocal.Invocation) (lambdalocal.Result, error) {
				invoked = true
				return lambdalocal.Result{Payload: []byte(`{"statusCode":200,"headers":{"access-control-allow-origin":"own"}}`)}, nil
			})
			response, _ := do(t, test.method, address, "", test.header)
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != test.allow || invoked != test.invoked || response.Header.Get("Access-Control-Allow-Methods") != test.allMe {
				t.Errorf("allowed %q, invoked %v, headers %v", got, invoked, response.Header)
			}
		})
	}
}

// streams writes pieces, each of which the client has to have before the next one is written.
func streams(arrived <-chan string, contentType string, end lambdalocal.Result, pieces ...string) invoke {
	return func(in lambdalocal.Invocation) (lambdalocal.Result, error) {
		w := in.Stream(lambdalocal.StreamHead{ContentType: contentType, Streaming: true})
		for _, piece := range pieces {
			if _, err := io.WriteString(w, piece); err != nil {
				return lambdalocal.Result{}, err
			}
			if arrived != nil {
				<-arrived
			}
		}
		return end, nil
	}
}

// Source: "Response streaming for Lambda functions": the pieces arrive one by one; status, headers and cookies are the prelude's.
func TestStream(t *testing.T) {
	arrived := make(chan string)
	prelude := `{"statusCode":418,"headers":{"content-type":"text/plain","x-own":"a"},"cookies":["a=1","b=2"]}` + strings.Repeat("\x00", 8)
	address := serve(t, URL{Stream: true}, streams(arrived, lambdalocal.HTTPIntegration, lambdalocal.Result{}, prelude+"one", "two"))
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 418 || response.Header.Get("Content-Type") != "text/plain" || response.Header.Get("X-Own") != "a" || len(response.Header.Values("Set-Cookie")) != 2 {
		t.Errorf("got %d %v", response.StatusCode, response.Header)
	}
	for _, want := range []string{"one", "two"} {
		piece := make([]byte, 3)
		if _, err := io.ReadFull(response.Body, piece); err != nil || string(piece) != want {
			t.Fatalf("got %q, %v", piece, err)
		}
		arrived <- want
	}
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

func TestEndsOfAStream(t *testing.T) {
	failed := lambdalocal.Result{FunctionError: "Unhandled", ErrorType: "Runtime.StreamError"}
	tests := []struct {
		name        string
		run         invoke
		status      int
		contentType string
		body        string
	}{
		{"without a prelude", streams(nil, "", lambdalocal.Result{}, "one"), 200, streamType, "one"},
		{"a runtime that does not stream", streams(nil, "application/json", lambdalocal.Result{}, `{"statusCode":201}`), 200, "application/json", `{"statusCode":201}`},
		{"nothing at all", returns(""), 200, streamType, ""},
		{"half a prelude", streams(nil, lambdalocal.HTTPIntegration, lambdalocal.Result{}, `{"statusCode":201}`), 502, "application/json", "Internal Server Error"},
		{"an error in the middle", streams(nil, "", failed, "one"), 200, streamType, "one BROKEN"},
		{"an error before the prelude's end", streams(nil, lambdalocal.HTTPIntegration, failed, "{"), 502, "application/json", "Internal Server Error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, body := do(t, "GET", serve(t, URL{Stream: true}, test.run), "", nil)
			if response.StatusCode != test.status || body != test.body || response.Header.Get("Content-Type") != test.contentType {
				t.Errorf("got %d %s %q", response.StatusCode, response.Header.Get("Content-Type"), body)
			}
		})
	}
}
