package runtimes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/afterglow-lambda/afterglow/internal/apt"
)

// rubyReleases are the releases of Debian that have a Ruby which is one of Lambda's too. It is unpacked, with the libraries that it was linked to, because
// this machine's may be older.
func rubyReleases() map[string]string { return map[string]string{"3.3": "trixie"} }

// rubyPackages are Ruby and all that it is linked to.
func rubyPackages(version string) []string {
	return []string{"ruby" + version, "libruby" + version, "libc6", "libcrypt1", "libffi8", "libgcc-s1", "libgmp10", "libssl3t64", "libyaml-0-2", "libzstd1", "zlib1g"}
}

// rubyLauncher starts a Ruby from wherever it lies, with its own loader. RUBYLIB takes the place of the folders that were compiled in.
const rubyLauncher = `#!/bin/sh
root=${0%%/bin/ruby}
libraries=$root/usr/lib/%[2]s
export RUBYLIB="${RUBYLIB:+$RUBYLIB:}$root/usr/lib/ruby/vendor_ruby:$root/usr/lib/ruby/%[1]s.0:$libraries/ruby/%[1]s.0"
exec "$libraries/%[3]s" --library-path "$libraries" "$root/usr/bin/ruby%[1]s" "$@"
`

// machines are Debian's names for what Go calls GOARCH: of the folder of libraries, and of the loader.
func machines() map[string][2]string {
	return map[string][2]string{"amd64": {"x86_64-linux-gnu", "ld-linux-x86-64.so.2"}, "arm64": {"aarch64-linux-gnu", "ld-linux-aarch64.so.1"}}
}

// debianRuby unpacks a Ruby of a release of Debian's, for machines that have none of that version. ok is false where there is none to unpack.
func (in *installer) debianRuby(ctx context.Context, version string) (r ruby, ok bool, err error) {
	release, known := rubyReleases()[version]
	machine, runs := machines()[runtime.GOARCH]
	if !known || !runs || runtime.GOOS != "linux" {
		return ruby{}, false, nil
	}
	launcher := fmt.Sprintf(rubyLauncher, version, machine[0], machine[1])
	packages := rubyPackages(version)
	dir, err := in.ensure(ctx, "ruby"+version+"-"+release, fmt.Sprint(release, packages, launcher), func(ctx context.Context, tmp string) error {
		in.say("unpacking Ruby %s of Debian %s (15 MB)", version, release)
		if err := apt.Unpack(ctx, release, tmp, packages...); err != nil {
			return fmt.Errorf("unpack Ruby %s: %w; %w", version, ErrMissing, err)
		}
		if err := os.MkdirAll(filepath.Join(tmp, "bin"), 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		return os.WriteFile(filepath.Join(tmp, "bin", "ruby"), []byte(launcher), 0o755) //nolint:wrapcheck // its error names the file
	})
	if errors.Is(err, apt.ErrNoDebian) {
		return ruby{}, false, nil
	}
	if err != nil {
		return ruby{}, false, err
	}
	return ruby{version: version, full: version + " of Debian " + release, api: version + ".0", prefix: dir}, true, nil
}
