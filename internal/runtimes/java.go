package runtimes

import (
	"context"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// javaFiles is the manifest of what Maven gets.
//
//go:embed java
var javaFiles embed.FS

// javaPin is one file that becomes part of /var/runtime/lib.
type javaPin struct{ jar, sha256 string }

// javaPins are all the files, in the order of the class path: AWS's client and what it needs.
func javaPins() []javaPin {
	return []javaPin{
		{"aws-lambda-java-core-1.4.0.jar", "575c24393cc1ad645e83e618956eabd89ffe8cc09efae2cb62bc6589154d68ed"},
		{"aws-lambda-java-runtime-interface-client-2.9.0.jar", "26568a5f63bf9e921567e77661be425650abc8972bae2aa0b7e99bab4e4239d9"},
		{"aws-lambda-java-serialization-1.2.0.jar", "1513c1f945a3213f916a4b2de1760c97b51d84d110f82bbbcf9cfac53d5651e7"},
		{"annotations-2.34.0.jar", "fafdcb55f4e5af603f5219f4a2b080aa0decb562a7c0944f7a7eca82dd47e487"},
		{"utils-lite-2.34.0.jar", "efaf784f07ae526f0b5c89d71ef21cf16636131c47d44616e3df9bedc3f4f89a"},
	}
}

const (
	// javaClient is the name of the client's folder; one serves all versions of Java.
	javaClient = "java"
	// javaLib is the file of the client that has the native part.
	javaLib = "aws-lambda-java-runtime-interface-client-2.9.0.jar"
	// javaMain is the client's main class; javaMain11 that of the runtimes up to Java 11 (SAM), which takes
	// the handler from _HANDLER.
	javaMain   = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
	javaMain11 = "lambdainternal.AWSLambda"
)

func javaVersions() []string { return []string{"8", "11", "17", "21", "25"} }

// javaName is how Lambda names the runtime of a version: that of Java 8 has the system in it.
func javaName(version string) string {
	if version == "8" {
		return "java8.al2"
	}
	return familyJava + version
}

// javaVersion cuts the system off: java17 and java17.al2023 take the same Java.
func javaVersion(version string) string {
	version, _, _ = strings.Cut(version, ".al2")
	return version
}

func findJava(ctx context.Context, name, version string, opt Options) (Runtime, error) {
	if !slices.Contains(javaVersions(), version) {
		return Runtime{}, noSuchVersion(familyJava, "Java", version, javaVersions())
	}
	if runtime.GOOS != "linux" {
		return Runtime{}, fmt.Errorf("AWS's Java client has a native part for Linux only: run this in a Linux container or virtual machine (%w)", ErrMissing)
	}
	in, err := newInstaller(opt)
	if err != nil {
		return Runtime{}, err
	}
	home, err := in.javaHome(ctx, version)
	if err != nil {
		return Runtime{}, err
	}
	dir, err := in.ensureJavaClient(ctx)
	if err != nil {
		return Runtime{}, err
	}
	return Runtime{
		Name:    name,
		Command: []string{"/var/lang/bin/java", javaMainOf(version)},
		Dir:     filepath.Join(dir, "runtime"),
		Lang:    home,
	}, nil
}

func javaMainOf(version string) string {
	if before17(version) {
		return javaMain11
	}
	return javaMain
}

// javaStandIn makes a newer Java start as the runtime of an older version does.
func javaStandIn(rt Runtime, version string) Runtime {
	rt.Command = []string{rt.Command[0], javaMainOf(version)}
	return rt
}

func before17(version string) bool {
	n, err := strconv.Atoi(version)
	return err == nil && n < 17
}

// javaArgv is what the bootstrap makes of the function's memory and handler. The order and the values are
// those of public dumps of argv: of java17 at 512 MB, and of java8 at 256, 1,536 and 3,008 MB
// (reference 5.2; SAM local/docker/lambda_debug_settings.py).
//
// Some differ from Lambda's: it has an archive of its own classes, with which -Xshare:on cannot fail, and java17
// has an agent that repairs old versions of log4j. That of java25 is not known from a dump.
func javaArgv(command []string, version string, memoryMB int, handler string) []string {
	if len(command) == 0 {
		return nil
	}
	memory := memoryMB * 1024
	old := slices.Contains(command, javaMain11)
	metaspace, code := min((memory+5)/10, maxMetaspaceKB), min((memory+10)/20, maxCodeCacheKB)
	argv := []string{command[0], fmt.Sprintf("-XX:MaxHeapSize=%dk", memory-metaspace-code)}
	if old {
		argv = append(argv, fmt.Sprintf("-XX:MaxMetaspaceSize=%dk", metaspace), fmt.Sprintf("-XX:ReservedCodeCacheSize=%dk", code),
			"-XX:+UseSerialGC", "-Xshare:auto", "-XX:-TieredCompilation", "-Djava.net.preferIPv4Stack=true")
	} else {
		argv = append(argv, "-XX:+UseSerialGC", "-Xshare:auto", "-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1",
			"--add-opens=java.base/java.io=ALL-UNNAMED", "-Dorg.crac.Core.Compat=com.amazonaws.services.lambda.crac",
			"-Djava.net.preferIPv4Stack=true", "-XX:+ErrorFileToStderr")
	}
	argv = append(argv, "-Dcom.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI=/var/runtime/lib/jni/"+javaNative())
	if n, err := strconv.Atoi(version); err == nil && n >= warnsOfNative {
		argv = append(argv, "--enable-native-access=ALL-UNNAMED")
	}
	var path []string
	for _, pin := range javaPins() {
		path = append(path, "/var/runtime/lib/"+pin.jar)
	}
	if old {
		path = append(path, "/var/runtime/lib/"+javaEntry)
	}
	argv = append(argv, "-classpath", strings.Join(path, ":"))
	argv = append(argv, command[1:]...)
	if old {
		return argv
	}
	return append(argv, handler)
}

// warnsOfNative is the first version that prints a warning for a client with a native part (JEP 472).
const warnsOfNative = 24

// Of the memory a tenth is for metaspace and a twentieth for compiled code, but no more than these: the
// figures of java8 at 3,008 MB.
const (
	maxMetaspaceKB = 160 * 1024
	maxCodeCacheKB = 80 * 1024
)

// javaNative is the client's native part for this machine.
func javaNative() string {
	libc, arch := "linux", map[string]string{"amd64": "x86_64", "arm64": "aarch_64"}[runtime.GOARCH]
	if musl, err := filepath.Glob("/lib/ld-musl-*"); err == nil && len(musl) > 0 {
		libc = "linux_musl"
	}
	return "libaws-lambda-jni." + libc + "-" + arch + ".so"
}

// ensureJavaClient returns the folder with runtime/lib.
func (in *installer) ensureJavaClient(ctx context.Context) (string, error) {
	manifest, err := javaFiles.ReadFile("java/pom.xml")
	if err != nil {
		return "", fmt.Errorf("read pins: %w", err)
	}
	stamp := []string{javaNative(), mavenAll, string(manifest), hex.EncodeToString(entryClass())}
	for _, pin := range javaPins() {
		stamp = append(stamp, pin.sha256+" "+pin.jar)
	}
	return in.ensure(ctx, javaClient, strings.Join(stamp, "\n"), func(ctx context.Context, dir string) error {
		return in.installJavaClient(ctx, manifest, dir)
	})
}

func (in *installer) installJavaClient(ctx context.Context, manifest []byte, dir string) error {
	if err := in.needTools(ctx, []tool{maven()}); err != nil {
		return err
	}
	pom, lib := filepath.Join(dir, "pom.xml"), filepath.Join(dir, "runtime", "lib")
	if err := os.WriteFile(pom, manifest, 0o644); err != nil {
		return fmt.Errorf("write pins: %w", err)
	}
	in.say("installing AWS's Java client with Maven: %s", javaLib)
	if err := in.maven(ctx, dir, "--file", pom, mavenAll, "-DincludeScope=runtime", "-DoutputDirectory="+lib); err != nil {
		return err
	}
	if err := checkJars(lib); err != nil {
		return err
	}
	if err := unpackNative(filepath.Join(lib, javaLib), filepath.Join(lib, "jni")); err != nil {
		return err
	}
	if err := writeJavaEntry(lib); err != nil {
		return err
	}
	return os.Remove(pom)
}
