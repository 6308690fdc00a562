package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Address is an address that people call: a function URL, or a stage of an API.
type Address struct {
	What string // "function URL of orders"
	URL  string // as AWS names it
}

// maxListing bounds a list of APIs: an account has some hundreds at most.
const maxListing = 8 << 20

// Addresses lists function URLs of these functions, and the REST and HTTP APIs of a MiniStack: nothing is signed, as AWS's own API
// Gateway would want it. Of an API without a stage there is no address.
func (c *Client) Addresses(ctx context.Context, functions []string) ([]Address, error) {
	var all []Address
	for _, name := range functions {
		pages := lambda.NewListFunctionUrlConfigsPaginator(c.lambda, &lambda.ListFunctionUrlConfigsInput{FunctionName: aws.String(name)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				break // deleted since the look, or the endpoint knows no function URLs
			}
			for _, config := range page.FunctionUrlConfigs {
				all = append(all, Address{"function URL of " + name, aws.ToString(config.FunctionUrl)})
			}
		}
	}
	for _, list := range []func(context.Context) ([]Address, error){c.restAPIs, c.httpAPIs} {
		found, err := list(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// restAPIs lists by https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApis.html and API_GetStages.html there.
func (c *Client) restAPIs(ctx context.Context) (all []Address, err error) {
	var apis struct {
		Item []struct{ ID, Name string }
	}
	if err := c.list(ctx, "/restapis", &apis); err != nil {
		return nil, err
	}
	for _, api := range apis.Item {
		var stages struct {
			Item []struct{ StageName string }
		}
		if err := c.list(ctx, "/restapis/"+url.PathEscape(api.ID)+"/stages", &stages); err != nil {
			return nil, err
		}
		for _, stage := range stages.Item {
			all = append(all, Address{"REST API " + api.Name + ", stage " + stage.StageName, c.apiURL(api.ID) + "/" + stage.StageName + "/"})
		}
	}
	return all, nil
}

// httpAPIs lists by https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html.
func (c *Client) httpAPIs(ctx context.Context) (all []Address, err error) {
	var apis struct {
		Items []struct{ APIID, Name, APIEndpoint, ProtocolType string }
	}
	if err := c.list(ctx, "/v2/apis", &apis); err != nil {
		return nil, err
	}
	for _, api := range apis.Items {
		if api.ProtocolType != "HTTP" {
			continue
		}
		var stages struct {
			Items []struct{ StageName string }
		}
		if err := c.list(ctx, "/v2/apis/"+url.PathEscape(api.APIID)+"/stages", &stages); err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(api.APIEndpoint, "/")
		if base == "" {
			base = c.apiURL(api.APIID)
		}
		for _, stage := range stages.Items {
			address := Address{"HTTP API " + api.Name, base + "/"}
			if stage.StageName != "$default" {
				address = Address{address.What + ", stage " + stage.StageName, address.URL + stage.StageName + "/"}
			}
			all = append(all, address)
		}
	}
	return all, nil
}

// apiURL is what AWS calls an API, and the CDK with it.
func (c *Client) apiURL(id string) string {
	return "https://" + id + ".execute-api." + c.endpoint.Region + ".amazonaws.com"
}

// list asks a MiniStack for a list. The header says for whom; the signature is looked at by nobody.
func (c *Client) list(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.endpoint.URL, "/")+path, nil)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20200101/%s/apigateway/aws4_request, SignedHeaders=host, Signature=0",
		c.endpoint.AccessKey, c.endpoint.Region))
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil // deleted since it was listed
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("list %s: the endpoint answers %s", path, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxListing)).Decode(into); err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	return nil
}
