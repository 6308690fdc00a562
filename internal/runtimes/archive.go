package runtimes

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// unpackEntry writes a file of an archive, with a mode: the archives that are unpacked here keep none.
func unpackEntry(f *zip.File, path string, mode os.FileMode) error {
	if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
		return fmt.Errorf("unpack %s: it would lie outside", f.Name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	if _, err := io.Copy(out, in); err != nil { //nolint:gosec // G110: the archive is pinned by its digest
		out.Close()
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	return out.Close()
}
