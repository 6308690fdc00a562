package conformance

// nextRules are about GET /extension/event/next.
func nextRules() []rule {
	const source = "EXT; RIE:rapi/handler/agentnext.go"
	const states = "RIE:core/externalagent_states.go"
	const stranger = "7aa4f0d4-98c8-4f52-a0a1-6c3a3c5c6a2b"
	return []rule{
		{
			id: "next-invoke", source: "EXT; RIE:rapi/rendering/rendering.go", invoke: once,
			text:   "INVOKE has deadline, request id, ARN and tracing, no payload, and an identifier of its own in a header.",
			actors: map[string]string{"ext": "register\nevent show=Lambda-Extension-Event-Identifier,Content-Type\nevents"},
			want:   "ext: " + registered + "\n ext: event 200 [Lambda-Extension-Event-Identifier: <uuid>] [Content-Type: application/json] " + invokeEvent,
		},
		{
			id: "next-invoke-raw", source: "RIE:rapi/rendering/rendering.go", invoke: []invocation{{payload: `{"secret":1}`}},
			text:   "Events are JSON without spaces and without a line feed.",
			actors: map[string]string{"ext": "register\nevent raw=yes\nevents", runtimeActor: "next raw=yes\nrespond\nnext"},
			want: "ext: " + registered + `
				ext: event 200 "{\"eventType\":\"INVOKE\",\"deadlineMs\":<ms>,\"requestId\":\"<uuid>\",\"invokedFunctionArn\":\"` + functionARN +
				`\",\"tracing\":{\"type\":\"X-Amzn-Trace-Id\",\"value\":\"` + traceHeader + `\"}}"
				bootstrap: next 200 "{\"secret\":1}"` + "\n bootstrap: respond" + accepted,
		},
		{
			id: "next-same-invocation", source: "EXT; RTAPI", invoke: once,
			text:   "Extensions and runtime have the same request id and the same deadline.",
			actors: map[string]string{"ext": "register\nevent\ncompare\nevents", runtimeActor: "next\ntell\nrespond\nnext"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: compare true",
		},
		{
			id: "next-no-identifier", source: source, actors: ext("register\nevent id=none"), invoke: once,
			text: "next without an identifier is refused.",
			want: "ext: " + registered + "\n ext: " + refused("event", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header") + "\n ext: " + invoked,
		},
		{
			id: "next-malformed-identifier", source: source, actors: ext("register\nevent id=me\nevent id=" + stranger + "x"), invoke: once,
			text: "next with an identifier that is no UUID is refused.",
			want: "ext: " + registered + "\n ext: " + refused("event", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier") +
				"\n ext: " + refused("event", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier") + "\n ext: " + invoked,
		},
		{
			id: "next-unknown-identifier", source: source, actors: ext("register\nevent id=" + stranger), invoke: once,
			text: "next with the identifier of nobody is refused.",
			want: "ext: " + registered + "\n ext: " + refused("event", "Extension.UnknownExtensionIdentifier", "Unknown extension <uuid>") + "\n ext: " + invoked,
		},
		{
			id: "next-identifier-without-dashes", source: "RIE:rapi/middleware/middleware.go (uuid.Parse)", actors: ext("register\nevent id=7AA4F0D498C84F52A0A16C3A3C5C6A2B"), invoke: once,
			text: "An identifier is read in each of the forms that a UUID has, and told in the usual one.",
			want: "ext: " + registered + "\n ext: " + refused("event", "Extension.UnknownExtensionIdentifier", "Unknown extension <uuid>") + "\n ext: " + invoked,
		},
		{
			id: "next-before-register", source: source, actors: ext("event\nregister"), invoke: once,
			text: "Before register there is no identifier, and so no event.",
			want: "ext: " + refused("event", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header") + "\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "next-second-concurrent", source: "EXT; " + states, invoke: once,
			text: "A second next while one is outstanding is refused, and the first one goes on.",
			actors: map[string]string{
				"ext":        "register\nasync events as=first\npause 300ms\nevent\nmark asked",
				runtimeActor: "await asked\nserve",
			},
			want: "ext: " + registered + "\n ext: " + refused("event", "Extension.InvalidExtensionState", transition("Ready", "Ready", "extension <uuid>")) + "\n first: " + invoked,
		},
		{
			id: "next-after-hangup", source: states, invoke: once,
			text:   "Whoever hangs up while next is outstanding cannot ask again: a client must not have a time limit.",
			actors: map[string]string{"ext": "register events=SHUTDOWN\nhangup 300ms\nevent\nmark asked", runtimeActor: "await asked\nserve"},
			want:   "ext: " + registered + "\n ext: hangup no answer\n ext: " + refused("event", "Extension.InvalidExtensionState", transition("Ready", "Ready", "extension <uuid>")),
		},
		{
			id: "next-each-invocation", source: "EXT", actors: ext("register"), invoke: []invocation{{payload: "1"}, {payload: "2"}, {payload: "3"}},
			text: "Every invocation is one INVOKE for the same process.",
			want: "ext: " + registered + "\n ext: " + invoked + "\n ext: " + invoked + "\n ext: " + invoked + "\n caller: answer 1\n caller: answer 2\n caller: answer 3",
		},
		{
			id: "next-shutdown-only", source: "EXT", invoke: []invocation{{payload: "1"}, {payload: "2"}}, shutdown: true,
			text:   "Who has registered for SHUTDOWN only gets no INVOKE, and no invocation waits for it.",
			actors: map[string]string{"ext": "register events=SHUTDOWN\nevents"},
			want: "ext: " + registered + `
				ext: event 200 {"eventType":"SHUTDOWN","deadlineMs":<ms>,"shutdownReason":"spindown"}
				caller: answer 1
				caller: answer 2`,
			rie: differs(reasons, "ext: "+registered+"\n"+`ext: event 200 {"eventType":"SHUTDOWN","deadlineMs":<ms>,"shutdownReason":"SandboxTerminated"}`),
		},
		{
			id: "next-no-events", source: "EXT", invoke: []invocation{{payload: "1"}, {payload: "2"}},
			text:   "Who has registered for nothing must still call next once, and gets no event.",
			actors: map[string]string{"ext": "register events=\nevents"},
			want:   "ext: " + registered + "\n caller: answer 1\n caller: answer 2",
		},
		{
			id: "next-several-extensions", source: "EXT", invoke: []invocation{{payload: "1"}, {payload: "2"}},
			text:   "Each extension gets each event.",
			actors: map[string]string{"one": "register\nevents", "two": "register events=INVOKE\nevents", "three": "register\nevents work=20ms"},
			want: "one: " + registered + "\n one: " + invoked + "\n one: " + invoked + "\n two: " + registered + "\n two: " + invoked + "\n two: " + invoked +
				"\n three: " + registered + "\n three: " + invoked + "\n three: " + invoked,
		},
	}
}

// reasons is why SHUTDOWN says something else.
const reasons = "The emulator's front end has words of its own for the reason of a SHUTDOWN."
