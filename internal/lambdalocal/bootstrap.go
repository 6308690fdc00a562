package lambdalocal

import (
	"os"
	"path/filepath"
)

// wrapperScript is what AWS's bootstrap of a managed runtime does with the exec wrapper: it becomes the
// wrapper, which gets the interpreter and its arguments as argv, or ends with 127 if there is no such
// file and with 126 if it cannot be executed (MOD; reference 5.1). It runs as a shell so that the process
// that execs is the one that was started, with its id, group and descriptors.
const wrapperScript = `
wrapper=$` + wrapperSetting + `
if [ -z "$wrapper" ]; then exec "$@"; fi
if [ ! -f "$wrapper" ]; then echo "$wrapper: there is no such exec wrapper" >&2; exit 127; fi
if [ ! -x "$wrapper" ]; then echo "$wrapper: the exec wrapper is not executable" >&2; exit 126; fi
exec "$wrapper" "$@"
`

// runtimeArgv is the command that starts the runtime. The platform's failure is the second result.
func runtimeArgv(fn Function, opt Options, l layout, env map[string]string) ([]string, *failure) {
	if fn.managed() {
		argv := opt.Runtime.Argv(fn.MemoryMB, env)
		if len(argv) == 0 {
			return nil, &failure{errorType: "Runtime.InvalidEntrypoint", message: "no command is known for runtime " + fn.Runtime}
		}
		return append([]string{"/bin/sh", "-c", opt.Runtime.Script + wrapperScript, "/var/runtime/bootstrap"}, argv...), nil
	}
	// OS-only runtimes know no wrapper (MOD).
	for _, b := range []struct{ seen, real string }{
		{"/var/task/bootstrap", filepath.Join(fn.Code, "bootstrap")},
		{"/opt/bootstrap", filepath.Join(l.optSource(fn), "bootstrap")},
	} {
		info, err := os.Stat(b.real)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		return []string{b.seen}, nil
	}
	return nil, &failure{
		errorType: "Runtime.InvalidEntrypoint",
		message:   "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
	}
}

// launchExtension starts one extension: no arguments, its own process group (RIE rapid/handlers.go).
func (e *Environment) launchExtension(x *extension) error {
	path := "/opt/extensions/" + x.name
	if err := e.checkLaunch(path); err != nil {
		return err
	}
	p, err := startProcess(e.box, e.logs, processSpec{
		name: x.name, source: SourceExtension, argv: []string{path}, env: e.env.ofExtension(), dir: "/",
	})
	if err != nil {
		return err
	}
	x.process = p
	return nil
}
