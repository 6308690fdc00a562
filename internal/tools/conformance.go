package tools

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

// RIEVersion is the release of aws-sam-cli whose wheel carries AWS's Runtime Interface Emulator ready
// built; its hash pins the emulator.
const (
	RIEVersion = "1.170.0"
	rieHash    = "sha256:24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
)

// WebAdapterVersion is the version of AWS's lambda_web_adapter on crates.io.
const WebAdapterVersion = "1.0.0-rc1"

// buildLimit bounds a build of Rust crates: about two minutes on two cores that others use too.
const buildLimit = 15 * time.Minute

// ErrNoCargo says that this machine has no Rust.
var ErrNoCargo = errors.New("cargo not found; see https://rustup.rs")

// RIE brings AWS's Runtime Interface Emulator, a Linux program, for this machine's processor, and returns
// its path.
func RIE(ctx context.Context, m Machine, folder string, output io.Writer) (string, error) {
	arch, ok := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("install the Runtime Interface Emulator: AWS has none for %s", runtime.GOARCH)
	}
	dir := placeOf(folder, "rie")
	binary := filepath.Join(dir, "aws-lambda-rie")
	err := install(ctx, dir, [][]byte{[]byte(RIEVersion), []byte(rieHash), []byte(arch)}, output, func() error {
		// In a virtual environment, since a Python need not have pip.
		env := filepath.Join(dir, "venv")
		defer os.RemoveAll(env)
		venv := child.Command{Name: "python3 -m venv", Args: []string{m.Python, "-m", "venv", env}, Env: os.Environ(), Output: output}
		if err := child.Run(ctx, venv); err != nil {
			return err
		}
		list := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(list, []byte("aws-sam-cli=="+RIEVersion+" --hash="+rieHash+"\n"), 0o644); err != nil {
			return fmt.Errorf("write requirements: %w", err)
		}
		download := child.Command{Name: "pip download", Env: os.Environ(), Output: output, Args: []string{
			filepath.Join(env, "bin", "python"), "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-cache-dir",
			"--progress-bar", "off", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", dir, "--requirement", list}}
		if err := child.Run(ctx, download); err != nil {
			return err
		}
		wheel := filepath.Join(dir, "aws_sam_cli-"+RIEVersion+"-py3-none-any.whl")
		defer os.Remove(wheel)
		return unpackOne(wheel, "samcli/local/rapid/aws-lambda-rie-"+arch, binary)
	})
	if err != nil {
		return "", fmt.Errorf("install the Runtime Interface Emulator: %w", err)
	}
	return binary, nil
}

// unpackOne takes one program out of an archive.
func unpackOne(archive, name, to string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	from, err := r.Open(name)
	if err != nil {
		return fmt.Errorf("find %s in %s: %w", name, archive, err)
	}
	defer func() { _ = from.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if _, err := io.Copy(out, from); err != nil {
		_ = out.Close()
		return fmt.Errorf("write %s: %w", to, err)
	}
	return out.Close()
}

// RustParts builds the extension and the runtime of a source folder, which are on AWS's own crates, and
// returns the folder with the programs.
func RustParts(ctx context.Context, source, folder string, output io.Writer) (string, error) {
	return rustPrograms(ctx, "rust-parts", source, folder, output, "src/extension.rs", "src/runtime.rs")
}

// RustExtension builds the extension of a source folder that benchmarks compare with ours, and returns its path.
func RustExtension(ctx context.Context, source, folder string, output io.Writer) (string, error) {
	bin, err := rustPrograms(ctx, "rust-extension", source, folder, output, "src/main.rs")
	return filepath.Join(bin, "rust-extension"), err
}

// rustPrograms builds a package and returns the folder with its programs.
func rustPrograms(ctx context.Context, thing, source, folder string, output io.Writer, files ...string) (string, error) {
	var inputs [][]byte
	for _, name := range append([]string{"Cargo.toml", "Cargo.lock"}, files...) {
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("read Rust source: %w", err)
		}
		inputs = append(inputs, content)
	}
	dir := placeOf(folder, thing)
	err := install(ctx, dir, inputs, output, func() error {
		return cargo(ctx, filepath.Join(dir, "target"), output, "install", "--path", source, "--locked", "--root", dir)
	})
	if err != nil {
		return "", fmt.Errorf("build with AWS's Rust crates: %w", err)
	}
	return filepath.Join(dir, "bin"), nil
}

// WebAdapter builds AWS's Lambda Web Adapter, an extension that is also the function's runtime, and
// returns its path.
func WebAdapter(ctx context.Context, folder string, output io.Writer) (string, error) {
	dir := placeOf(folder, "lambda_web_adapter")
	err := install(ctx, dir, [][]byte{[]byte(WebAdapterVersion)}, output, func() error {
		return cargo(ctx, filepath.Join(dir, "target"), output, "install", "lambda_web_adapter", "--version", WebAdapterVersion, "--locked", "--root", dir)
	})
	if err != nil {
		return "", fmt.Errorf("build lambda_web_adapter: %w", err)
	}
	return filepath.Join(dir, "bin", "lambda-adapter"), nil
}

// cargo runs cargo without hurry, and keeps nothing but what it installs.
func cargo(ctx context.Context, target string, output io.Writer, args ...string) error {
	path, err := exec.LookPath("cargo")
	if err != nil {
		return ErrNoCargo
	}
	defer os.RemoveAll(target)
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	argv := append([]string{path}, args...)
	if nice, err := exec.LookPath("nice"); err == nil {
		argv = append([]string{nice}, argv...)
	}
	env := append(os.Environ(), "CARGO_TARGET_DIR="+target, "CARGO_BUILD_JOBS=2", "CARGO_TERM_COLOR=never")
	return child.Run(ctx, child.Command{Name: "cargo install", Args: argv, Env: env, Output: output})
}
