package conformance

import "fmt"

// internalRules are about extensions inside the runtime's process.
func internalRules() []rule {
	const source = "EXT; RIE:rapi/handler/agentregister.go, core/registrations.go"
	const invalid = "Extension.InvalidExtensionState"
	inside := func(steps string) map[string]string { return map[string]string{runtimeActor: steps} }
	const registerIn = "register name=in events=INVOKE as=in\n"
	return []rule{
		{
			id: "internal", source: source, invoke: []invocation{{payload: "1"}, {payload: "2"}},
			text:   "Before its first next a runtime may register internal extensions; they get INVOKE like others.",
			actors: inside(registerIn + "async events who=in as=in\nserve"),
			want:   "in: " + registered + "\n in: " + invoked + "\n in: " + invoked + "\n caller: answer 1\n caller: answer 2",
			log:    []string{"EXTENSION\tName: in\tState: Ready\tEvents: [INVOKE]"},
		},
		{
			id: "internal-shutdown", source: source, actors: inside("register name=in as=in\nserve"), invoke: once,
			text: "An internal extension cannot register for SHUTDOWN.",
			want: "in: " + refused("register", "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"),
		},
		{
			id: "internal-same-name", source: source, actors: inside(registerIn + registerIn + "async events who=in as=events\nserve"), invoke: once,
			text: "Two internal extensions cannot have one name.",
			want: "in: " + registered + "\n in: " + refused("register", invalid, "Extension with this name already registered"),
		},
		{
			id: "internal-with-external-name", source: source, invoke: once,
			text:   "The name of an external extension is that extension's own, whoever uses it.",
			actors: map[string]string{"ext": "register\nawait tried\nevents", runtimeActor: "register name=ext events=INVOKE\nmark tried\nserve"},
			want:   "bootstrap: " + refused("register", invalid, transition("Registered", "Registered", "extension ext")) + "\n bootstrap: " + served,
		},
		{
			id: "internal-late", source: source, actors: inside("next\nregister name=in events=INVOKE\nrespond\nnext"), invoke: once,
			text: "After the init nobody can register any more.",
			want: "bootstrap: next 200 {\"n\":1}\n bootstrap: " + refused("register", "Extension.RegistrationClosed", "Extension registration closed already") + "\n bootstrap: respond" + accepted,
		},
		{
			id: "register-external-late", source: source, invoke: once,
			text:   "An external extension that has registered is refused for its state, and not because registration is closed.",
			actors: map[string]string{"ext": "register\nevent\nregister\nevents"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: " + refused("register", invalid, transition("Running", "Registered", "extension ext")),
		},
		{
			id: "internal-limit", source: source + "; LIM", invoke: once,
			text: "There can be ten extensions, internal ones included; an eleventh is refused.",
			actors: map[string]string{
				"ext":        "register\nevents",
				runtimeActor: nineInternal() + "register name=in10 events=INVOKE as=tenth\nserve",
			},
			want: "in1: " + registered + "\n in9: " + registered + "\n tenth: " + refused("register", "Extension.TooManyExtensions", "Extension limit (10) reached"),
		},
		{
			id: "internal-waited-for", source: "RIE:rapid/handlers.go", invoke: once,
			text:   "The init ends only when internal extensions have called next, too.",
			actors: inside(registerIn + "async serve\npause 300ms\nmark slow\nevents who=in as=in"),
			want:   "in: " + registered + "\n in: " + invoked,
			order:  []string{"bootstrap: mark slow < bootstrap: next"},
		},
		{
			id: "internal-init-error", source: "EXT; RIE:core/internalagent_states.go", invoke: once,
			text:   "An internal extension tells an init/error as others do; the runtime's exit is Extension.InitError then.",
			actors: inside(registerIn + "ext-init-error who=in type=Extension.A as=in\next-init-error who=in type=Extension.B as=in\nevent who=in as=in\nexit 1"),
			want: "in: " + registered + "\n in: ext-init-error" + accepted + "\n in: ext-init-error" + accepted +
				"\n in: " + refused("event", invalid, transition("InitError", "Ready", "extension <uuid>")),
		},
	}
}

// nineInternal registers nine internal extensions, each of which takes its events.
func nineInternal() string {
	var steps string
	for i := 1; i <= 9; i++ {
		steps += fmt.Sprintf("register name=in%d events=INVOKE as=in%d\nasync events who=in%d as=events\n", i, i, i)
	}
	return steps
}
