package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// launchRules are about what is started, and in which order.
func launchRules() []rule {
	const agents = "EXT; RIE:agents/agent.go"
	const handlers = "EXT; RIE:rapid/handlers.go"
	failed := func(message string) string {
		return `caller: Unhandled {"errorType":"Extension.LaunchError","errorMessage":"RequestId: <uuid> Error: ` + message + `"}`
	}
	bad := differs(noInitBody, "caller: Unhandled")
	extension := func(opt string) string { return filepath.Join(opt, "extensions", "ext") }
	return []rule{
		{
			id: "launch-parallel", source: handlers, invoke: once,
			text: "All extensions are started at once: each may wait for another before it registers.",
			actors: map[string]string{
				"one": "mark one\nawait two\nregister\nevents", "two": "mark two\nawait one\nregister\nevents",
			},
			want: "one: " + registered + "\n one: " + invoked + "\n two: " + registered + "\n two: " + invoked,
		},
		{
			id: "launch-order", source: handlers, invoke: once,
			text:   "The runtime is started when all external extensions have registered.",
			actors: map[string]string{"one": "register\nevents", "two": "pause 200ms\nregister\nevents"},
			want:   "caller: answer {\"n\":1}",
			order:  []string{"one: register < bootstrap: start", "two: register < bootstrap: start"},
		},
		{
			id: "launch-next-while-init", source: handlers, invoke: once,
			text: "No event comes before the init is over: the first next of all is waited for.",
			actors: map[string]string{
				"one": "register\nevents", "two": "register\nawait runtime\npause 200ms\nmark late\nevents", runtimeActor: "mark runtime\nserve",
			},
			want:  "one: " + registered + "\n one: " + invoked + "\n two: " + registered + "\n two: " + invoked,
			order: []string{"two: mark late < one: event", "two: mark late < bootstrap: next"},
		},
		{
			id: "launch-none", source: agents, invoke: once, place: func(string) error { return nil },
			text: "Without /opt/extensions there are no extensions.",
			want: "bootstrap: " + served,
		},
		{
			id: "launch-folders", source: agents, actors: ext("register"), invoke: once,
			text: "Folders in /opt/extensions are passed over, with what is in them.",
			place: func(opt string) error {
				dir := filepath.Join(opt, "extensions", "lib")
				return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "helper"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
			},
			want: "ext: " + registered + "\n ext: " + invoked + "\n caller: answer {\"n\":1}",
		},
		{
			id: "launch-symbolic-link", source: agents, actors: ext("register"), invoke: once,
			text: "A symbolic link in /opt/extensions is started, by the link's name.",
			place: func(opt string) error {
				lib := filepath.Join(opt, "lib")
				return errors.Join(os.MkdirAll(lib, 0o755), os.Rename(extension(opt), filepath.Join(lib, "program")),
					os.Symlink("../lib/program", extension(opt)))
			},
			want: "ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "launch-script", source: agents, actors: ext("register"), invoke: once,
			text: "A script with a first line that names its interpreter is an extension.",
			place: func(opt string) error {
				lib := filepath.Join(opt, "lib")
				return errors.Join(os.MkdirAll(lib, 0o755), os.Rename(extension(opt), filepath.Join(lib, "ext")),
					os.WriteFile(extension(opt), []byte("#!/bin/sh\nexec /opt/lib/ext\n"), 0o755))
			},
			want: "ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "launch-not-executable", source: "EXT; RIE:rapid/handlers.go, core/registrations.go", actors: ext("register"), invoke: once,
			text:  "A file that is not executable fails the init with Extension.LaunchError, PermissionDenied, and no runtime is started.",
			place: func(opt string) error { return os.Chmod(extension(opt), 0o644) },
			want:  "ext:\n bootstrap:\n" + failed("fork/exec /opt/extensions/ext: permission denied"),
			log:   []string{"EXTENSION\tName: ext\tState: LaunchError\tEvents: []\tError Type: PermissionDenied"},
			rie:   bad,
		},
		{
			id: "launch-no-shebang", source: "RIE:rapid/handlers.go, core/registrations.go", actors: ext("register"), invoke: once,
			text:  "A text file that names no interpreter fails the init with Extension.LaunchError, UnknownError.",
			place: func(opt string) error { return os.WriteFile(extension(opt), []byte("just some notes\n"), 0o755) },
			want:  "ext:\n bootstrap:\n" + failed("fork/exec /opt/extensions/ext: exec format error"),
			log:   []string{"EXTENSION\tName: ext\tState: LaunchError\tEvents: []\tError Type: UnknownError"},
			rie:   bad,
		},
		{
			id: "launch-wrong-architecture", source: "RIE:rapid/handlers.go, core/registrations.go", actors: ext("register"), invoke: once,
			text:  "A program for another processor fails the init with Extension.LaunchError, UnknownError.",
			place: func(opt string) error { return otherMachine(extension(opt)) },
			want:  "ext:\n bootstrap:\n" + failed("fork/exec /opt/extensions/ext: exec format error"),
			log:   []string{"EXTENSION\tName: ext\tState: LaunchError\tEvents: []\tError Type: UnknownError"},
			rie:   bad,
		},
		{
			id: "launch-too-many", source: "LIM; RIE:rapid/handlers.go", invoke: once, actors: eleven(),
			text: "An eleventh extension fails the init with Extension.LaunchError, TooManyExtensions.",
			want: "bootstrap:\n" + failed("ErrTooManyExtensions"),
			log:  []string{"\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions"},
			rie:  bad,
		},
		{
			id: "exit-before-register", source: handlers, invoke: once, actors: map[string]string{"ext": "exit 3"},
			text: "An exit before register fails the init with Extension.Crash.",
			want: "ext:\n bootstrap:\n" + `caller: Unhandled {"errorType":"Extension.Crash","errorMessage":"RequestId: <uuid> Error: exit status 3"}`,
			log:  []string{"INIT_REPORT Init Duration: <n> ms\tPhase: init\tStatus: error\tError Type: Extension.Crash", "EXTENSION\tName: ext\tState: Started\tEvents: []"},
			rie:  bad,
		},
		{
			id: "exit-0-before-register", source: handlers, invoke: once, actors: map[string]string{"ext": "exit 0"},
			text: "An exit with 0 is no better.",
			want: "ext:\n bootstrap:\n" + `caller: Unhandled {"errorType":"Extension.Crash","errorMessage":"RequestId: <uuid> Error: exit code 0"}`,
			rie:  bad,
		},
		{
			id: "exit-after-register", source: handlers, invoke: once,
			text:   "An exit between register and next fails the init with Extension.Crash.",
			actors: map[string]string{"ext": "register\nawait runtime\nexit 1", runtimeActor: "mark runtime\nawait never"},
			want:   "ext: " + registered + "\n" + `caller: Unhandled {"errorType":"Extension.Crash","errorMessage":"RequestId: <uuid> Error: exit status 1"}`,
			log:    []string{"EXTENSION\tName: ext\tState: Registered\tEvents: [INVOKE, SHUTDOWN]"},
			rie:    bad,
		},
		{
			id: "extensions-disabled", source: "RIE:extensions/extensions.go (no documentation)", actors: ext("register"), invoke: once,
			text: "The file /opt/disable-extensions-jwigqn8j turns extensions off; their API answers 404 then.",
			place: func(opt string) error {
				return os.WriteFile(filepath.Join(opt, "disable-extensions-jwigqn8j"), nil, 0o644)
			},
			want: "ext:\n bootstrap: " + served,
		},
	}
}

// eleven are one too many.
func eleven() map[string]string {
	actors := map[string]string{}
	for i := range 11 {
		actors[fmt.Sprintf("ext%02d", i)] = "register\nevents"
	}
	return actors
}

// otherMachine makes a program one for a processor that nobody has here, by the field e_machine.
func otherMachine(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const offset, sparc = 18, 2
	binary.LittleEndian.PutUint16(content[offset:], sparc)
	return os.WriteFile(path, content, 0o755)
}
