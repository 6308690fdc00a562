package deployed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/infra/local/queue"
)

// Asynchronous tells what becomes of a function's asynchronous invocations: what FunctionEventInvokeConfig and
// DeadLetterConfig say, or Lambda's own where they say nothing. qualifier may be "".
func (c *Client) Asynchronous(ctx context.Context, name, qualifier string) (queue.Settings, error) {
	s := queue.Defaults()
	config, err := c.eventInvokeConfig(ctx, name, qualifier)
	if err != nil {
		return s, err
	}
	if config.MaximumRetryAttempts != nil {
		s.Retries = int(*config.MaximumRetryAttempts)
	}
	if config.MaximumEventAgeInSeconds != nil {
		s.MaxAge = time.Duration(*config.MaximumEventAgeInSeconds) * time.Second
	}
	if to := config.DestinationConfig; to != nil {
		if to.OnSuccess != nil {
			s.OnSuccess = aws.ToString(to.OnSuccess.Destination)
		}
		if to.OnFailure != nil {
			s.OnFailure = aws.ToString(to.OnFailure.Destination)
		}
	}
	function, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(name)})
	if err != nil {
		return s, fmt.Errorf("get configuration of %s: %w", name, translated(err))
	}
	if function.DeadLetterConfig != nil {
		s.DeadLetter = aws.ToString(function.DeadLetterConfig.TargetArn)
	}
	return s, nil
}

// eventInvokeConfig gives an empty one if there is none. Without a qualifier it is the one of $LATEST, which AWS takes for
// the same and others may not.
func (c *Client) eventInvokeConfig(ctx context.Context, name, qualifier string) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
	asked := []string{qualifier}
	if qualifier == "" || qualifier == latest {
		asked = []string{"", latest}
	}
	for _, q := range asked {
		in := &lambda.GetFunctionEventInvokeConfigInput{FunctionName: aws.String(name)}
		if q != "" {
			in.Qualifier = aws.String(q)
		}
		out, err := c.lambda.GetFunctionEventInvokeConfig(ctx, in)
		var missing *types.ResourceNotFoundException
		switch {
		case err == nil:
			return out, nil
		case !errors.As(err, &missing):
			return nil, fmt.Errorf("get settings of asynchronous invocations of %s: %w", name, err)
		}
	}
	return &lambda.GetFunctionEventInvokeConfigOutput{}, nil
}

// Concurrency tells a function's reserved concurrency, if it has one.
func (c *Client) Concurrency(ctx context.Context, name string) (reserved int, limited bool, err error) {
	out, err := c.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(name)})
	if err != nil {
		return 0, false, fmt.Errorf("get concurrency of %s: %w", name, translated(err))
	}
	return int(aws.ToInt32(out.ReservedConcurrentExecutions)), out.ReservedConcurrentExecutions != nil, nil
}

// LetsIn tells whether a function's policy lets a service invoke it.
func (c *Client) LetsIn(ctx context.Context, name, service string) (bool, error) {
	out, err := c.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String(name)})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing): // it has none
		return false, nil
	case err != nil:
		return false, fmt.Errorf("get policy of %s: %w", name, err)
	}
	return slices.Contains(principals(aws.ToString(out.Policy)), service), nil
}

// FunctionURL finds the function URL that has a host name. Its error wraps ErrNotFound if there is none.
func (c *Client) FunctionURL(ctx context.Context, host string) (functionurl.URL, error) {
	all, err := c.Look(ctx)
	if err != nil {
		return functionurl.URL{}, err
	}
	for _, s := range all {
		pages := lambda.NewListFunctionUrlConfigsPaginator(c.lambda, &lambda.ListFunctionUrlConfigsInput{FunctionName: aws.String(s.Name)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if errors.Is(translated(err), ErrNotFound) {
				break // deleted since the look
			}
			if err != nil {
				return functionurl.URL{}, fmt.Errorf("list function URLs of %s: %w", s.Name, err)
			}
			for _, config := range page.FunctionUrlConfigs {
				if u := describeURL(s.Name, &config); strings.EqualFold(u.Host, host) {
					return u, c.qualify(ctx, &u)
				}
			}
		}
	}
	return functionurl.URL{}, fmt.Errorf("function URL %s: %w", host, ErrNotFound)
}

// qualify finds the alias that a function URL belongs to, where the endpoint lists it as if it were the function's own.
func (c *Client) qualify(ctx context.Context, u *functionurl.URL) error {
	is := func(qualifier *string) bool {
		config, err := c.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: aws.String(u.Function), Qualifier: qualifier})
		return err == nil && strings.Contains(aws.ToString(config.FunctionUrl), u.Host)
	}
	if u.Qualifier != "" || is(nil) {
		return nil
	}
	pages := lambda.NewListAliasesPaginator(c.lambda, &lambda.ListAliasesInput{FunctionName: aws.String(u.Function)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list aliases of %s: %w", u.Function, err)
		}
		for _, alias := range page.Aliases {
			if is(alias.Name) {
				u.Qualifier = aws.ToString(alias.Name)
				return nil
			}
		}
	}
	return nil
}

func describeURL(name string, config *types.FunctionUrlConfig) functionurl.URL {
	_, host, _ := strings.Cut(aws.ToString(config.FunctionUrl), "://")
	u := functionurl.URL{
		Host: strings.TrimSuffix(host, "/"), Function: name,
		Signed: config.AuthType == types.FunctionUrlAuthTypeAwsIam, Stream: config.InvokeMode == types.InvokeModeResponseStream,
	}
	// arn:aws:lambda:region:account:function:name:alias
	parts := strings.Split(aws.ToString(config.FunctionArn), ":")
	if len(parts) > 4 {
		u.Account = parts[4]
	}
	if len(parts) > 7 {
		u.Qualifier = parts[7]
	}
	if cors := config.Cors; cors != nil {
		u.CORS = &functionurl.CORS{
			Origins: cors.AllowOrigins, Methods: cors.AllowMethods, Headers: cors.AllowHeaders, Expose: cors.ExposeHeaders,
			Credentials: aws.ToBool(cors.AllowCredentials), MaxAge: int(aws.ToInt32(cors.MaxAge)),
		}
	}
	return u
}
