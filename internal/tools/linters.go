package tools

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

//go:embed linters/requirements.txt
var linterRequirements []byte

//go:embed linters/package.json
var linterPackage []byte

//go:embed linters/package-lock.json
var linterLock []byte

// Linters read what other tools than the CDK are told: the recipes of docs/other-tools.md.
type Linters struct {
	Python  string   // an interpreter with hcl2, Terraform's language, and yaml
	TSC     []string // the command of the TypeScript compiler
	Modules string   // node_modules, where @serverless/typescript has the types of the Serverless Framework's configuration
}

// RecipeLinters installs the linters into a folder.
func RecipeLinters(ctx context.Context, m Machine, folder string, output io.Writer) (Linters, error) {
	python := placeOf(folder, "linters-python")
	if err := installPython(ctx, m, python, linterRequirements, output); err != nil {
		return Linters{}, fmt.Errorf("install readers of recipes: %w", err)
	}
	node := placeOf(folder, "linters-node")
	if err := installNode(ctx, m, node, folder, linterPackage, linterLock, output); err != nil {
		return Linters{}, fmt.Errorf("install the types of the Serverless Framework: %w", err)
	}
	modules := filepath.Join(node, "node_modules")
	return Linters{Python: filepath.Join(python, "bin", "python"), TSC: []string{m.Node, filepath.Join(modules, "typescript", "bin", "tsc")}, Modules: modules}, nil
}

// installNode installs packages into a folder of their own. folder has the cache.
func installNode(ctx context.Context, m Machine, dir, folder string, manifest, lock []byte, output io.Writer) error {
	return install(ctx, dir, [][]byte{manifest, lock, []byte(m.NodeVersion)}, output, func() error {
		for name, content := range map[string][]byte{"package.json": manifest, "package-lock.json": lock} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
		}
		return child.Run(ctx, child.Command{
			Name: "npm ci",
			Args: []string{m.Npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", filepath.Join(folder, "npm-cache")},
			Dir:  dir, Env: os.Environ(), Output: output,
		})
	})
}
