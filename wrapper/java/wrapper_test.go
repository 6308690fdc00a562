package java

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestExecWrapper: the agent comes behind the program, and only one that the virtual machine can open, which does not start with any other.
func TestExecWrapper(t *testing.T) {
	agent := string(read(t, jarName))
	const broken = "afterglow: java: the hook is broken; this function is not recorded\n<-cp> <x> |JAVA_TOOL_OPTIONS=mine"
	for _, c := range []struct{ name, as, agent, want string }{
		{"java", "java", agent, "<-agentlib:instrument=ROOT/java/afterglow-agent.jar> <-cp> <x> |JAVA_TOOL_OPTIONS=mine"},
		{"another program", "start", agent, "<-cp> <x> |JAVA_TOOL_OPTIONS=-javaagent:ROOT/java/afterglow-agent.jar mine"},
		{"an empty agent", "java", "", broken},
		{"no archive", "java", "\x00(]} nothing" + agent[20:], broken},
		{"an agent without its middle", "java", agent[:20] + agent[len(agent)-10:], broken},
		{"an agent without its end", "java", agent[:len(agent)-1], broken},
		{"half an agent", "java", agent[:len(agent)/2], broken},
	} {
		for _, shell := range []string{"sh", "dash", "bash --posix"} { // Lambda's is bash
			t.Run(c.name+"/"+shell, func(t *testing.T) {
				root := t.TempDir()
				write(t, filepath.Join(root, "exec-wrapper"), read(t, "../exec-wrapper"))
				write(t, filepath.Join(root, "java", jarName), []byte(c.agent))
				program := filepath.Join(root, "bin", c.as)
				write(t, program, []byte("#!/bin/sh\nprintf '<%s> ' \"$@\"\nprintf '|'\nexec printenv\n"))
				if err := os.Chmod(program, 0o755); err != nil { //nolint:gosec // a program
					t.Fatal(err)
				}
				argv := append(strings.Fields(shell), filepath.Join(root, "exec-wrapper"), program, "-cp", "x")
				if _, err := exec.LookPath(argv[0]); err != nil {
					missing(t, err)
				}
				cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_EXECUTION_ENV=AWS_Lambda_java21", "JAVA_TOOL_OPTIONS=mine"}
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				args, env, _ := strings.Cut(string(out), "|")
				got := args + "|"
				for line := range strings.Lines(env) {
					if strings.HasPrefix(line, "JAVA_TOOL_OPTIONS=") {
						got += strings.TrimSpace(line)
					}
				}
				if got = strings.ReplaceAll(got, root, "ROOT"); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		}
	}
}

// TestExecWrapperLeavesModulesToJava: the module that the agent is part of is added by -javaagent only, so that is taken where somebody chooses modules.
func TestExecWrapperLeavesModulesToJava(t *testing.T) {
	const lib, option = "-agentlib:instrument=", "-javaagent:"
	for _, c := range []struct{ name, args, variable, want string }{
		{"a class path", "-cp x Main m@p -mine", "-Dm=-m", lib},
		{"a module", "-p x -m a/b", "", option},
		{"a module in long words", "--module-path x --module=a/b", "", option},
		{"a file of options", "@options Main", "", option},
		{"limited modules", "-cp x Main", "--limit-modules=java.base", option},
		{"a file of the virtual machine's", "-cp x Main", "-XX:VMOptionsFile=f", option},
	} {
		for _, variable := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"} {
			t.Run(c.name+"/"+variable, func(t *testing.T) {
				root := t.TempDir()
				write(t, filepath.Join(root, "exec-wrapper"), read(t, "../exec-wrapper"))
				write(t, filepath.Join(root, "java", jarName), read(t, jarName))
				program := filepath.Join(root, "java", "java")
				write(t, program, []byte("#!/bin/sh\nprintf %s \"$1\"\n"))
				if err := os.Chmod(program, 0o755); err != nil { //nolint:gosec // a program
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), "sh", append([]string{filepath.Join(root, "exec-wrapper"), program}, strings.Fields(c.args)...)...)
				cmd.Env = []string{"AWS_EXECUTION_ENV=AWS_Lambda_java25", variable + "=" + c.variable}
				out, err := cmd.CombinedOutput()
				if want := c.want + filepath.Join(root, "java", jarName); err != nil || string(out) != want {
					t.Errorf("got %s, %v; want %s", out, err, want)
				}
			})
		}
	}
}

// TestExecWrapperReadsFilesOnly: the runtime starts as if there were no hook where a directory stands in its place, or a pipe, which would be waited for.
func TestExecWrapperReadsFilesOnly(t *testing.T) {
	const patience = 20 * time.Second
	for name, put := range map[string]func(path string) error{
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		for execution, file := range map[string]string{"nodejs22.x": "node/start.cjs", "java21": "java/" + jarName, "dotnet9": "dotnet/afterglow-start.dll"} {
			t.Run(name+"/"+execution, func(t *testing.T) {
				root := t.TempDir()
				write(t, filepath.Join(root, "exec-wrapper"), read(t, "../exec-wrapper"))
				if err := os.Mkdir(filepath.Join(root, filepath.Dir(file)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := put(filepath.Join(root, file)); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				cmd := exec.CommandContext(ctx, "sh", filepath.Join(root, "exec-wrapper"), "printenv")
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_EXECUTION_ENV=AWS_Lambda_" + execution}
				out, err := cmd.CombinedOutput()
				if err != nil || strings.Contains(string(out), root) || strings.Contains(string(out), "afterglow:") {
					t.Errorf("got %s, %v; want the environment as it was", out, err)
				}
			})
		}
	}
}
