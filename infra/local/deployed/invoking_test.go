package deployed

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/infra/local/queue"
)

const (
	ordersPath  = "GET /2015-03-31/functions/orders"
	asyncPath   = "GET /2019-09-25/functions/orders/event-invoke-config"
	reservedAt  = "GET /2019-09-30/functions/orders/concurrency"
	ordersURLs  = "GET /2021-10-31/functions/orders/urls"
	ordersURL   = "GET /2021-10-31/functions/orders/url"
	urlFields   = `"FunctionUrl":"https://abc.lambda-url.eu-west-1.on.aws/","CreationTime":"t","LastModifiedTime":"t"`
	ordersARN   = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
	someFailure = "arn:aws:sqs:eu-west-1:123456789012:bad"
)

func TestAsynchronous(t *testing.T) {
	tests := []struct {
		name, config string
		dead         any
		want         queue.Settings
	}{
		{"none", "", nil, queue.Defaults()},
		{"of $LATEST", "$LATEST", nil, queue.Settings{Retries: 1, MaxAge: 6 * time.Hour}},
		{"all", `{"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":"good"},"OnFailure":{"Destination":"` + someFailure + `"}}}`,
			map[string]any{"TargetArn": "dead"}, queue.Settings{MaxAge: time.Minute, OnSuccess: "good", OnFailure: someFailure, DeadLetter: "dead"}},
		{"destinations without targets", `{"MaximumRetryAttempts":1,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}`, nil, queue.Settings{Retries: 1, MaxAge: 6 * time.Hour}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := answers(config("orders", "DeadLetterConfig", test.dead))
			switch test.config {
			case "":
			case latest:
				all[asyncPath+"?"+latest] = `{"MaximumRetryAttempts":1}`
			default:
				all[asyncPath] = test.config
			}
			got, err := newEndpoint(t, all).client(t, nil).Asynchronous(context.Background(), "orders", "")
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	if _, err := newEndpoint(t, map[string]string{}).client(t, nil).Asynchronous(context.Background(), "orders", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no function: %v", err)
	}
}

func TestConcurrency(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		reserved     int
		limited      bool
	}{{"none", `{}`, 0, false}, {"zero", `{"ReservedConcurrentExecutions":0}`, 0, true}, {"seven", `{"ReservedConcurrentExecutions":7}`, 7, true}} {
		t.Run(test.name, func(t *testing.T) {
			all := answers(config("orders"))
			all[reservedAt] = test.answer
			reserved, limited, err := newEndpoint(t, all).client(t, nil).Concurrency(context.Background(), "orders")
			if err != nil || reserved != test.reserved || limited != test.limited {
				t.Errorf("got %d, %v, %v", reserved, limited, err)
			}
		})
	}
}

func TestLetsIn(t *testing.T) {
	all := answers(config("orders"), config("secret"))
	all[ordersPath+"/policy"] = asJSON(map[string]string{"Policy": `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"}},{"Effect":"Deny","Principal":{"Service":"s3.amazonaws.com"}},
		{"Effect":"Allow","Principal":"*"}]}`})
	c := newEndpoint(t, all).client(t, nil)
	for _, test := range []struct {
		function, service string
		want              bool
	}{{"orders", "events.amazonaws.com", true}, {"orders", "s3.amazonaws.com", false}, {"secret", "events.amazonaws.com", false}} {
		if got, err := c.LetsIn(context.Background(), test.function, test.service); err != nil || got != test.want {
			t.Errorf("%s into %s: %v, %v", test.service, test.function, got, err)
		}
	}
}

func TestFunctionURL(t *testing.T) {
	const host = "abc.lambda-url.eu-west-1.on.aws"
	tests := []struct {
		name  string
		more  map[string]string
		wants functionurl.URL
	}{
		{"open", map[string]string{
			ordersURLs: `{"FunctionUrlConfigs":[{` + urlFields + `,"FunctionArn":"` + ordersARN + `","AuthType":"NONE","InvokeMode":"RESPONSE_STREAM"}]}`,
			ordersURL:  `{` + urlFields + `}`,
		}, functionurl.URL{Host: host, Account: "123456789012", Function: "orders", Stream: true}},
		{"an alias's", map[string]string{
			ordersURLs: `{"FunctionUrlConfigs":[{` + urlFields + `,"FunctionArn":"` + ordersARN + `:live","AuthType":"AWS_IAM","Cors":{"AllowOrigins":["*"],"MaxAge":5,"AllowCredentials":true}}]}`,
		}, functionurl.URL{Host: host, Account: "123456789012", Function: "orders", Qualifier: "live", Signed: true, CORS: &functionurl.CORS{Origins: []string{"*"}, MaxAge: 5, Credentials: true}}},
		{"an alias's that is listed without it", map[string]string{
			ordersURLs:              `{"FunctionUrlConfigs":[{` + urlFields + `,"FunctionArn":"` + ordersARN + `","AuthType":"NONE"}]}`,
			ordersPath + "/aliases": `{"Aliases":[{"Name":"live"}]}`,
			ordersURL + "?live":     `{` + urlFields + `}`,
		}, functionurl.URL{Host: host, Account: "123456789012", Function: "orders", Qualifier: "live"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := answers(config("orders"))
			for key, answer := range test.more {
				all[key] = answer
			}
			got, err := newEndpoint(t, all).client(t, nil).FunctionURL(context.Background(), host)
			if err != nil || !reflect.DeepEqual(got, test.wants) {
				t.Errorf("got %+v, %v", got, err)
			}
			if _, err := newEndpoint(t, all).client(t, nil).FunctionURL(context.Background(), "ghost"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a ghost: %v", err)
			}
		})
	}
}
