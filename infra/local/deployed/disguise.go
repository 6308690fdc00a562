package deployed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Undisguise takes what Redirect has written out of an answer of Lambda's API: the variable, and the longer timeout. published are
// the versions that the answer tells of and that keep both, as name:version. What is no such answer is given back as it is.
func Undisguise(answer []byte) (plain []byte, published []string) {
	if !bytes.Contains(answer, []byte(proxyVariable)) {
		return answer, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber() // as they were written
	var tree any
	if decoder.Decode(&tree) != nil {
		return answer, nil
	}
	undisguise(tree, &published)
	plain, err := json.Marshal(tree)
	if err != nil {
		return answer, nil // cannot happen: it came from JSON
	}
	return plain, published
}

func undisguise(tree any, published *[]string) {
	switch node := tree.(type) {
	case []any:
		for _, part := range node {
			undisguise(part, published)
		}
	case map[string]any:
		environment, _ := node["Environment"].(map[string]any)
		variables, _ := environment["Variables"].(map[string]any)
		if address, is := variables[proxyVariable].(string); is {
			delete(variables, proxyVariable)
			if len(variables) == 0 {
				delete(node, "Environment") // Lambda has none then
			}
			if own, kept := ownTimeout(address); kept {
				node["Timeout"] = int(own / time.Second)
			}
			name, _ := node["FunctionName"].(string)
			if version, _ := node["Version"].(string); version != latest && name != "" && version != "" {
				*published = append(*published, name+":"+version)
			}
		}
		for _, part := range node {
			undisguise(part, published)
		}
	}
}

// Tied lists the published versions of a function, as name:version, that lead to an address that starts with to: a version cannot be
// changed, so they do for good.
func (c *Client) Tied(ctx context.Context, name, to string) ([]string, error) {
	var tied []string
	pages := lambda.NewListVersionsByFunctionPaginator(c.lambda, &lambda.ListVersionsByFunctionInput{FunctionName: aws.String(name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list versions of %s: %w", name, translated(err))
		}
		for _, config := range page.Versions {
			version := aws.ToString(config.Version)
			if version != latest && config.Environment != nil && strings.HasPrefix(config.Environment.Variables[proxyVariable], to) {
				tied = append(tied, name+":"+version)
			}
		}
	}
	return tied, nil
}
