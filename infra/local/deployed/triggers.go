package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Trigger is something that invokes a function, as far as Lambda's own API tells.
type Trigger struct {
	Function string
	From     string // an ARN, an address, or a service
}

// Triggers lists what invokes functions: event source mappings, function URLs, and the services that a function's
// policy lets in (S3, SNS, EventBridge, API Gateway …). What an endpoint does not know is left out.
func (c *Client) Triggers(ctx context.Context, functions []string) ([]Trigger, error) {
	var all []Trigger
	pages := lambda.NewListEventSourceMappingsPaginator(c.lambda, &lambda.ListEventSourceMappingsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list event source mappings: %w", err)
		}
		for _, mapping := range page.EventSourceMappings {
			if source := aws.ToString(mapping.EventSourceArn); source != "" {
				all = append(all, Trigger{functionOfARN(aws.ToString(mapping.FunctionArn)), source})
			}
		}
	}
	for _, name := range functions {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list triggers: %w", err)
		}
		// An endpoint that knows neither answers with an error, as does a function that has none.
		if out, err := c.lambda.ListFunctionUrlConfigs(ctx, &lambda.ListFunctionUrlConfigsInput{FunctionName: aws.String(name)}); err == nil {
			for _, config := range out.FunctionUrlConfigs {
				all = append(all, Trigger{name, aws.ToString(config.FunctionUrl)})
			}
		}
		if out, err := c.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String(name)}); err == nil {
			for _, from := range letIn(aws.ToString(out.Policy)) {
				all = append(all, Trigger{name, from})
			}
		}
	}
	return all, nil
}

func functionOfARN(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 6 {
		return parts[6]
	}
	return arn
}

// grant is a statement of a function's policy that lets a service invoke.
type grant struct {
	service   string
	condition map[string]map[string]any
}

func grants(policy string) []grant {
	var parsed struct {
		Statement []struct {
			Effect    string
			Principal json.RawMessage
			Condition map[string]map[string]any
		}
	}
	if json.Unmarshal([]byte(policy), &parsed) != nil {
		return nil
	}
	var all []grant
	for _, statement := range parsed.Statement {
		var principal struct{ Service string }
		if statement.Effect != "Allow" || json.Unmarshal(statement.Principal, &principal) != nil || principal.Service == "" {
			continue
		}
		all = append(all, grant{principal.Service, statement.Condition})
	}
	return all
}

// principals names the services that a policy lets invoke.
func principals(policy string) []string {
	var all []string
	for _, g := range grants(policy) {
		all = append(all, g.service)
	}
	return all
}

// letIn names the services that a policy lets invoke, with the resource for which they may.
func letIn(policy string) []string {
	var all []string
	for _, g := range grants(policy) {
		from := g.service
		for _, condition := range g.condition {
			for key, value := range condition {
				if arn, is := value.(string); is && strings.EqualFold(key, "AWS:SourceArn") {
					from = arn
				}
			}
		}
		if !slices.Contains(all, from) {
			all = append(all, from)
		}
	}
	return all
}
