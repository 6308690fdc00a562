package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// identifyWithin bounds asking an endpoint what it is.
const identifyWithin = 10 * time.Second

// IsMiniStack asks an endpoint whether it is a MiniStack, which alone can hand invocations to another process. Its error
// says that nobody answers there.
func IsMiniStack(ctx context.Context, endpoint string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, identifyWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(endpoint, "/")+healthPath, nil)
	if err != nil {
		return false, fmt.Errorf("ask %s what it is: %w", endpoint, err)
	}
	response, err := directClient().Do(request)
	if err != nil {
		return false, fmt.Errorf("the endpoint %s does not answer: is it running? %w", endpoint, err)
	}
	defer response.Body.Close()
	var health struct {
		Services map[string]any `json:"services"`
	}
	// Others answer such a path in ways of their own, with 200 some of them.
	return response.StatusCode == http.StatusOK && json.NewDecoder(response.Body).Decode(&health) == nil && len(health.Services) > 0, nil
}
