package cloud

import (
	"bytes"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// What a function that answers custom resources needs here and on AWS has by other means.
//
//go:embed customresource
var customResource embed.FS

// maxSource bounds what is searched of a file: handlers are bundled into one, with their SDK.
const maxSource = 16 << 20

// forCustomResources has a Node.js function that answers custom resources find the local AWS. Others stay as they are.
func forCustomResources(f deployed.Function, rt runtimes.Runtime) (runtimes.Runtime, error) {
	if !strings.HasPrefix(rt.Name, "nodejs") || len(rt.Command) == 0 {
		return rt, nil
	}
	mentioned, err := mentions(f.Code, "ResponseURL", ".js", ".cjs", ".mjs")
	if err != nil || !mentioned {
		return rt, err
	}
	module, err := customResource.ReadFile("customresource/answer.mjs")
	if err != nil {
		return rt, fmt.Errorf("read module: %w", err)
	}
	// As data: no file of ours is in the function's environment.
	option := "--import=data:text/javascript;base64," + base64.StdEncoding.EncodeToString(module)
	rt.Command = slices.Insert(slices.Clone(rt.Command), 1, option)
	return rt, nil
}

// layBeside lays beside inline code the module that CloudFormation does: cfnresponse of Python, cfn-response of Node.js
// (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/cfn-lambda-function-code-cfnresponsemodule.html). Inline
// code is one file, "index".
func layBeside(code string) error {
	entries, err := os.ReadDir(code)
	if err != nil {
		return fmt.Errorf("look at code: %w", err)
	}
	if len(entries) != 1 {
		return nil
	}
	inline := map[string][2]string{"index.py": {"cfnresponse", "cfnresponse.py"}, "index.js": {"cfn-response", "cfn-response.js"}}
	module, is := inline[entries[0].Name()]
	if !is {
		return nil
	}
	source, err := os.ReadFile(filepath.Join(code, entries[0].Name()))
	if err != nil {
		return fmt.Errorf("read code: %w", err)
	}
	if !bytes.Contains(source, []byte(module[0])) {
		return nil
	}
	text, err := customResource.ReadFile("customresource/" + module[1])
	if err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	target := filepath.Join(code, module[1])
	if module[1] == "cfn-response.js" { // it is required by its bare name
		target = filepath.Join(code, "node_modules", module[1])
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("lay module beside inline code: %w", err)
		}
	}
	if err := os.WriteFile(target, text, 0o644); err != nil {
		return fmt.Errorf("lay module beside inline code: %w", err)
	}
	return nil
}

// errFound ends a walk.
var errFound = errors.New("found")

// mentions tells whether a file of a function's own, with one of the extensions, has a word.
func mentions(dir, word string, extensions ...string) (bool, error) {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains(extensions, filepath.Ext(path)):
			return nil
		}
		info, err := entry.Info()
		if err != nil || info.Size() > maxSource {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(word)) {
			return errFound
		}
		return err
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("search code: %w", err)
	}
	return false, nil
}
