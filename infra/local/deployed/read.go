package deployed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// maxPackage bounds a download: Lambda takes 250 MB unpacked.
const maxPackage = 250 << 20

// ErrNotFound says that a function, version or alias does not exist (any more).
var ErrNotFound = errors.New("it does not exist")

// Look lists the functions without reading them: one request for every fifty.
func (c *Client) Look(ctx context.Context) ([]Seen, error) {
	var all []Seen
	pages := lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list functions: %w", c.explained(ctx, err))
		}
		for _, config := range page.Functions {
			all = append(all, c.seen(&config))
		}
	}
	return all, nil
}

// Find is Look for one function. Its error wraps ErrNotFound if there is none.
func (c *Client) Find(ctx context.Context, name string) (Seen, error) {
	out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(name)})
	if err != nil {
		return Seen{}, fmt.Errorf("find function %s: %w", name, translated(err))
	}
	return c.seen(out.Configuration), nil
}

// Functions reads every function and unpacks it below dir. A function that cannot be read or run is given with its
// Problem; known is asked for each before, and may have it already.
func (c *Client) Functions(ctx context.Context, dir string, known func(Seen) (Function, bool)) ([]Function, error) {
	all, err := c.Look(ctx)
	if err != nil {
		return nil, err
	}
	var functions []Function
	for _, s := range all {
		if f, have := known(s); have {
			functions = append(functions, f)
			continue
		}
		f, err := c.Read(ctx, s, dir)
		if errors.Is(err, ErrNotFound) {
			continue // deleted since the look
		}
		if err != nil {
			return nil, err
		}
		functions = append(functions, f)
	}
	return functions, nil
}

// Read reads one function and unpacks it into a new folder below dir.
func (c *Client) Read(ctx context.Context, s Seen, dir string) (Function, error) {
	f, err := c.read(ctx, s.Name, "", dir)
	f.Fingerprint = s.Fingerprint
	return f, err
}

// Resolve gives the version that a qualifier leads to: itself, or the one that an alias has, by its weights.
func (c *Client) Resolve(ctx context.Context, name, qualifier string) (string, error) {
	if _, err := strconv.Atoi(qualifier); err == nil {
		return qualifier, nil
	}
	alias, err := c.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(name), Name: aws.String(qualifier)})
	if err != nil {
		return "", fmt.Errorf("get alias %s of %s: %w", qualifier, name, translated(err))
	}
	if alias.RoutingConfig != nil {
		dice := rand.Float64() // a share of invocations
		for version, weight := range alias.RoutingConfig.AdditionalVersionWeights {
			if dice -= weight; dice < 0 {
				return version, nil
			}
		}
	}
	return aws.ToString(alias.FunctionVersion), nil
}

// Version reads a published version.
func (c *Client) Version(ctx context.Context, name, version, dir string) (Function, error) {
	return c.read(ctx, name, version, dir)
}

// Provisioned is how many environments of a version, or of an alias, are kept ready; 0 if none are.
func (c *Client) Provisioned(ctx context.Context, name, qualifier string) int {
	out, err := c.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String(name), Qualifier: aws.String(qualifier),
	})
	if err != nil {
		return 0 // there is no such configuration, or the endpoint does not know of any
	}
	return int(aws.ToInt32(out.RequestedProvisionedConcurrentExecutions))
}

// read gives an error only if there is no function or no answer; what is wrong with the function is its Problem.
func (c *Client) read(ctx context.Context, name, qualifier, dir string) (Function, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := &lambda.GetFunctionInput{FunctionName: aws.String(name)}
	if qualifier != "" {
		in.Qualifier = aws.String(qualifier)
	}
	out, err := c.lambda.GetFunction(ctx, in)
	if err != nil {
		return Function{}, fmt.Errorf("get function %s: %w", name, translated(err))
	}
	f := c.describe(out.Configuration)
	f.LogicalID = out.Tags["aws:cloudformation:logical-id"]
	f.Stack = out.Tags["aws:cloudformation:stack-name"]
	if f.Problem != nil {
		return f, nil
	}
	c.reads++
	f.Problem = c.unpackAll(ctx, &f, out, filepath.Join(dir, fmt.Sprintf("%d-%s", c.reads, name)), filepath.Join(dir, "layers"))
	if err := ctx.Err(); err != nil {
		return Function{}, fmt.Errorf("read function %s: %w", name, err)
	}
	return f, nil
}

func (c *Client) unpackAll(ctx context.Context, f *Function, out *lambda.GetFunctionOutput, dir, layers string) error {
	location := ""
	if out.Code != nil {
		location = aws.ToString(out.Code.Location)
	}
	var err error
	if f.Code, err = c.content(ctx, f.Name, location, dir); err != nil {
		return fmt.Errorf("its code: %w", err)
	}
	for _, layer := range out.Configuration.Layers {
		folder, err := c.layer(ctx, aws.ToString(layer.Arn), layers)
		if err != nil {
			return fmt.Errorf("its layer %s: %w", aws.ToString(layer.Arn), err)
		}
		f.Layers = append(f.Layers, folder)
	}
	return nil
}

// layer gives the folder of an unpacked layer version, which all functions share.
func (c *Client) layer(ctx context.Context, arn, dir string) (string, error) {
	if folder, known := c.layers[arn]; known {
		return folder, nil
	}
	// arn:aws:lambda:region:account:layer:name:version
	parts := strings.Split(arn, ":")
	name := arn
	if len(parts) > 6 {
		name = parts[6]
	}
	location := ""
	if c.endpoint.Code[name] == "" {
		version, err := c.lambda.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: aws.String(arn)})
		if err != nil {
			return "", fmt.Errorf("get layer: %w", err)
		}
		if version.Content != nil {
			location = aws.ToString(version.Content.Location)
		}
	}
	folder, err := c.content(ctx, name, location, filepath.Join(dir, strconv.Itoa(len(c.layers)+1)))
	if err == nil {
		c.layers[arn] = folder
	}
	return folder, err
}

// content gives the folder of a function's or a layer's content: the one that the user named, or dir with what the
// endpoint's zip has.
func (c *Client) content(ctx context.Context, name, location, dir string) (string, error) {
	if own := c.endpoint.Code[name]; own != "" {
		folder, err := filepath.Abs(own)
		if err != nil {
			return "", fmt.Errorf("find folder %s: %w", own, err)
		}
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return "", fmt.Errorf("there is no folder %s, which was named as the code of %s", folder, name)
		}
		return folder, nil
	}
	address, err := url.Parse(location)
	switch {
	case err != nil || address.Scheme != "http" && address.Scheme != "https":
		return "", fmt.Errorf("the endpoint does not hand it out (its location is %q): name its folder by --code %s=FOLDER", location, name)
	case IsAWS(location) && !IsAWS(c.endpoint.URL):
		return "", fmt.Errorf("the endpoint says that it is in a real AWS account (%s), which is not asked: name its folder by --code %s=FOLDER", address.Host, name)
	}
	return dir, c.unpack(ctx, location, dir)
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
		return fmt.Errorf("download: %s answers %s", request.URL.Host, response.Status)
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

// translated makes AWS's word for "not found" ours.
func translated(err error) error {
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}
