package conformance

import (
	"os"
	"path/filepath"
	"time"
)

// lifecycleRules are about exits, timeouts, and what follows from them.
func lifecycleRules() []rule {
	const handlers = "LRE; RIE:rapid/handlers.go"
	two := []invocation{{payload: "1"}, {payload: "2"}}
	caller := func(errorType, message string) string {
		return `caller: Unhandled {"errorType":"` + errorType + `","errorMessage":"RequestId: <uuid> Error: ` + message + `"}`
	}
	bad := differs(noInitBody, "caller: Unhandled")
	shutdownEvent := func(reason string) string {
		return `event 200 {"eventType":"SHUTDOWN","deadlineMs":<ms>,"shutdownReason":"` + reason + `"}`
	}
	return []rule{
		{
			id: "runtime-missing", source: handlers, invoke: once, actors: ext("register"),
			text:  "A bootstrap that cannot be executed fails the init with Runtime.InvalidEntrypoint.",
			place: func(opt string) error { return os.Chmod(filepath.Join(opt, runtimeActor), 0o644) },
			want:  caller("Runtime.InvalidEntrypoint", "fork/exec /opt/bootstrap: permission denied"),
			rie:   bad,
		},
		{
			id: "runtime-exit-in-init", source: handlers, invoke: once, actors: map[string]string{runtimeActor: "exit 3"},
			text: "A runtime that exits before next fails the init with Runtime.ExitError and the status in the message.",
			want: "bootstrap:\n" + caller("Runtime.ExitError", "Runtime exited with error: exit status 3"),
			rie:  bad,
		},
		{
			id: "runtime-exit-0-in-init", source: handlers, invoke: once, actors: map[string]string{runtimeActor: "exit 0"},
			text: "The message for an exit with 0 has no status.",
			want: "bootstrap:\n" + caller("Runtime.ExitError", "Runtime exited without providing a reason"),
			rie:  bad,
		},
		{
			id: "runtime-exit", source: handlers, invoke: two, actors: map[string]string{runtimeActor: "once dies\nnext\nexit 1"},
			text: "A runtime that exits in an invocation fails it with Runtime.ExitError; the next one gets a new process.",
			want: "bootstrap: next 200 1\n bootstrap: next 200 2\n bootstrap: respond" + accepted + "\n" + caller("Runtime.ExitError", "Runtime exited with error: exit status 1") + "\n caller: answer 2",
		},
		{
			id: "runtime-exit-0", source: handlers, invoke: two, actors: map[string]string{runtimeActor: "once dies\nnext\nexit 0"},
			text: "An exit with 0 in an invocation is a failure, too.",
			want: "bootstrap: next 200 1\n bootstrap: next 200 2\n bootstrap: respond" + accepted + "\n" + caller("Runtime.ExitError", "Runtime exited without providing a reason") + "\n caller: answer 2",
		},
		{
			id: "runtime-killed", source: handlers, invoke: two, actors: map[string]string{runtimeActor: "once dies\nnext\nkill"},
			text: "A runtime that is killed by a signal is told by the signal's name.",
			want: "bootstrap: next 200 1\n bootstrap: next 200 2\n bootstrap: respond" + accepted + "\n" + caller("Runtime.ExitError", "Runtime exited with error: signal: killed") + "\n caller: answer 2",
		},
		{
			id: "extension-exit", source: "EXT; RIE:rapid/handlers.go", invoke: two,
			text:   "An extension that exits in an invocation fails it with Extension.Crash; runtime and extensions are started anew.",
			actors: map[string]string{"ext": "register\nonce dies\nevent\nawait taken\nexit 2", runtimeActor: "once held\nnext\nmark taken\nawait never"},
			want: "ext: " + registered + "\n ext: " + invoked + "\n bootstrap: next 200 1\n bootstrap: next 200 2\n bootstrap: respond" + accepted + "\n" +
				caller("Extension.Crash", "exit status 2") + "\n caller: answer 2",
		},
		{
			id: "extension-exit-0", source: "EXT; RIE:rapid/handlers.go", invoke: two,
			text:   "An exit with 0 of an extension in an invocation is Extension.Crash, too.",
			actors: map[string]string{"ext": "register\nonce dies\nevent\nawait taken\nexit 0", runtimeActor: "once held\nnext\nmark taken\nawait never"},
			want:   caller("Extension.Crash", "exit code 0") + "\n caller: answer 2",
		},
		{
			id: "failure-shutdown", source: "EXT; RIE:rapid/handlers.go handleReset", invoke: two,
			text:   "After a failure the extensions get SHUTDOWN with the reason failure, and end; new ones are started for the next invocation.",
			actors: map[string]string{"ext": "register\nevent\nmark got\nevents", runtimeActor: "once dies\nnext\nawait got\nexit 1"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: " + shutdownEvent("failure") + "\n ext: " + registered + "\n ext: " + invoked,
			rie:    differs(reasons, "ext: "+registered+"\n ext: "+invoked+"\n ext: "+shutdownEvent("ReleaseFail")+"\n ext: "+registered+"\n ext: "+invoked),
		},
		{
			id: "timeout", source: "LRE; EXT", invoke: two, timeout: time.Second,
			text:   "When the function's timeout has passed, the runtime gets SIGTERM, the extensions SHUTDOWN with the reason timeout, and the caller an error.",
			actors: map[string]string{"ext": "register\nevents", runtimeActor: "once hangs\nterm exit\nnext\nawait never"},
			want: "ext: " + registered + "\n ext: " + invoked + "\n ext: " + shutdownEvent("timeout") + "\n ext: " + registered + "\n ext: " + invoked +
				"\n bootstrap: next 200 1\n bootstrap: SIGTERM\n bootstrap: next 200 2\n bootstrap: respond" + accepted + "\n" +
				caller("Sandbox.Timedout", "Task timed out after 1.00 seconds") + "\n caller: answer 2",
			order: []string{"bootstrap: SIGTERM < ext: " + `event 200 {"eventType":"SHUTDOWN"`},
			log:   []string{"Status: timeout"},
			rie: differs(reasons+" A timeout is answered with 200 and plain text.",
				"ext: "+registered+"\n ext: "+invoked+"\n ext: "+shutdownEvent("Timeout")+"\n ext: "+registered+"\n ext: "+invoked+
					"\n caller: answer Task timed out after 1.00 seconds\n caller: answer 2"),
		},
		{
			id: "timeout-of-extension", source: "EXT", invoke: once, timeout: time.Second,
			text:   "An extension that does not come back within the function's timeout makes the invocation a timeout, although the caller has its response.",
			actors: ext("register\nevent\npause 1200ms"),
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: " + shutdownEvent("timeout") + "\n caller: answer {\"n\":1}",
			log:    []string{"Status: timeout"},
			rie: differs(reasons+" It answers only when the extensions are done, and so does not answer with the response.",
				"ext: "+registered+"\n ext: "+invoked+"\n ext: "+shutdownEvent("Timeout")+"\n caller: answer Task timed out after 1.00 seconds"),
		},
		{
			id: "slow-extension", source: "EXT", invoke: two, actors: ext("register\nevent\npause 100ms\nmark done"),
			text:  "The next invocation waits until all extensions are done with this one.",
			want:  "caller: answer 1\n caller: answer 2",
			order: []string{"ext: mark done < bootstrap: next 200 2"},
		},
	}
}
