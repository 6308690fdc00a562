// Package deployed reads back what was deployed: every function of an AWS-compatible endpoint with its
// code, layers and environment, through AWS's own Lambda API and nothing else.
//
// It takes an endpoint and a folder. It gives the functions as package lambdalocal takes them, their
// code and layers unpacked into the folder with the modes that the zips have.
package deployed

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
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

// maxPackage bounds a download: Lambda takes 250 MB unpacked.
const maxPackage = 250 << 20

// Function is a deployed function and what about it is no part of running it.
type Function struct {
	lambdalocal.Function
	Architecture string // "arm64" or "x86_64"
}

// Client reads and redirects the functions of an endpoint.
type Client struct {
	lambda *lambda.Client
	http   *http.Client
}

// Endpoint says where the functions are and who asks.
type Endpoint struct {
	URL, Region, AccessKey, SecretKey string
}

// NewClient makes a client. It opens no connection.
func NewClient(e Endpoint) *Client {
	direct := &http.Client{Transport: &http.Transport{}} // never through the user's proxy
	return &Client{
		http: direct,
		lambda: lambda.New(lambda.Options{
			Region:       e.Region,
			BaseEndpoint: aws.String(e.URL),
			HTTPClient:   direct,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
			}),
		}),
	}
}

// Close gives connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Functions reads every function and unpacks it below dir.
func (c *Client) Functions(ctx context.Context, dir string) ([]Function, error) {
	var functions []Function
	pages := lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list functions: %w", err)
		}
		for _, f := range page.Functions {
			function, err := c.read(ctx, aws.ToString(f.FunctionName), dir)
			if err != nil {
				return nil, fmt.Errorf("read function %s: %w", aws.ToString(f.FunctionName), err)
			}
			functions = append(functions, function)
		}
	}
	return functions, nil
}

func (c *Client) read(ctx context.Context, name, dir string) (Function, error) {
	out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(name)})
	if err != nil {
		return Function{}, fmt.Errorf("get function: %w", err)
	}
	config := out.Configuration
	if config.PackageType == types.PackageTypeImage {
		return Function{}, fmt.Errorf("it is a container image, which the local run cannot run")
	}
	f := describe(config)
	f.Code = filepath.Join(dir, name, "code")
	if err := c.unpack(ctx, aws.ToString(out.Code.Location), f.Code); err != nil {
		return Function{}, fmt.Errorf("code: %w", err)
	}
	for i, layer := range config.Layers {
		arn := aws.ToString(layer.Arn)
		version, err := c.lambda.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: aws.String(arn)})
		if err != nil {
			return Function{}, fmt.Errorf("get layer %s: %w", arn, err)
		}
		unpacked := filepath.Join(dir, name, "layer"+strconv.Itoa(i+1))
		if err := c.unpack(ctx, aws.ToString(version.Content.Location), unpacked); err != nil {
			return Function{}, fmt.Errorf("layer %s: %w", arn, err)
		}
		f.Layers = append(f.Layers, unpacked)
	}
	return f, nil
}

// describe turns AWS's words into ours. The proxy variable is taken out of what the function sees, and
// the timeout that it keeps is put back.
func describe(config *types.FunctionConfiguration) Function {
	f := Function{Function: lambdalocal.Function{
		Name:     aws.ToString(config.FunctionName),
		Version:  aws.ToString(config.Version),
		ARN:      aws.ToString(config.FunctionArn),
		Handler:  aws.ToString(config.Handler),
		Runtime:  string(config.Runtime),
		MemoryMB: int(aws.ToInt32(config.MemorySize)),
		Timeout:  time.Duration(aws.ToInt32(config.Timeout)) * time.Second,
		Env:      map[string]string{},
	}}
	if config.Environment != nil {
		for name, value := range config.Environment.Variables {
			f.Env[name] = value
		}
	}
	if proxy, err := url.Parse(f.Env[proxyVariable]); err == nil {
		if own, err := time.ParseDuration(proxy.Query().Get(timeoutParameter)); err == nil {
			f.Timeout = own
		}
	}
	delete(f.Env, proxyVariable)
	f.Architecture = string(types.ArchitectureX8664) // Lambda's own default
	if len(config.Architectures) > 0 {
		f.Architecture = string(config.Architectures[0])
	}
	return f
}

// HostArchitecture is Lambda's word for this machine's architecture.
func HostArchitecture() string {
	if runtime.GOARCH == "amd64" {
		return string(types.ArchitectureX8664)
	}
	return runtime.GOARCH
}

// Runs tells whether this machine can run binaries of the function's architecture.
func (f Function) Runs() error {
	own := HostArchitecture()
	if own == f.Architecture {
		return nil
	}
	return fmt.Errorf("function %s is deployed for %s and this machine is %s: deploy it for %s", f.Name, f.Architecture, own, own)
}

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
	for name, value := range f.Env {
		env[name] = value
	}
	patience := min(f.Timeout+initAllowance, longestTimeout)
	_, err = c.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String(f.Name),
		Timeout:      aws.Int32(int32(patience / time.Second)),
		Environment:  &types.Environment{Variables: env},
	})
	if err != nil {
		return fmt.Errorf("redirect %s: %w", f.Name, err)
	}
	return nil
}

// unpack downloads a zip and lays it out in a folder.
func (c *Client) unpack(ctx context.Context, location, dir string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("download: %s answers %s", location, response.Status)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	archive, err := os.CreateTemp(filepath.Dir(dir), "download-*.zip")
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	defer os.Remove(archive.Name())
	defer archive.Close()
	size, err := io.Copy(archive, io.LimitReader(response.Body, maxPackage+1))
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if size > maxPackage {
		return fmt.Errorf("download: more than %d MB", maxPackage>>20)
	}
	return unzip(archive, size, dir)
}
