package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

// Compile compiles the app of a cdk.json that is started by `go run`, so that this can be told package by
// package: the CDK takes minutes the first time, and `cdk deploy` says nothing meanwhile. What is kept is
// in Go's own build cache; the binary goes to a file that nobody needs.
func Compile(ctx context.Context, goCommand, app, file string, output io.Writer) (string, error) {
	text, err := os.ReadFile(filepath.Join(app, "cdk.json"))
	if err != nil {
		return "", fmt.Errorf("compile the app: %w", err)
	}
	var settings struct {
		App string `json:"app"`
	}
	if err := json.Unmarshal(text, &settings); err != nil {
		return "", fmt.Errorf("compile the app: read cdk.json: %w", err)
	}
	target, isGo := strings.CutPrefix(settings.App, "go run ")
	if !isGo {
		return "not needed", nil
	}
	err = child.Run(ctx, child.Command{
		Name: "go build", Args: []string{goCommand, "build", "-v", "-o", file, target},
		Dir: app, Env: os.Environ(), Output: output,
	})
	if err != nil {
		return "", fmt.Errorf("compile the app: %w", err)
	}
	return "go build " + target, os.Remove(file)
}
