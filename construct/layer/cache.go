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

// ErrNotKept is why Archive fails where no directory takes the zip: none was given, it cannot be written, or it is full.
var ErrNotKept = errors.New("the layer's zip cannot be kept")

// Archive gives the path of the layer's zip and the layer's hash. The zip is kept in o.CacheDir or o.SpareDir by content, so that
// the path stays valid after the process has ended; unlike Build it needs one of these directories.
func Archive(ctx context.Context, o Options) (file, hash string, err error) {
	o = o.completed()
	if len(o.caches()) == 0 {
		return "", "", fmt.Errorf("%w: this user has no cache directory and none was given", ErrNotKept)
	}
	l, err := Make(ctx, o)
	if err != nil {
		return "", "", err
	}
	return l.archive(o)
}

// archive is Archive with the layer made.
func (l Layer) archive(o Options) (file, hash string, err error) {
	hash = l.Hash()
	name := "layer-" + l.Arch + "-" + hash[:32] + ".zip"
	for _, dir := range o.caches() {
		file = filepath.Join(dir, name)
		used(file) // before it is read: another process that was about to drop it has done so by then
		used(file + sumSuffix)
		if intact(file) {
			return file, hash, nil
		}
	}
	var archive bytes.Buffer
	if err := l.WriteZip(&archive); err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(archive.Bytes())
	dir, err := keep(o.caches(), File{Name: name, Data: archive.Bytes()}, File{Name: name + sumSuffix, Data: sum[:]})
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	return filepath.Join(dir, name), hash, nil
}

// caches are the directories that built extensions and zips are looked for and kept in, in this order.
func (o Options) caches() []string {
	return slices.DeleteFunc([]string{o.CacheDir, o.SpareDir}, func(dir string) bool { return dir == "" })
}

// keep puts files into the first directory that takes them all, and gives it. Without directories it keeps nothing.
func keep(dirs []string, files ...File) (string, error) {
	var failed []error
	for _, dir := range dirs {
		err := fill(dir, files)
		if err == nil {
			return dir, nil
		}
		failed = append(failed, err)
	}
	return "", errors.Join(failed...)
}

// fill puts files into a cache and drops those that were not used for long.
func fill(dir string, files []File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	for _, f := range files {
		f.Mode = modePlain
		// Dated before it has its name: another process's trim would take the epoch for its age.
		if err := replaceFile(filepath.Join(dir, f.Name), f, time.Now()); err != nil {
			return fmt.Errorf("fill cache: %w", err)
		}
	}
	trim(dir)
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
