package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"
)

// bundleVersion belongs to the asset's hash: raise it when the same sources are bundled to something else.
const bundleVersion = "1"

// pythonVersion is that of the function's runtime; pip picks wheels for it, whatever Python it runs on itself.
const pythonVersion = "3.13"

// pythonCode packs a directory with a requirements.txt, without Docker, and keeps the result in cacheDir. The hash is of the sources:
// they pin every dependency by hash, so pip runs once and then never again until one of them changes. It panics, as the CDK does on
// assets that it cannot read.
//
// It does not use the CDK's own way, ILocalBundling: a failing callback there takes the CDK's kernel down with it, and its noise
// hides what pip said.
func pythonCode(dir, cacheDir string) awslambda.Code {
	hash, err := sourceHash(dir)
	if err != nil {
		panic(fmt.Errorf("read %s: %w", dir, err))
	}
	packed := filepath.Join(cacheDir, "python-"+hash[:32])
	if _, err := os.Stat(packed); err != nil {
		// As in all of a CDK app there is no context to pass on: Ctrl-C ends the app, and pip with it.
		if err := pack(context.Background(), dir, packed); err != nil {
			panic(fmt.Errorf("bundle %s: %w", dir, err))
		}
	}
	return awslambda.Code_FromAsset(jsii.String(packed), &awss3assets.AssetOptions{
		AssetHash:     jsii.String(hash),
		AssetHashType: awscdk.AssetHashType_CUSTOM,
	})
}

// pack bundles to a directory beside the wanted one and renames it: what is there is whole.
func pack(ctx context.Context, dir, packed string) error {
	if err := os.MkdirAll(filepath.Dir(packed), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(packed), "packing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary) //nolint:errcheck // renamed if all went well
	fmt.Fprintf(os.Stderr, "infra: bundling %s with pip, once for these requirements\n", dir)
	if err := bundle(ctx, dir, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, packed); err != nil && !errors.Is(err, fs.ErrExist) { // another synth was faster
		return err
	}
	return nil
}

func sourceHash(dir string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, bundleVersion, pythonVersion)
	err := eachFile(dir, func(name string) error {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintln(h, filepath.ToSlash(name), len(data))
		h.Write(data)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// bundle installs the requirements of dir to output and copies the sources beside them.
func bundle(ctx context.Context, dir, output string) error {
	pip, cleanUp, err := findPip(ctx)
	if err != nil {
		return err
	}
	defer cleanUp()
	command := exec.CommandContext(ctx, pip[0], append(pip[1:], "install", "--disable-pip-version-check", "--no-input", "--quiet",
		"--requirement", filepath.Join(dir, "requirements.txt"), "--require-hashes", "--no-deps",
		"--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none", "--python-version", pythonVersion,
		"--no-compile", "--target", output)...)
	// Both would make pip refuse to install to a directory.
	command.Env = append(os.Environ(), "PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("pip install: %w\n%s", err, bytes.TrimSpace(out))
	}
	err = eachFile(dir, func(name string) error {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(output, name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(output, name), data, 0o644)
	})
	if err != nil {
		return fmt.Errorf("copy sources: %w", err)
	}
	return normalise(output)
}

// findPip gives the command that runs pip. Where Python comes without it, as Debian's does, a virtual environment has one.
func findPip(ctx context.Context) (command []string, cleanUp func(), err error) {
	for _, python := range []string{"python3", "python"} {
		if exec.CommandContext(ctx, python, "-m", "pip", "--version").Run() == nil {
			return []string{python, "-m", "pip"}, func() {}, nil
		}
	}
	venv, err := os.MkdirTemp("", "afterglow-pip-")
	if err != nil {
		return nil, nil, err
	}
	cleanUp = func() { _ = os.RemoveAll(venv) }
	if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		cleanUp()
		return nil, nil, errors.Join(fmt.Errorf("there is no pip: install Python 3 with pip (on Debian: apt-get install python3-pip)"),
			fmt.Errorf("python3 -m venv: %w\n%s", err, bytes.TrimSpace(out)))
	}
	python := filepath.Join(venv, "bin", "python")
	if _, err := os.Stat(python); err != nil {
		python = filepath.Join(venv, "Scripts", "python.exe") // Windows
	}
	return []string{python, "-m", "pip"}, cleanUp, nil
}

// unwanted is what an installation has that differs from machine to machine and that no function reads: scripts begin with the path
// of the interpreter, RECORD has their hashes, the others say who installed.
func unwanted(name string) bool {
	dir, base := filepath.Split(filepath.ToSlash(name))
	if strings.HasPrefix(dir, "bin/") {
		return true
	}
	if !strings.HasSuffix(dir, ".dist-info/") {
		return false
	}
	switch base {
	case "RECORD", "INSTALLER", "REQUESTED", "direct_url.json":
		return true
	}
	return false
}

// normalise makes the same directory out of the same files on every machine.
func normalise(dir string) error {
	err := eachFile(dir, func(name string) error {
		if unwanted(name) {
			return os.Remove(filepath.Join(dir, name))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("normalise: %w", err)
	}
	_ = os.Remove(filepath.Join(dir, "bin")) // empty now, if it was there
	epoch := time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if entry.IsDir() {
			mode = 0o755
		}
		return errors.Join(os.Chmod(name, mode), os.Chtimes(name, epoch, epoch))
	})
	if err != nil {
		return fmt.Errorf("normalise: %w", err)
	}
	return nil
}

// eachFile calls do with every regular file below dir, by name relative to it, sorted. Byte code and hidden files are nobody's source.
func eachFile(dir string, do func(name string) error) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "__pycache__":
			return filepath.SkipDir
		case !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") || strings.HasSuffix(entry.Name(), ".pyc"):
			return nil
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return do(relative)
	})
}
