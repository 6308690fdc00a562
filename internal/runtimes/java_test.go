package runtimes

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Sources: reference 5.2; public dumps of argv: java17 at 512 MB, java8 at 256, 1,536 and 3,008 MB.
func TestJavaArgv(t *testing.T) {
	for _, c := range []struct {
		name, runtime string
		memory        int
		want          []string // right after java
		tail          string
	}{
		{"java17, 512 MB", "java17", 512, []string{"-XX:MaxHeapSize=445645k", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1"},
			javaMain + " app.Handler::handle"},
		{"java25, 3,008 MB", "java25", 3008, []string{"-XX:MaxHeapSize=2834432k", "-XX:+UseSerialGC"}, javaMain + " app.Handler::handle"},
		{"java8, 256 MB", "java8.al2", 256, []string{"-XX:MaxHeapSize=222823k", "-XX:MaxMetaspaceSize=26214k", "-XX:ReservedCodeCacheSize=13107k", "-XX:+UseSerialGC"}, javaMain11},
		{"java11, 1,536 MB", "java11.al2023", 1536, []string{"-XX:MaxHeapSize=1336935k", "-XX:MaxMetaspaceSize=157286k", "-XX:ReservedCodeCacheSize=78643k"}, javaMain11},
		{"java8, 3,008 MB", "java8.al2", 3008, []string{"-XX:MaxHeapSize=2834432k", "-XX:MaxMetaspaceSize=163840k", "-XX:ReservedCodeCacheSize=81920k"}, javaMain11},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, version := split(c.runtime)
			rt := Runtime{Name: c.runtime, Command: []string{"/var/lang/bin/java", javaMainOf(version)}}
			argv := rt.Argv(c.memory, map[string]string{"_HANDLER": "app.Handler::handle"})
			if argv[0] != "/var/lang/bin/java" || !slices.Equal(argv[1:1+len(c.want)], c.want) {
				t.Errorf("argv is %q", argv)
			}
			at := slices.Index(argv, "-classpath")
			if at < 0 || !strings.HasPrefix(argv[at+1], "/var/runtime/lib/aws-lambda-java-core-") || strings.Join(argv[at+2:], " ") != c.tail {
				t.Errorf("argv is %q", argv)
			}
		})
	}
	for name, want := range map[string]bool{"java17": false, "java25": true} {
		argv := Runtime{Name: name, Command: []string{"java", javaMain}}.Argv(512, nil)
		if got := slices.Contains(argv, "--enable-native-access=ALL-UNNAMED"); got != want {
			t.Errorf("%s: argv is %q", name, argv)
		}
	}
	if argv := (Runtime{Name: "java17"}).Argv(128, nil); len(argv) != 0 {
		t.Errorf("argv of no runtime is %q", argv)
	}
}

// Names that differ in Lambda's operating system only take the same Java.
func TestJavaNames(t *testing.T) {
	for name, want := range map[string]string{
		"java8.al2": "8", "java8.al2023": "8", "java11": "11", "java17": "17", "java17.al2023": "17", "java21": "21", "java25": "25",
	} {
		if family, version := split(name); family != familyJava || version != want {
			t.Errorf("%s is %s %s", name, family, version)
		}
	}
	if got := join(familyJava, "8") + " " + join(familyJava, "21"); got != "java8.al2 java21" {
		t.Errorf("names are %s", got)
	}
}

// fakeJava makes a folder that looks like a Java.
func fakeJava(t *testing.T, home, release, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "java"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	if release == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(home, "release"), []byte(release), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAskJava(t *testing.T) {
	for _, c := range []struct{ name, release, script, want string }{
		{"release file", "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"21.0.4\"\n", "exit 1", "21"},
		{"Java 8", "JAVA_VERSION=\"1.8.0_402\"\n", "exit 1", "8"},
		{"no release file", "", "echo '    java.specification.version = 11' >&2", "11"},
		{"no release file, Java 8", "", "echo '    java.specification.version = 1.8' >&2", "8"},
		{"does not start", "", "exit 1", ""},
		{"no Java", "", "echo hello", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			fakeJava(t, home, c.release, c.script)
			version, ok := askJava(t.Context(), home)
			if version != c.want || ok != (c.want != "") {
				t.Errorf("version is %q, %v", version, ok)
			}
		})
	}
}

// JAVA_HOME comes before what packages have installed, a version manager's folder is looked at, and a
// link is followed: /var/lang is mounted from the folder itself.
func TestJavaHomes(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	chosen, managed := filepath.Join(t.TempDir(), "chosen"), filepath.Join(home, ".sdkman", "candidates", "java", "98.0.1")
	fakeJava(t, chosen, "JAVA_VERSION=\"99.0.1\"\n", "")
	fakeJava(t, managed, "JAVA_VERSION=\"98.0.1\"\n", "")
	fakeJava(t, filepath.Join(home, ".jdks", "other-99"), "JAVA_VERSION=\"99.0.2\"\n", "")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(chosen, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JAVA_HOME", link)
	homes := javaHomes(t.Context())
	for version, want := range map[string]string{"99": chosen, "98": managed} {
		if real, err := filepath.EvalSymlinks(want); err != nil || homes[version] != real {
			t.Errorf("Java %s is %q, want %s (%v)", version, homes[version], want, err)
		}
	}
}

// A Java that is not there is stood in for by a newer one, which starts as the older one does.
func TestNearestJava(t *testing.T) {
	here(t, "java17")
	rt, note, err := Nearest(t.Context(), "java8.al2", Options{Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	if rt.Command[1] != javaMain11 || rt.Name != "java8.al2" && note != "java8.al2 does not run on this machine, "+rt.Name+" is used instead" {
		t.Errorf("%+v %q", rt, note)
	}
	if argv := rt.Argv(128, map[string]string{"_HANDLER": "app.Handler"}); argv[len(argv)-1] != javaMain11 {
		t.Errorf("argv is %q", argv)
	}
}

// A Java that cannot be had is refused with how to get it, and nothing is installed beside another one.
func TestJavaMissing(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	if _, ok := javaHomes(t.Context())["11"]; ok {
		t.Skip("the system has this version in a folder that is always looked at")
	}
	root := t.TempDir()
	_, err := Find(t.Context(), "java11", Options{Root: root})
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "find runtime java11: interpreter of Java 11: missing") ||
		!strings.Contains(err.Error(), "install with: ") {
		t.Errorf("error is %v", err)
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What Maven brings is compared with the pins.
func TestCheckJars(t *testing.T) {
	for _, c := range []struct{ name, file, says string }{
		{"another file", "surprise.jar", "what Maven brought as surprise.jar"},
		{"another content", javaLib, "what Maven brought as " + javaLib},
		{"nothing", "", "the file is not there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(dir, c.file), []byte("other"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := checkJars(dir); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestJavaManifest(t *testing.T) {
	pom, err := javaFiles.ReadFile("java/pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(pom), "://") {
		t.Error("the manifest has an address in it")
	}
	if !slices.ContainsFunc(javaPins(), func(p javaPin) bool { return p.jar == javaLib }) {
		t.Errorf("%s is not pinned", javaLib)
	}
}
