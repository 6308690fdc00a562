// Command function is what the tests of the Go hook run: a handler that sends requests by everything that rides on net/http in functions.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	aws1 "github.com/aws/aws-sdk-go/aws"
	credentials1 "github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	sqs1 "github.com/aws/aws-sdk-go/service/sqs"
)

func main() {
	if address := os.Getenv("CALL_AT_INIT"); address != "" {
		if _, err := get(context.Background(), http.DefaultClient, address); err != nil {
			panic(err)
		}
	}
	start(handle)
}

var start = func(handler any) { lambda.Start(handler) }

type event struct {
	Do   string `json:"do"`
	Peer string `json:"peer"`
}

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "default":
		return get(ctx, http.DefaultClient, e.Peer+"/text")
	case "without a context":
		return get(context.Background(), http.DefaultClient, e.Peer+"/text")
	case "a transport of its own":
		return get(ctx, &http.Client{Transport: transport(&http.Transport{})}, e.Peer+"/text")
	case "a transport that panics":
		return recovered(ctx, e.Peer)
	case "v2":
		return v2(ctx, e.Peer)
	case "v1":
		return v1(ctx, e.Peer)
	case "dump":
		return dump(ctx, e.Peer)
	case "error":
		return nil, errors.New("it went wrong")
	case "panic":
		panic("it went wrong")
	case "stack":
		return strings.Split(string(debug.Stack()), "\n")[1:], nil
	case "stream":
		return io.MultiReader(strings.NewReader("one "), strings.NewReader("two")), nil
	case "later":
		go func() {
			if _, err := get(context.WithoutCancel(ctx), http.DefaultClient, e.Peer+"/later"); err != nil {
				panic(err)
			}
		}()
		return nil, nil
	}
	return e, nil
}

func get(ctx context.Context, client *http.Client, address string) (any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func recovered(ctx context.Context, peer string) (raised any, err error) {
	defer func() { raised = recover() }()
	return get(ctx, &http.Client{Transport: transport(&http.Transport{Proxy: func(*http.Request) (*url.URL, error) { panic("it broke") }})}, peer+"/text")
}

// dump writes a request down without sending it.
func dump(ctx context.Context, peer string) (any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, peer+"/text", strings.NewReader("body"))
	if err != nil {
		return nil, err
	}
	text, err := httputil.DumpRequestOut(req, true)
	return string(text), err
}

func v2(ctx context.Context, peer string) (any, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("eu-west-1"), config.WithBaseEndpoint(peer),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("id", "key", "")))
	if err != nil {
		return nil, err
	}
	record(&cfg)
	sent, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(peer + "/queue"), MessageBody: aws.String("message")})
	if err != nil {
		return nil, err
	}
	return *sent.MessageId, nil
}

func v1(ctx context.Context, peer string) (any, error) {
	s, err := session.NewSession(&aws1.Config{Region: aws1.String("eu-west-1"), Endpoint: aws1.String(peer), Credentials: credentials1.NewStaticCredentials("id", "key", "")})
	if err != nil {
		return nil, err
	}
	sent, err := sqs1.New(s).SendMessageWithContext(ctx, &sqs1.SendMessageInput{QueueUrl: aws1.String(peer + "/queue"), MessageBody: aws1.String("message")})
	if err != nil {
		return nil, err
	}
	return *sent.MessageId, nil
}
