package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/control"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// errTold says that what went wrong has been told.
var errTold = errors.New("told")

// invokeCommand is what `invoke` was asked for.
type invokeCommand struct {
	call
	runs, endpoint string
	function       string
	event, payload string
	async, log     bool
}

func runInvoke(ctx context.Context, c call, args []string) error {
	in := invokeCommand{call: c}
	flags := c.flags("invoke", &in.runs)
	flags.StringVar(&in.endpoint, "endpoint", "", "`URL` to invoke at, instead of what is up")
	flags.StringVar(&in.event, "e", "", "`file` with the event; - reads it from stdin")
	flags.StringVar(&in.payload, "payload", "", "the event itself, `JSON`")
	flags.BoolVar(&in.async, "async", false, "do not wait for the answer")
	flags.BoolVar(&in.log, "log", false, "show the last 4 KB of the log too")
	others, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(others) != 1:
		return c.misuse("invoke takes one FUNCTION, not %d", len(others))
	case in.event != "" && in.payload != "":
		return c.misuse("invoke takes an event by -e or by --payload, not both")
	}
	in.function = others[0]
	return in.run(ctx)
}

func (in invokeCommand) run(ctx context.Context) error {
	payload, err := in.readEvent()
	if err != nil {
		return err
	}
	endpoint, name, run, err := in.find(ctx)
	if err != nil {
		return err
	}
	request := &lambda.InvokeInput{FunctionName: aws.String(name), Payload: payload}
	if in.async {
		request.InvocationType = types.InvocationTypeEvent
	} else {
		request.LogType = types.LogTypeTail
	}
	start := time.Now()
	out, err := lambdaClient(endpoint).Invoke(ctx, request)
	if err != nil {
		return fmt.Errorf("invoke %s: %w", name, err)
	}
	return in.show(ctx, name, out, time.Since(start), run)
}

func (in invokeCommand) readEvent() ([]byte, error) {
	switch in.event {
	case "":
		return []byte(in.payload), nil
	case "-":
		payload, err := io.ReadAll(in.stdin)
		if err != nil {
			return nil, fmt.Errorf("read the event from stdin: %w", err)
		}
		return payload, nil
	}
	payload, err := os.ReadFile(in.event)
	if err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	return payload, nil
}

// find finds where to invoke, and the function's full name: at what is up, which is given too, else at an endpoint.
func (in invokeCommand) find(ctx context.Context) (endpoint deployed.Endpoint, name string, run *control.Client, err error) {
	who := credentialsOf(os.Getenv)
	endpoint = deployed.Endpoint{URL: in.endpoint, Region: who.Region, AccessKey: who.AccessKey, SecretKey: who.SecretKey, SessionToken: who.SessionToken}
	var known []control.Function
	if endpoint.URL == "" {
		found, err := cloud.Find(in.runs)
		if url := os.Getenv("AWS_ENDPOINT_URL"); errors.Is(err, cloud.ErrNothingUp) && url != "" {
			endpoint.URL = url
		} else if err != nil {
			return endpoint, "", nil, err
		} else {
			status, err := found.Status(ctx)
			if err != nil {
				return endpoint, "", nil, err
			}
			run, endpoint.URL, endpoint.Region, known = &found, status.URL, status.Region, status.Functions
		}
	}
	if run == nil {
		if deployed.IsAWS(endpoint.URL) {
			return endpoint, "", nil, fmt.Errorf("%s is a real AWS account: what is invoked there is invoked by the AWS CLI", endpoint.URL)
		}
		client := deployed.NewClient(endpoint)
		defer client.Close()
		found, err := client.Look(ctx)
		if err != nil {
			return endpoint, "", nil, fmt.Errorf("ask %s for functions: %w", endpoint.URL, err)
		}
		for _, f := range found {
			known = append(known, control.Function{Name: f.Name})
		}
	}
	name, err = choose(in.function, known)
	return endpoint, name, run, err
}

// show tells what came of an invocation: the payload alone on stdout, so that it can be piped.
func (in invokeCommand) show(ctx context.Context, name string, out *lambda.InvokeOutput, took time.Duration, run *control.Client) error {
	id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	if in.async {
		fmt.Fprintf(in.stderr, "%s was handed over, request %s\n", name, id)
		return nil
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return fmt.Errorf("read the log of %s: %w", name, err)
	}
	if in.log {
		fmt.Fprint(in.stderr, withLineEnd(string(tail)))
	}
	fmt.Fprint(in.stdout, withLineEnd(string(out.Payload)))
	version := ""
	if v := aws.ToString(out.ExecutedVersion); v != "" && v != "$LATEST" {
		version = " version " + v
	}
	fmt.Fprintf(in.stderr, "%s%s answered after %.1f ms, request %s\n", name, version, float64(took.Microseconds())/1000, id)
	if report := reportOf(ctx, run, id); report != "" {
		fmt.Fprintln(in.stderr, report)
	}
	if out.FunctionError != nil {
		fmt.Fprintf(in.stderr, "afterglow: %s failed (%s): %s\n", name, aws.ToString(out.FunctionError), errorOf(out.Payload))
		return errTold
	}
	return nil
}

// errorOf is what an error's payload says, in a line.
func errorOf(payload []byte) string {
	var parsed struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(payload, &parsed) != nil || parsed.ErrorType+parsed.ErrorMessage == "" {
		return "it answers nothing more"
	}
	return strings.Trim(parsed.ErrorType+": "+parsed.ErrorMessage, ": ")
}

// reportWithin bounds waiting for the platform's report: extensions may work on after the answer.
const reportWithin = 2 * time.Second

// reportOf is the platform's REPORT line, which is written once the extensions are done; "" if it does not come in time.
func reportOf(ctx context.Context, run *control.Client, id string) (report string) {
	if run == nil || id == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	// However following ends, what was found is all there is.
	_ = run.Logs(ctx, control.LogQuery{Follow: true}, func(line control.Line) error {
		if line.Source == "platform" && strings.HasPrefix(line.Text, "REPORT RequestId: "+id) {
			report = strings.TrimSpace(line.Text)
			cancel()
		}
		return nil
	})
	return report
}

func withLineEnd(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// lambdaClient asks once: what fails here does not get better, and a function must not run twice.
func lambdaClient(e deployed.Endpoint) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: e.Region, BaseEndpoint: aws.String(e.URL), RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, // what we ask is on this machine
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey, SessionToken: e.SessionToken}, nil
		}),
	})
}
