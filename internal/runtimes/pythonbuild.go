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

// pythonBuild is a CPython that Maven has: JavaCPP's presets carry a whole one, with interpreter, standard
// library and pip.
type pythonBuild struct {
	version string            // of the artifact
	sha256  map[string]string // of the file, by Go's name of the processor
}

// pythonBuilds are used where the machine has no interpreter of a version.
func pythonBuilds() map[string]pythonBuild {
	return map[string]pythonBuild{
		"3.9": {version: "3.9.6-1.5.6", sha256: map[string]string{
			"amd64": "e8c42da2fe5658f6d8f270193ed84463bf768123bace0859731b31cbfbddb35f",
			"arm64": "335c9372926a69dcb6247f0e89b48646a0aad8ccf5e8f7a1cc6f1d9705ff30ed",
		}},
		"3.10": {version: "3.10.8-1.5.8", sha256: map[string]string{
			"amd64": "2f101b1aa06effdbda3c318c1728b13f22b571707c7b7704abaf5d19a33aa981",
			"arm64": "b14738d971f43bcb7e74242980d0a621c4464b9a7f1294d22c17f9186b32db09",
		}},
		"3.11": {version: "3.11.3-1.5.9", sha256: map[string]string{
			"amd64": "668b42f6a8b1a9789de7d3ca54a81fefb754cd8e885554b42858bbcbc0dd497c",
			"arm64": "c98d023d4f79bdae2fb8973443324e48bb39e5b8f149a24e9d0317eb165d7925",
		}},
		"3.12": {version: "3.12.1-1.5.10", sha256: map[string]string{
			"amd64": "a135fcf4dc01adebf7ea439252276fc3196db80f7e0dd3da0b61f1ec489b68bd",
			"arm64": "4876e6a9eb45c4e2faf7c9f9ef8cb9f16a462c45c3440d4c2e15e6acc8f4e0df",
		}},
		"3.13": {version: "3.13.5-1.5.12", sha256: map[string]string{ // for x86_64 alone
			"amd64": "50ad91aa0baa57f0235bb666b87d8bf2a44e215d28c250de1030502906af143b",
		}},
		"3.14": {version: "3.14.3-1.5.13", sha256: map[string]string{
			"amd64": "eb5f1a6fe2dc498ac18927189a37f28a47b0ba06ae6bd85112eff023fe2eb46f",
			"arm64": "75d0ac8f457bdb2d6b684796c282ce4da1e0c377a02b954de2c718f80901a15f",
		}},
	}
}

// pythonBuildOf is the build for this machine, if there is one.
func pythonBuildOf(version string) (b pythonBuild, platform string, ok bool) {
	b, ok = pythonBuilds()[version]
	platform = map[string]string{"amd64": "linux-x86_64", "arm64": "linux-arm64"}[runtime.GOARCH]
	return b, platform, ok && runtime.GOOS == "linux" && b.sha256[runtime.GOARCH] != ""
}

// fetchPython installs a CPython from Maven and returns it; missing is the error if that cannot be done here.
func (in *installer) fetchPython(ctx context.Context, version string, missing error) (python, error) {
	build, platform, ok := pythonBuildOf(version)
	if !ok {
		return python{}, missing
	}
	name, stamp := "cpython"+version, build.version+" "+platform+" "+build.sha256[runtime.GOARCH]
	if !in.installed(filepath.Join(in.root, name), stamp) {
		if err := in.needTools(ctx, []tool{maven()}); err != nil {
			return python{}, fmt.Errorf("%w; or else Maven, which has one: %w", missing, err)
		}
	}
	dir, err := in.ensure(ctx, name, stamp, func(ctx context.Context, tmp string) error {
		in.say("installing Python %s with Maven", strings.Split(build.version, "-")[0])
		jar := filepath.Join(tmp, "cpython-"+build.version+"-"+platform+".jar")
		if err := in.maven(ctx, tmp, mavenCopy, "-Dartifact=org.bytedeco:cpython:"+build.version+":jar:"+platform, "-DoutputDirectory="+tmp); err != nil {
			return err
		}
		if err := checkDigest(jar, build.sha256[runtime.GOARCH]); err != nil {
			return err
		}
		if err := unpackPython(jar, "org/bytedeco/cpython/"+platform+"/", version, tmp); err != nil {
			return err
		}
		// Better to fail here than in every function's init: it wants a C library that is not too old.
		// Where Lambda's layout has it, its libraries are on the search path (some builds need libffi from there).
		libraries := []string{"LD_LIBRARY_PATH=" + filepath.Join(tmp, "lib")}
		if err := in.run(ctx, tmp, libraries, filepath.Join(tmp, "bin", "python"+version), "-I", "-c", "import ctypes, ssl, zlib"); err != nil {
			return fmt.Errorf("try Python %s: %w", version, err)
		}
		return os.Remove(jar)
	})
	if err != nil {
		return python{}, err
	}
	p, ok := askPython(ctx, filepath.Join(dir, "bin", "python"+version))
	if !ok || p.Version != version {
		return python{}, fmt.Errorf("start what was installed in %s: it is no Python %s", dir, version)
	}
	return p, nil
}

// unpackPython takes interpreter, libraries and standard library out of the archive, where nothing is marked
// executable and the shared libraries lie above bin and lib.
func unpackPython(jar, prefix, version, dir string) error {
	archive, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("open Python: %w", err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		name, ours := strings.CutPrefix(f.Name, prefix)
		if !ours || strings.HasSuffix(name, "/") || strings.HasPrefix(name, "lib/python"+version+"/test/") {
			continue // the standard library's own tests are a third of it
		}
		mode := os.FileMode(0o644)
		switch {
		case strings.HasPrefix(name, "bin/"):
			mode = 0o755
		case strings.HasPrefix(name, "lib/"):
		case strings.HasPrefix(name, "libpython"), strings.HasPrefix(name, "libffi"):
			name = "lib/" + name
		default:
			continue
		}
		if err := unpackEntry(f, filepath.Join(dir, filepath.FromSlash(name)), mode); err != nil {
			return err
		}
	}
	return nil
}
