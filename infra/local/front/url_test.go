package front

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// A function URL is served here, at an address of its own and under its own host name; one that nobody knows is passed on.
func TestFunctionURL(t *testing.T) {
	const host = "abc.lambda-url.us-east-1.on.aws"
	function := newInvoker(lambdalocal.Result{Payload: []byte(`{"statusCode":418,"body":"made"}`)}, nil)
	f, _ := later(t, &settingsOf{reserved: -1, url: functionurl.URL{Host: host, Function: "orders"}}, function, nil)
	local, err := f.Localise("https://" + host + "/")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, address, host, want string }{
		{"by its address", local + "path", "", "made"},
		{"by its name", f.URL() + "/path", host, "made"},
		{"by its name with a port", f.URL() + "/path", host + ":4566", "made"},
		{"another one", f.URL() + "/path", "ghost.lambda-url.us-east-1.on.aws", "answer to GET /path"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request, _ := http.NewRequest(http.MethodGet, test.address, nil)
			request.Host = test.host
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusTeapot || string(body) != test.want {
				t.Errorf("got %s %s", response.Status, body)
			}
		})
	}
	if in := <-function.got; !strings.Contains(string(in.Payload), `"rawPath":"/path"`) {
		t.Errorf("the function got %s", in.Payload)
	}
}

func TestAFunctionURLWithoutConcurrency(t *testing.T) {
	const host = "abc.lambda-url.us-east-1.on.aws"
	f, _ := later(t, &settingsOf{reserved: 0, url: functionurl.URL{Host: host, Function: "orders"}}, newInvoker(lambdalocal.Result{}, nil), nil)
	local, err := f.Localise("https://" + host)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(local)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("got %s", response.Status)
	}
}

func TestToAPI(t *testing.T) {
	tests := []struct{ name, host, address, want string }{
		{"AWS's name", "abc1.execute-api.us-east-1.amazonaws.com", "http://x/prod/a%2Fb?c=d", "http://x/_aws/execute-api/abc1/prod/a%2Fb?c=d"},
		{"the root", "abc1.execute-api.us-east-1.amazonaws.com", "http://x/", "http://x/_aws/execute-api/abc1/"},
		{"MiniStack's own name", "abc1.execute-api.127.0.0.1:4566", "http://x/prod", "http://x/prod"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, err := url.Parse(test.address)
			if err != nil {
				t.Fatal(err)
			}
			if toAPI(address, test.host); address.String() != test.want {
				t.Errorf("got %s", address)
			}
		})
	}
}

// Sources: API Gateway's developer guide, proxy integrations: the id in the answer is the event's requestContext.requestId, and the
// function sees where the request came from.
func TestAnAPIsRequestID(t *testing.T) {
	tests := []struct{ name, header, given string }{
		{"a REST API", "X-Amzn-Requestid", ""},
		{"an HTTP API", "Apigw-Requestid", ""},
		{"a client with a trace", "X-Amzn-Requestid", "Root=1-5759e988-bd862e3fe1be46a994272793"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var f *Front
			function := newInvoker(lambdalocal.Result{Payload: []byte(`{}`)}, nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get(traceHeader); !strings.Contains(got, "Root=1-") || !strings.HasSuffix(got, test.given) || r.Header.Get("X-Forwarded-Proto") != "https" {
					t.Errorf("MiniStack got %v", r.Header)
				}
				post(t, f.ProxyURL("orders"), `{"headers":{"x-amzn-trace-id":"`+r.Header.Get(traceHeader)+`"},"requestContext":{"requestId":"from-the-event"}}`, nil)
				w.Header().Set(test.header, "another")
			}))
			defer server.Close()
			f = start(t, server.URL)
			f.Serve(Function{Name: "orders", Invoker: function})
			local, err := f.Localise("https://abc1.execute-api.us-east-1.amazonaws.com")
			if err != nil {
				t.Fatal(err)
			}
			request, _ := http.NewRequest(http.MethodGet, local, nil)
			if test.given != "" {
				request.Header.Set(traceHeader, test.given)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if got := response.Header.Get(test.header); got != "from-the-event" {
				t.Errorf("the client got %q", got)
			}
			if len(f.apis.ids) != 0 {
				t.Errorf("%d requests are remembered", len(f.apis.ids))
			}
		})
	}
}

// Sources: API Gateway's developer guide, handling of Lambda errors (REST: 502, HTTP: 500); function URLs: 502.
func TestAnErrorBehindAGateway(t *testing.T) {
	tests := []struct{ name, event, want string }{
		{"a REST API", `{"version":"1.0","httpMethod":"GET","requestContext":{"apiId":"a","resourceId":"r"}}`,
			`{"body":"{\"message\": \"Internal server error\"}","headers":{"content-type":"application/json"},"statusCode":502}`},
		{"an HTTP API", `{"version":"2.0","requestContext":{"apiId":"a","http":{"method":"GET"}}}`,
			`{"body":"{\"message\":\"Internal Server Error\"}","headers":{"content-type":"application/json"},"statusCode":500}`},
		{"an HTTP API with format 1.0", `{"version":"1.0","httpMethod":"GET","requestContext":{"apiId":"a","resourceId":null}}`,
			`{"body":"{\"message\":\"Internal Server Error\"}","headers":{"content-type":"application/json"},"statusCode":500}`},
		{"a function URL", `{"version":"2.0","requestContext":{"apiId":"a","domainName":"a.lambda-url.us-east-1.on.aws","http":{"method":"GET"}}}`,
			`{"body":"Internal Server Error","headers":{"content-type":"application/json"},"statusCode":502}`},
		{"an authorizer", `{"type":"REQUEST","httpMethod":"GET","requestContext":{"apiId":"a","resourceId":"r"}}`, `{"errorMessage":"boom"}`},
		{"a load balancer", `{"httpMethod":"GET","requestContext":{"elb":{}}}`, `{"errorMessage":"boom"}`},
		{"none", `{"httpMethod":"GET"}`, `{"errorMessage":"boom"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := startWith(t, Function{Name: "orders", Invoker: newInvoker(lambdalocal.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}, nil)})
			if got := post(t, f.ProxyURL("orders"), test.event, nil); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
