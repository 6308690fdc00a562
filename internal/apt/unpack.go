package apt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// keyring has the keys of all releases of Debian's, the later ones included; the package debian-archive-keyring brings it.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// ErrNoDebian says that this machine gets no packages from Debian.
var ErrNoDebian = errors.New("this machine gets no packages from Debian")

// Unpack downloads packages of a release of Debian's, which need not be this machine's, and unpacks them into a folder, without installing
// anything, as any user. What the packages depend on is not unpacked with them.
func Unpack(ctx context.Context, release, into string, packages ...string) error {
	repository, err := repository(ctx)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(into, ".packages-*")
	if err != nil {
		return fmt.Errorf("make folder for packages: %w", err)
	}
	defer os.RemoveAll(tmp)
	options, err := private(tmp, release, repository)
	if err != nil {
		return err
	}
	if _, err := run(ctx, append([]string{"apt-get"}, append(options, "update")...)...); err != nil {
		return fmt.Errorf("update lists of %s: %w", release, err)
	}
	download := append(append([]string{"apt-get"}, options...), append([]string{"download"}, packages...)...)
	if _, err := run(ctx, append([]string{"env", "--chdir=" + tmp}, download...)...); err != nil {
		return fmt.Errorf("download %s of %s: %w", strings.Join(packages, ", "), release, err)
	}
	files, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(files) != len(packages) {
		return fmt.Errorf("download %s of %s: there are %d files: %w", strings.Join(packages, ", "), release, len(files), err)
	}
	for _, file := range files {
		if _, err := run(ctx, "dpkg-deb", "--extract", file, into); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
	return nil
}

// repository is where this machine gets Debian's packages from.
func repository(ctx context.Context) (string, error) {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%w: there is no %s", ErrNoDebian, tool)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		return "", fmt.Errorf("%w: %w; install debian-archive-keyring", ErrNoDebian, err)
	}
	out, err := run(ctx, "apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", fmt.Errorf("ask for repositories: %w", err)
	}
	for line := range strings.Lines(out) {
		if uri, ok := strings.CutPrefix(strings.TrimSpace(line), "Debian Debian "); ok {
			return uri, nil
		}
	}
	// Before the first update of its lists, apt knows no labels: an ordinary repository is one without a suffix.
	for line := range strings.Lines(out) {
		if uri := strings.TrimSpace(line); strings.HasSuffix(uri, "/debian") || strings.HasSuffix(uri, "/debian/") {
			return uri, nil
		}
	}
	return "", ErrNoDebian
}

// private makes the folders of an apt of its own, and gives the options that have it use them.
func private(dir, release, repository string) ([]string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve folder for packages: %w", err)
	}
	for _, folder := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return nil, fmt.Errorf("make folder for packages: %w", err)
		}
	}
	sources := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, repository, release)
	for name, content := range map[string]string{"sources.list": sources, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, fmt.Errorf("write sources: %w", err)
		}
	}
	var options []string
	for name, value := range map[string]string{
		"Dir::Etc::sourcelist": filepath.Join(dir, "sources.list"), "Dir::Etc::sourceparts": "-", "Dir::State::status": filepath.Join(dir, "status"),
		"Dir::State::lists": filepath.Join(dir, "lists"), "Dir::Cache": dir, "Acquire::Languages": "none", "APT::Sandbox::User": "",
		"DPkg::Lock::Timeout": patience, "quiet": "2",
	} {
		options = append(options, "-o", name+"="+value)
	}
	return options, nil
}
