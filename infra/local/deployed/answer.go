package deployed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
)

const (
	// listPath is where Lambda's API lists functions.
	listPath = "/2015-03-31/functions/"

	// shownOfAnswer is how much of an answer an error shows: enough to know a server by.
	shownOfAnswer = 200

	// unknownCode is the code of an error that an SDK found no code in.
	unknownCode = "UnknownError"
)

// explained tells what an endpoint answers that is no AWS: what an SDK says of it is about its own parser.
func (c *Client) explained(ctx context.Context, err error) error {
	var api smithy.APIError
	var unread *smithy.DeserializationError
	if !errors.As(err, &unread) && (!errors.As(err, &api) || api.ErrorCode() != unknownCode) {
		return err
	}
	request, failed := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.endpoint.URL, "/")+listPath, nil)
	if failed != nil {
		return err
	}
	response, failed := c.http.Do(request)
	if failed != nil {
		return err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, shownOfAnswer)) // what can be read of it
	return fmt.Errorf("%s does not answer like Lambda's API: to GET %s it says %s, %q; name the endpoint of an AWS-compatible server", c.endpoint.URL, listPath, response.Status, text)
}
