// Command layer writes Afterglow's layer as zips, one for each architecture, for anyone who deploys by other means than the
// construct: exactly the layers that the construct makes.
//
// It prints name, size and sha256 of each. The same source and Go toolchain give the same bytes on every machine.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("layer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", "dist", "directory to write the zips to")
	cache := flags.String("cache", "", "directory that keeps built extensions (default afterglow below the user's cache directory)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	for _, arch := range []string{layer.ARM64, layer.X86_64} {
		if err := write(ctx, arch, *out, *cache, stdout, stderr); err != nil {
			fmt.Fprintln(stderr, "layer:", err)
			return 1
		}
	}
	return 0
}

func write(ctx context.Context, arch, out, cache string, stdout, stderr io.Writer) error {
	made, err := layer.Make(ctx, layer.Options{Arch: arch, CacheDir: cache, Progress: stderr})
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := made.WriteZip(&archive); err != nil {
		return err
	}
	name := filepath.Join(out, "afterglow-layer-"+arch+".zip")
	if err := makeDir(out); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	// The mode after a umask is for others than this user too: somebody else, or another container, deploys the zip.
	if err := errors.Join(os.WriteFile(name, archive.Bytes(), 0o644), os.Chmod(name, 0o644)); err != nil {
		return fmt.Errorf("write layer: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "%x  %s  %.2f MiB zipped, %.2f MiB unzipped\n",
		sha256.Sum256(archive.Bytes()), name, mebibytes(archive.Len()), mebibytes(made.Size()))
	return err
}

// makeDir makes a directory that others may read, whatever the umask. One that is there already stays as it is.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755))
}

func mebibytes(n int) float64 { return float64(n) / (1 << 20) }
