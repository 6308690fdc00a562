package conformance

// errorRules are about POST /extension/init/error and /extension/exit/error.
func errorRules() []rule {
	const source = "EXT; RIE:rapi/handler/agentiniterror.go, agentexiterror.go"
	const states = "EXT; RIE:core/externalagent_states.go"
	const invalid = "Extension.InvalidExtensionState"
	const stranger = "7aa4f0d4-98c8-4f52-a0a1-6c3a3c5c6a2b"
	// ends is what the caller gets for an extension's end.
	ends := func(errorType string) string {
		return `caller: Unhandled {"errorType":"` + errorType + `","errorMessage":"RequestId: <uuid> Error: exit status 1"}`
	}
	bad := differs(noInitBody, "caller: Unhandled")
	return []rule{
		{
			id: "init-error", source: source, invoke: once,
			text:   "init/error of an extension that has registered is accepted; its exit makes the init fail with Extension.InitError.",
			actors: map[string]string{"ext": "register\next-init-error type=Extension.ConfigInvalid\nexit 1"},
			want:   "ext: " + registered + "\n ext: ext-init-error" + accepted + "\n bootstrap:\n" + ends("Extension.InitError"),
			log:    []string{"EXTENSION\tName: ext\tState: InitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.ConfigInvalid"},
			rie:    bad,
		},
		{
			id: "init-error-no-type", source: source, actors: ext("register\next-init-error"), invoke: once,
			text: "init/error without the header of the error type is refused.",
			want: "ext: " + registered + "\n ext: " + refused("ext-init-error", "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found") + "\n ext: " + invoked,
		},
		{
			id: "exit-error-no-type", source: source, actors: ext("register\next-exit-error"), invoke: once,
			text: "exit/error without the header of the error type is refused.",
			want: "ext: " + registered + "\n ext: " + refused("ext-exit-error", "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found") + "\n ext: " + invoked,
		},
		{
			id: "init-error-any-type-and-body", source: source, invoke: once,
			text:   "Any error type is accepted, and any body.",
			actors: map[string]string{"ext": "register\next-init-error type=whatever body=no json\nexit 1"},
			want:   "ext: " + registered + "\n ext: ext-init-error" + accepted,
			log:    []string{"EXTENSION\tName: ext\tState: InitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: whatever"},
		},
		{
			id: "init-error-repeated", source: states, invoke: once,
			text:   "init/error may be repeated; the first one counts.",
			actors: map[string]string{"ext": "register\next-init-error type=Extension.A\next-init-error type=Extension.B\nexit 1"},
			want:   "ext: " + registered + "\n ext: ext-init-error" + accepted + "\n ext: ext-init-error" + accepted,
			log:    []string{"Error Type: Extension.A"},
		},
		{
			id: "after-init-error", source: states, invoke: once,
			text:   "After init/error no other call succeeds.",
			actors: map[string]string{"ext": "register\next-init-error type=Extension.A\nregister\nevent\next-exit-error type=Extension.B\nexit 1"},
			want: "ext: " + registered + "\n ext: ext-init-error" + accepted +
				"\n ext: " + refused("register", invalid, transition("InitError", "Registered", "extension ext")) +
				"\n ext: " + refused("event", invalid, transition("InitError", "Ready", "extension <uuid>")) +
				"\n ext: " + refused("ext-exit-error", invalid, transition("InitError", "Exited", "extension <uuid>")),
		},
		{
			id: "init-error-while-ready", source: states, invoke: once,
			text: "init/error while next is outstanding is refused.",
			actors: map[string]string{
				"ext":        "register\nasync events as=first\npause 300ms\next-init-error type=Extension.A\nmark asked",
				runtimeActor: "await asked\nserve",
			},
			want: "ext: " + registered + "\n ext: " + refused("ext-init-error", invalid, transition("Ready", "InitError", "extension <uuid>")) + "\n first: " + invoked,
		},
		{
			id: "init-error-while-running", source: states, actors: ext("register\nevent\next-init-error type=Extension.A"), invoke: once,
			text: "init/error during an invocation is refused.",
			want: "ext: " + registered + "\n ext: " + invoked + "\n ext: " + refused("ext-init-error", invalid, transition("Running", "InitError", "extension <uuid>")),
		},
		{
			id: "exit-error-in-init", source: states, invoke: once,
			text:   "exit/error is accepted right after register; the exit is an Extension.ExitError.",
			actors: map[string]string{"ext": "register\next-exit-error type=Extension.A\nexit 1"},
			want:   "ext: " + registered + "\n ext: ext-exit-error" + accepted + "\n bootstrap:\n" + ends("Extension.ExitError"),
			log:    []string{"EXTENSION\tName: ext\tState: ExitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.A"},
			rie:    bad,
		},
		{
			id: "exit-error-while-ready", source: states, invoke: once,
			text: "exit/error is accepted while next is outstanding.",
			actors: map[string]string{
				"ext": "register\nasync events as=first\npause 300ms\next-exit-error type=Extension.A\nexit 1",
				// waits for ever, so that the exit is within the init
				runtimeActor: "await never",
			},
			want: "ext: " + registered + "\n ext: ext-exit-error" + accepted + "\n" + ends("Extension.ExitError"),
			rie:  bad,
		},
		{
			id: "exit-error-while-running", source: states, invoke: once,
			text:   "exit/error is accepted during an invocation; the exit fails it with Extension.ExitError.",
			actors: map[string]string{"ext": "register\nevent\next-exit-error type=Extension.A\nexit 1", runtimeActor: "next\nawait never"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: ext-exit-error" + accepted + "\n" + ends("Extension.ExitError"),
		},
		{
			id: "exit-error-repeated", source: states, invoke: once,
			text:   "exit/error may be repeated; the first one counts.",
			actors: map[string]string{"ext": "register\next-exit-error type=Extension.A\next-exit-error type=Extension.B\nexit 1"},
			want:   "ext: " + registered + "\n ext: ext-exit-error" + accepted + "\n ext: ext-exit-error" + accepted,
			log:    []string{"Error Type: Extension.A"},
		},
		{
			id: "after-exit-error", source: states, invoke: once,
			text:   "After exit/error no other call succeeds.",
			actors: map[string]string{"ext": "register\next-exit-error type=Extension.A\nregister\nevent\next-init-error type=Extension.B\nexit 1"},
			want: "ext: " + registered + "\n ext: ext-exit-error" + accepted +
				"\n ext: " + refused("register", invalid, transition("ExitError", "Registered", "extension ext")) +
				"\n ext: " + refused("event", invalid, transition("ExitError", "Ready", "extension <uuid>")) +
				"\n ext: " + refused("ext-init-error", invalid, transition("ExitError", "InitError", "extension <uuid>")),
		},
		{
			id: "error-identifiers", source: source, invoke: once,
			text:   "init/error and exit/error want the identifier of an extension, as next does.",
			actors: ext("register\next-init-error id=none type=E\next-init-error id=me type=E\next-init-error id=" + stranger + " type=E\next-exit-error id=none type=E\next-exit-error id=me type=E\next-exit-error id=" + stranger + " type=E"),
			want: "ext: " + registered + "\n ext: " + refused("ext-init-error", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header") +
				"\n ext: " + refused("ext-init-error", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier") +
				"\n ext: " + refused("ext-init-error", "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier") +
				"\n ext: " + refused("ext-exit-error", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header") +
				"\n ext: " + refused("ext-exit-error", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier") +
				"\n ext: " + refused("ext-exit-error", "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier") + "\n ext: " + invoked,
		},
	}
}
