package cloud

import (
	"context"
	"fmt"
	"net/url"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
)

// EndpointSteps is how many steps Up tells of when there is an endpoint.
const EndpointSteps = 3

// upEndpoint takes functions from an endpoint that is there.
func (c *Cloud) upEndpoint(ctx context.Context) error {
	log := c.opt.Log
	var functions []deployed.Function
	return firstError(
		func() error {
			return log.Do("asking "+c.opt.Endpoint+" what it is", func(*progress.Step) (_ string, err error) {
				if c.kind, err = identify(ctx, c.opt.Endpoint, c.opt.ReadAWS); err != nil {
					c.kind = KindOther // nothing is set back
					return "", err
				}
				who := c.opt.Credentials
				err = c.open(ctx, deployed.Endpoint{
					URL: c.opt.Endpoint, Region: c.region(), AccessKey: who.AccessKey, SecretKey: who.SecretKey, SessionToken: who.SessionToken,
					ReadOnly: c.kind != KindMiniStack, Code: c.opt.Code,
				})
				if err == nil && c.kind == KindMiniStack {
					err = c.noteRedirects()
				}
				return string(c.kind), err
			})
		},
		func() error {
			return log.Do("reading the functions through Lambda's API", func(s *progress.Step) (_ string, err error) {
				functions, err = c.read(ctx, s)
				return fmt.Sprintf("%d functions with code, layers and environment", len(functions)), err
			})
		},
		func() error {
			return log.Do("starting a local Lambda with AWS's runtime clients", func(s *progress.Step) (string, error) {
				used, err := c.serve(ctx, functions, s)
				if err == nil && c.kind != KindMiniStack {
					c.triggers, err = c.client.Triggers(ctx, c.Functions())
				}
				return used, err
			})
		},
	)
}

// identify tells what an endpoint is, and refuses a real account unless it was asked for.
func identify(ctx context.Context, endpoint string, readAWS bool) (Kind, error) {
	address, err := url.Parse(endpoint)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		return "", fmt.Errorf("the endpoint %q is no address like http://127.0.0.1:4566", endpoint)
	}
	if deployed.IsAWS(endpoint) {
		if !readAWS {
			return "", fmt.Errorf("%s is a real AWS account; with --read-aws its functions, their environment (secrets in it too), code and layers "+
				"would be read and run on this machine, with no way for them to reach the account; nothing of the account would be changed", endpoint)
		}
		return KindAWS, nil
	}
	is, err := localaws.IsMiniStack(ctx, endpoint)
	switch {
	case err != nil:
		return "", err
	case is:
		return KindMiniStack, nil
	}
	return KindOther, nil
}
