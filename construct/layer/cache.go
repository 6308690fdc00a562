package layer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// cacheLife is how long a file that nobody asks for stays in the cache.
const cacheLife = 30 * 24 * time.Hour

// cached are the names of the cache's files: whatever else is in its directory is left alone.
var cached = []string{"extension-*", "layer-*.zip", "layer-*.zip" + sumSuffix}

// DefaultCacheDir is afterglow below the user's cache directory, "" where there is none (a build container without a home).
func DefaultCacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "afterglow")
}

// Archive gives the path of the layer's zip and the layer's hash. The zip is kept in o.CacheDir by content, so that the path
// stays valid after the process has ended; unlike Build it needs that directory.
func Archive(ctx context.Context, o Options) (file, hash string, err error) {
	if o.CacheDir == "" {
		o.CacheDir = DefaultCacheDir()
	}
	if o.CacheDir == "" {
		return "", "", fmt.Errorf("keep the layer's zip: this user has no cache directory and none was given")
	}
	l, err := Make(ctx, o)
	if err != nil {
		return "", "", err
	}
	hash = l.Hash()
	file = filepath.Join(o.CacheDir, "layer-"+o.Arch+"-"+hash[:32]+".zip")
	if intact(file) {
		used(file)
		used(file + sumSuffix)
		return file, hash, nil
	}
	var archive bytes.Buffer
	if err := l.WriteZip(&archive); err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(archive.Bytes())
	if err := errors.Join(keep(file, archive.Bytes()), keep(file+sumSuffix, sum[:])); err != nil {
		return "", "", err
	}
	return file, hash, nil
}

// keep puts a file into the cache and drops those that were not used for long.
func keep(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	if err := replaceFile(name, File{Mode: modePlain, Data: data}); err != nil {
		return fmt.Errorf("fill cache: %w", err)
	}
	used(name)
	trim(filepath.Dir(name))
	return nil
}

// seal puts a digest in front of what is cached. A machine that lost its power may leave a file under its full name that is empty or
// cut, and an extension like that would fail every function that it is deployed to.
func seal(data []byte) []byte {
	sum := sha256.Sum256(data)
	return append(sum[:], data...)
}

// unseal reads what seal made, if it is still that.
func unseal(name string) ([]byte, bool) {
	sealed, err := os.ReadFile(name)
	if err != nil || len(sealed) < sha256.Size {
		return nil, false
	}
	data := sealed[sha256.Size:]
	return data, sha256.Sum256(data) == [sha256.Size]byte(sealed)
}

// sumSuffix is behind the name of a cached zip, for the file with its digest.
const sumSuffix = ".sha256"

// intact tells whether a cached zip is still what was written. Its digest is read faster than it is unpacked.
func intact(name string) bool {
	data, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(data)
	kept, err := os.ReadFile(name + sumSuffix)
	return err == nil && bytes.Equal(kept, sum[:])
}

// used makes a cached file live longer. Nothing depends on its success.
func used(name string) {
	now := time.Now()
	_ = os.Chtimes(name, now, now)
}

// trim drops what was not used for long. Another process may be at it too, so a file that is gone is no error.
func trim(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		ours := slices.ContainsFunc(cached, func(pattern string) bool {
			match, err := filepath.Match(pattern, entry.Name())
			return err == nil && match
		})
		if info, err := entry.Info(); err == nil && ours && time.Since(info.ModTime()) > cacheLife {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
