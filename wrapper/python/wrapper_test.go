package python_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shells are what may stand behind /bin/sh. Lambda's /bin/sh is bash; dash, and the usual machine's own, have to be there in CI. The others find what is no POSIX, where they are.
var shells = [][]string{{"sh"}, {"dash"}, {"bash", "--posix"}, {"bash"}, {"busybox", "sh"}, {"ksh"}, {"mksh"}}

// teller is a program that prints its environment and its arguments so that nothing in them is lost.
const teller = `#!/bin/sh
set -f
for name in PYTHONPATH NODE_OPTIONS AFTERGLOW_EXEC_WRAPPER_NEXT; do
	eval "set_=\${$name+set} value=\${$name-}"
	[ -n "$set_" ] && printf '%s=<%s>\n' "$name" "$value"
done
case $0 in */next) printf 'NEXT\n'; exec "$@" ;; esac
printf '%s <%s>\n' "${0##*/}" "$#"
for argument do printf '<%s>\n' "$argument"; done
`

type wrapperCase struct {
	name string
	env  map[string]string
	args []string // after the program's name
	as   string   // the program's name; "" means python3.13
	want []string // lines before the arguments
	lay  func(t *testing.T, root string)
}

// wrapperCases: ROOT stands for the directory that is /opt on Lambda.
func wrapperCases() []wrapperCase {
	const python13 = "PYTHONPATH=<ROOT/afterglow/python:/opt/python/lib/python3.13/site-packages:/opt/python:/var/runtime>"
	runtimeDir := map[string]string{"LAMBDA_RUNTIME_DIR": "/var/runtime"}
	with := func(more ...string) map[string]string {
		env := map[string]string{"LAMBDA_RUNTIME_DIR": "/var/runtime"}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	next := func(script string) func(*testing.T, string) {
		return func(t *testing.T, root string) { write(t, filepath.Join(root, "next"), script, 0o755) }
	}
	return []wrapperCase{
		{name: "python by its environment", env: with("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13"), want: []string{python13}},
		{name: "python by its name", env: runtimeDir, want: []string{python13}},
		{name: "python 3.9", env: with("AWS_EXECUTION_ENV", "AWS_Lambda_python3.9"),
			want: []string{"PYTHONPATH=<ROOT/afterglow/python:/opt/python/lib/python3.9/site-packages:/opt/python:/var/runtime>"}},
		{name: "python without a runtime directory",
			want: []string{"PYTHONPATH=<ROOT/afterglow/python:/opt/python/lib/python3.13/site-packages:/opt/python>"}},
		{name: "python 3.8 is too old", env: with("AWS_EXECUTION_ENV", "AWS_Lambda_python3.8")},
		{name: "python of no known version", as: "python3", want: []string{"PYTHONPATH=<ROOT/afterglow/python>"}},
		{name: "python of no known version at all", as: "python", env: runtimeDir, want: []string{"PYTHONPATH=<ROOT/afterglow/python>"}},
		{name: "python of no known version, user's PYTHONPATH", as: "python3", env: with("PYTHONPATH", "/mine"), want: []string{"PYTHONPATH=<ROOT/afterglow/python:/mine>"}},
		{name: "python 2", as: "python2"},
		{name: "user's PYTHONPATH", env: with("PYTHONPATH", "/var/task/lib:/x y"), want: []string{"PYTHONPATH=<ROOT/afterglow/python:/var/task/lib:/x y>"}},
		{name: "user's empty PYTHONPATH", env: with("PYTHONPATH", ""), want: []string{"PYTHONPATH=<ROOT/afterglow/python>"}},
		{name: "node by its environment", env: with("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs22.x"), want: []string{`NODE_OPTIONS=<--require "ROOT/afterglow/node/start.cjs">`}},
		{name: "node by its name", as: "node", want: []string{`NODE_OPTIONS=<--require "ROOT/afterglow/node/start.cjs">`}},
		{name: "user's NODE_OPTIONS", as: "node", env: with("NODE_OPTIONS", "--a  --b"), want: []string{`NODE_OPTIONS=<--a  --b --require "ROOT/afterglow/node/start.cjs">`}},
		{name: "another runtime", env: with("AWS_EXECUTION_ENV", "AWS_Lambda_java21", "NODE_OPTIONS", "mine"), want: []string{"NODE_OPTIONS=<mine>"}},
		{name: "disabled", env: with("AFTERGLOW_DISABLED", "true")},
		{name: "disabled by 1", env: with("AFTERGLOW_DISABLED", "1", "PYTHONPATH", "/x"), want: []string{"PYTHONPATH=</x>"}},
		{name: "disabled in capitals", env: with("AFTERGLOW_DISABLED", "TRUE")},
		{name: "not disabled", env: with("AFTERGLOW_DISABLED", "false"), want: []string{python13}},
		{name: "garbage does not disable", env: with("AFTERGLOW_DISABLED", "* ?"), want: []string{python13}},
		{name: "no hook in the layer", env: runtimeDir, lay: func(t *testing.T, root string) {
			if err := os.RemoveAll(filepath.Join(root, "afterglow", "python")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "strange arguments", env: runtimeDir, want: []string{python13}, args: []string{"", " ", "a b", "*", "$HOME", "`id`", "line\nline", "-n", "--", "\\", "'", "\"", "ä"}},
		{name: "no arguments", env: runtimeDir, want: []string{python13}},
		{name: "another wrapper", env: with("AFTERGLOW_EXEC_WRAPPER_NEXT", "ROOT/next"), lay: next(teller), want: []string{python13, "NEXT", python13}},
		{name: "another wrapper while disabled", env: with("AFTERGLOW_DISABLED", "1", "AFTERGLOW_EXEC_WRAPPER_NEXT", "ROOT/next"), lay: next(teller), want: []string{"NEXT"}},
		{name: "another wrapper is missing", env: with("AFTERGLOW_EXEC_WRAPPER_NEXT", "ROOT/missing"), want: []string{python13}},
		{name: "another wrapper is a directory", env: with("AFTERGLOW_EXEC_WRAPPER_NEXT", "ROOT/afterglow"), want: []string{python13}},
		{name: "another wrapper is not executable", env: with("AFTERGLOW_EXEC_WRAPPER_NEXT", "ROOT/next"), want: []string{python13},
			lay: func(t *testing.T, root string) { write(t, filepath.Join(root, "next"), teller, 0o644) }},
		{name: "another wrapper is this one", env: with("AFTERGLOW_EXEC_WRAPPER_NEXT", "ROOT/afterglow/exec-wrapper"), want: []string{python13}},
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// TestExecWrapper runs the wrapper under every shell of this machine, from a directory with a space in its name.
func TestExecWrapper(t *testing.T) {
	layer := filepath.Join(t.TempDir(), "with space")
	writeLayer(t, layer)
	for _, shell := range shells {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			if _, err := exec.LookPath(shell[0]); err != nil {
				if slices.Contains([]string{"sh", "dash", "bash"}, shell[0]) {
					missing(t, "no %s here", shell[0])
				}
				t.Skipf("NOT TESTED: no %s here", shell[0])
			}
			for _, c := range wrapperCases() {
				t.Run(c.name, func(t *testing.T) { runWrapper(t, shell, layer, c) })
			}
		})
	}
}

func runWrapper(t *testing.T, shell []string, root string, c wrapperCase) {
	if c.lay != nil {
		root = filepath.Join(t.TempDir(), "with space")
		writeLayer(t, root)
		c.lay(t, root)
	}
	if c.as == "" {
		c.as = "python3.13"
	}
	program := filepath.Join(root, c.as)
	write(t, program, teller, 0o755)
	argv := slices.Concat(shell, []string{filepath.Join(root, "afterglow", "exec-wrapper"), program}, c.args)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range c.env {
		cmd.Env = append(cmd.Env, name+"="+strings.ReplaceAll(value, "ROOT", root))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	want := append(slices.Clone(c.want), fmt.Sprintf("%s <%d>", c.as, len(c.args)))
	for _, arg := range c.args {
		want = append(want, "<"+arg+">")
	}
	if got := strings.ReplaceAll(string(out), root, "ROOT"); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("got\n%swant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestExecWrapperLeavesNothing compares the whole environment that a runtime gets: what the wrapper works with is its own.
func TestExecWrapperLeavesNothing(t *testing.T) {
	root := t.TempDir()
	writeLayer(t, root)
	program := filepath.Join(root, "python3.13")
	write(t, program, "#!/bin/sh\nexec env\n", 0o755)
	run := func(argv ...string) []string {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=/x", "EMPTY=", "AFTERGLOW_EXEC_WRAPPER_NEXT=/missing"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		slices.Sort(lines)
		return lines
	}
	want := run(program)
	i := slices.Index(want, "PYTHONPATH=/x")
	want[i] = "PYTHONPATH=" + filepath.Join(root, "afterglow", "python") + ":/x"
	want = slices.DeleteFunc(want, func(line string) bool { return strings.HasPrefix(line, "AFTERGLOW_EXEC_WRAPPER_NEXT=") })
	if got := run(filepath.Join(root, "afterglow", "exec-wrapper"), program); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestExecWrapperExits has the wrapper end as the program does, and fail as the shell does where there is none.
func TestExecWrapperExits(t *testing.T) {
	root := t.TempDir()
	writeLayer(t, root)
	program := filepath.Join(root, "python3.13")
	write(t, program, "#!/bin/sh\nexit 42\n", 0o755)
	wrapper := filepath.Join(root, "afterglow", "exec-wrapper")
	for argument, want := range map[string]int{program: 42, filepath.Join(root, "missing"): 127} {
		err := exec.CommandContext(t.Context(), wrapper, argument).Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != want {
			t.Errorf("%s: %v, want exit code %d", argument, err, want)
		}
	}
}
