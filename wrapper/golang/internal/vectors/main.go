// Command vectors writes the records of the spool's vectors with the hook's own writer, for the reader to compare (wrapper/vectors_test.go).
//
// It takes the vectors' manifest and a folder, in which each vector gets a spool.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/afterglow-lambda/afterglow/spool"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

func main() {
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func write(manifest, dir string) error {
	data, err := os.ReadFile(manifest)
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	var vectors []struct {
		Name    string
		Records []struct {
			Header spool.Header
			Body   string
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	for _, v := range vectors {
		env := map[string]string{"AWS_LAMBDA_RUNTIME_API": "none", "AFTERGLOW_SPOOL_DIR": filepath.Join(dir, v.Name)}
		h := hook.New(func(name string) string { return env[name] }, func(string) bool { return false })
		for _, r := range v.Records {
			body, err := base64.StdEncoding.DecodeString(r.Body)
			if err != nil {
				return fmt.Errorf("read %s: %w", v.Name, err)
			}
			var parts [][]byte
			for _, p := range r.Header.Parts {
				parts, body = append(parts, body[:p.Len]), body[p.Len:]
			}
			h.Handler.Record(&hook.Invocation{ID: r.Header.Invocation}, &r.Header, parts...)
		}
	}
	return nil
}
