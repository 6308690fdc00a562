package deployed

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// proxyVariable puts a function of MiniStack into proxy mode: it is not executed there, every
// invocation from whatever trigger is POSTed to this address.
const proxyVariable = "MINISTACK_LAMBDA_PROXY_URL"

// timeoutParameter of the proxy address keeps the function's own timeout; see Redirect.
const timeoutParameter = "timeout"

// initAllowance is added to a function's timeout while MiniStack waits for our answer: there the time
// of a cold start counts as the function's, on AWS (and in our local Lambda) it does not.
const initAllowance = 60 * time.Second

// longestTimeout is Lambda's.
const longestTimeout = 900 * time.Second

// stretch is what Redirect has made of a function's timeout.
type stretch struct{ from, to time.Duration }

// Redirect makes MiniStack send every invocation of a function to an address instead of executing it.
//
// MiniStack waits for the answer as long as the function's timeout is, so that is lengthened there by
// what a cold start may take; the function's own, which our local Lambda keeps, stays in the address.
func (c *Client) Redirect(ctx context.Context, f Function, to string) error {
	address, err := url.Parse(to)
	if err != nil {
		return fmt.Errorf("redirect %s: %w", f.Name, err)
	}
	query := address.Query()
	query.Set(timeoutParameter, f.Timeout.String())
	address.RawQuery = query.Encode()
	env := map[string]string{proxyVariable: address.String()}
	maps.Copy(env, f.Env)
	patience := min(f.Timeout+initAllowance, longestTimeout)
	if err := c.configure(ctx, f.Name, patience, env); err != nil {
		return fmt.Errorf("redirect %s: %w", f.Name, err)
	}
	c.stretchedMu.Lock()
	defer c.stretchedMu.Unlock()
	c.stretched[f.Name] = stretch{from: f.Timeout, to: patience}
	return nil
}

// Restore takes Redirect back, if the function still leads to an address that starts with to: what was deployed
// meanwhile stays, and so does somebody else's redirect.
func (c *Client) Restore(ctx context.Context, name, to string) error {
	config, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(name)})
	if err != nil {
		return fmt.Errorf("set %s back: %w", name, translated(err))
	}
	env := map[string]string{}
	if config.Environment != nil {
		maps.Copy(env, config.Environment.Variables)
	}
	timeout := time.Duration(aws.ToInt32(config.Timeout)) * time.Second
	own, kept := ownTimeout(env[proxyVariable])
	c.stretchedMu.Lock()
	s, ours := c.stretched[name]
	c.stretchedMu.Unlock()
	switch {
	case strings.HasPrefix(env[proxyVariable], to):
		delete(env, proxyVariable)
		if kept {
			timeout = own
		}
	case env[proxyVariable] == "" && ours && timeout == s.to: // deployed anew, without a timeout
		timeout = s.from
	default:
		return nil
	}
	if err := c.configure(ctx, name, timeout, env); err != nil {
		return fmt.Errorf("set %s back: %w", name, err)
	}
	return nil
}

func (c *Client) configure(ctx context.Context, name string, timeout time.Duration, env map[string]string) error {
	if c.endpoint.ReadOnly {
		return errReadOnly // at once: an SDK tries again what its transport refuses
	}
	_, err := c.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String(name),
		Timeout:      aws.Int32(int32(timeout / time.Second)),
		Environment:  &types.Environment{Variables: env},
	})
	return err
}
