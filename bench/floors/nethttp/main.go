// Command nethttp is the least that an extension written with net/http can be: it registers, asks for events until SHUTDOWN, and does
// nothing else. What any extension costs beyond it, the extension has to answer for.
//
// It takes AWS_LAMBDA_RUNTIME_API and its own file name, gives nothing, and promises to be measured by bench/coldstart as it is:
// standard library, no tuning.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Getenv))
}

func run(ctx context.Context, args []string, getenv func(string) string) int {
	base := "http://" + getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension"
	id, err := register(ctx, base, filepath.Base(args[0]))
	for err == nil {
		var event string
		if event, err = next(ctx, base, id); event == "SHUTDOWN" {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func register(ctx context.Context, base, name string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/register", strings.NewReader(`{"events":["INVOKE","SHUTDOWN"]}`))
	if err != nil {
		return "", fmt.Errorf("register: %w", err)
	}
	request.Header.Set("Lambda-Extension-Name", name)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("register: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("register: %s", response.Status)
	}
	return response.Header.Get("Lambda-Extension-Identifier"), nil
}

func next(ctx context.Context, base, id string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/event/next", nil)
	if err != nil {
		return "", fmt.Errorf("wait for an event: %w", err)
	}
	request.Header.Set("Lambda-Extension-Identifier", id)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("wait for an event: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("wait for an event: %s", response.Status)
	}
	var event struct {
		EventType string `json:"eventType"`
	}
	if err := json.NewDecoder(response.Body).Decode(&event); err != nil {
		return "", fmt.Errorf("read event: %w", err)
	}
	return event.EventType, nil
}
