// Package layer lays out the layer that instruments a function: the extension, built from this module's own source, and the
// exec wrapper and hooks beside it.
//
// It takes an architecture and the Go toolchain that a Go CDK app has anyway. It gives a directory that looks like /opt, or a
// zip of it, with the modes that Lambda needs written explicitly, whatever the umask or the file system. It promises the same
// bytes for the same source and toolchain wherever it runs, and it knows nothing of the CDK: the construct, `make layer`, the
// local run and the benchmarks share this one way.
package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/wrapper"
)

// Architectures, by the names that Lambda gives them.
const (
	ARM64  = "arm64"
	X86_64 = "x86_64"
)

// Where things are once Lambda has laid the layer out below Root.
const (
	// Root is where Lambda puts layers.
	Root = "/opt"
	// ExecWrapper is the value of AWS_LAMBDA_EXEC_WRAPPER.
	ExecWrapper = Root + "/" + wrapperDir + "/exec-wrapper"

	// extensionFile is what Lambda starts: every file directly below /opt/extensions is. Its base name is the extension's name.
	extensionFile = "extensions/afterglow"
	// wrapperDir is a name that no runtime searches and no other known layer uses. Directories such as python, nodejs, lib and
	// bin are on the search paths of the user's process and must stay the user's.
	wrapperDir = "afterglow"
)

const (
	modeExecutable fs.FileMode = 0o755
	modePlain      fs.FileMode = 0o644
)

// Options say what to lay out.
type Options struct {
	// Arch is ARM64 or X86_64.
	Arch string
	// Dir is where Build lays the files out. It is made if missing. Only extensions/afterglow and afterglow/ below it are
	// written, and only afterglow/ is cleared before.
	Dir string
	// CacheDir keeps built extensions and zips, by content. Default: afterglow below the user's cache directory; without one
	// the extension is built each time.
	CacheDir string
	// SpareDir is for what CacheDir does not take, because it is full or cannot be written. Default: none.
	SpareDir string
	// Progress is told when the extension really is built, which takes seconds. Default: silent.
	Progress io.Writer
}

// A File is one file of a layer.
type File struct {
	Name string // relative to Root, with slashes
	Mode fs.FileMode
	Data []byte
}

// A Layer is what one architecture's functions find below Root.
type Layer struct {
	Arch  string
	Files []File // sorted by name
}

// Build lays the layer out below o.Dir, as Lambda does below Root.
func Build(ctx context.Context, o Options) error {
	l, err := Make(ctx, o)
	if err != nil {
		return err
	}
	return l.WriteDir(o.Dir)
}

// Zip writes the layer as the zip that Lambda's PublishLayerVersion takes.
func Zip(ctx context.Context, o Options, w io.Writer) error {
	l, err := Make(ctx, o)
	if err != nil {
		return err
	}
	return l.WriteZip(w)
}

// Make builds the extension, or takes it from the cache, and gathers the hooks.
func Make(ctx context.Context, o Options) (Layer, error) {
	goarch, err := goarchOf(o.Arch)
	if err != nil {
		return Layer{}, err
	}
	o = o.completed()
	source, err := findSource(ctx)
	if err != nil {
		return Layer{}, fmt.Errorf("find Afterglow's source: %w", err)
	}
	return makeFrom(ctx, source, goarch, o)
}

// completed fills in what was left out.
func (o Options) completed() Options {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.CacheDir == "" {
		o.CacheDir = DefaultCacheDir()
	}
	return o
}

// makeFrom is Make with the module's source already found.
func makeFrom(ctx context.Context, source moduleSource, goarch string, o Options) (Layer, error) {
	var hooks []wrapper.File
	var hooksErr error
	unpacked := make(chan struct{})
	go func() { // which takes as long as to find and read a built extension
		defer close(unpacked)
		hooks, hooksErr = wrapper.Files()
	}()
	made, err := extension(ctx, source, goarch, o.caches(), o.Progress)
	if err != nil {
		return Layer{}, fmt.Errorf("build Afterglow's extension for linux/%s: %w", goarch, err)
	}
	materials, err := sbom(made)
	if err != nil {
		return Layer{}, err
	}
	license, err := source.license()
	if err != nil {
		return Layer{}, fmt.Errorf("read licence: %w", err)
	}
	if <-unpacked; hooksErr != nil {
		return Layer{}, hooksErr
	}
	l := Layer{Arch: o.Arch, Files: []File{
		{Name: extensionFile, Mode: modeExecutable, Data: made.binary},
		{Name: path.Join(wrapperDir, licenseFile), Mode: modePlain, Data: license},
		{Name: path.Join(wrapperDir, noticesFile), Mode: modePlain, Data: made.notices},
		{Name: path.Join(wrapperDir, sbomFile), Mode: modePlain, Data: materials},
	}}
	for _, hook := range hooks {
		mode := modePlain
		if hook.Executable {
			mode = modeExecutable
		}
		l.Files = append(l.Files, File{Name: path.Join(wrapperDir, hook.Path), Mode: mode, Data: hook.Data})
	}
	slices.SortFunc(l.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// Hash is a digest of names, modes and contents. Two layers with the same hash are the same to a function; CDK's own
// fingerprint would miss a mended mode.
func (l Layer) Hash() string {
	h := sha256.New()
	for _, f := range l.Files {
		fmt.Fprintf(h, "%s %o %d\n", f.Name, f.Mode.Perm(), len(f.Data))
		h.Write(f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Size is the number of bytes below Root, which count into Lambda's limit of 250 MB.
func (l Layer) Size() int {
	n := 0
	for _, f := range l.Files {
		n += len(f.Data)
	}
	return n
}

func goarchOf(arch string) (string, error) {
	switch arch {
	case ARM64:
		return "arm64", nil
	case X86_64:
		return "amd64", nil
	}
	return "", fmt.Errorf("architecture %q: Lambda has %s and %s", arch, ARM64, X86_64)
}
