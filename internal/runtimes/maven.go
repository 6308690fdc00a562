package runtimes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

func maven() tool { return tool{program: "mvn", deb: "maven", rpm: "maven", darwin: "maven"} }

// The goals of Maven's plugin for dependencies: copy one artifact, or what a manifest names.
const (
	mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
	mavenCopy   = mavenPlugin + ":copy"
	mavenAll    = mavenPlugin + ":copy-dependencies"
)

// MavenCopy is the goal that copies what a manifest names, for Maven.
const MavenCopy = mavenAll

// Maven runs Maven for whatever else the project builds or brings along with it: with the packages that are here already, and, where
// packages may be installed, with Maven itself if it is missing. env is added to the environment.
func Maven(ctx context.Context, opt Options, dir string, env []string, args ...string) error {
	in, err := newInstaller(opt)
	if err != nil {
		return err
	}
	if err := in.needTools(ctx, []tool{maven()}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	return in.mavenWith(ctx, dir, env, args...)
}

// maven runs Maven. Where the packages come from is its own matter, as its settings say; what it brings stays
// below the root. Maven checks only what the registry itself says about a file: the pins are checked here. Its
// folder is for one process at a time, whatever is being installed.
func (in *installer) maven(ctx context.Context, dir string, args ...string) error {
	return in.mavenWith(ctx, dir, nil, args...)
}

func (in *installer) mavenWith(ctx context.Context, dir string, env []string, args ...string) error {
	cache := filepath.Join(in.root, ".cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("make folder for packages: %w", err)
	}
	unlock, err := in.lock(ctx, filepath.Join(cache, "maven.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return in.run(ctx, dir, env, append([]string{"mvn", "--batch-mode", "--quiet", "--strict-checksums",
		"-Dmaven.repo.local=" + filepath.Join(cache, "maven")}, args...)...)
}

// checkDigest compares a file with its pin.
func checkDigest(path, pinned string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read what Maven brought: %w", err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != pinned {
		return fmt.Errorf("what Maven brought as %s has digest %s, but pinned is %q", filepath.Base(path), got, pinned)
	}
	return nil
}
