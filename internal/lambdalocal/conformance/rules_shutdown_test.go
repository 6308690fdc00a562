package conformance

import "time"

// shutdownRules are about the end of an environment.
func shutdownRules() []rule {
	const source = "EXT; RIE:rapid/shutdown.go"
	spindown := `event 200 {"eventType":"SHUTDOWN","deadlineMs":<ms>,"shutdownReason":"spindown"}`
	terminated := `event 200 {"eventType":"SHUTDOWN","deadlineMs":<ms>,"shutdownReason":"SandboxTerminated"}`
	return []rule{
		{
			id: "shutdown", source: source, invoke: once, shutdown: true,
			text:   "At the end the runtime gets SIGTERM; when it has ended, extensions get SHUTDOWN.",
			actors: map[string]string{"ext": "register\nevents", runtimeActor: "term exit\nserve"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: " + spindown + "\n bootstrap: " + served + "\n bootstrap: SIGTERM",
			order:  []string{"bootstrap: SIGTERM < ext: " + `event 200 {"eventType":"SHUTDOWN"`},
			rie:    differs(reasons, "ext: "+registered+"\n ext: "+invoked+"\n ext: "+terminated),
		},
		{
			id: "shutdown-headers", source: "RIE:rapi/rendering/rendering.go", invoke: once, shutdown: true,
			text:   "SHUTDOWN has no identifier, and no content type of its own.",
			actors: map[string]string{"ext": "register\nevent\nevent show=Lambda-Extension-Event-Identifier,Content-Type raw=yes\nexit 0"},
			want: "ext: " + registered + "\n ext: " + invoked + "\n ext: event 200 [Lambda-Extension-Event-Identifier: ] [Content-Type: text/plain; charset=utf-8] " +
				`"{\"eventType\":\"SHUTDOWN\",\"deadlineMs\":<ms>,\"shutdownReason\":\"spindown\"}"`,
			rie: differs(reasons, "ext: "+registered+"\n ext: "+invoked+"\n ext: event 200 [Lambda-Extension-Event-Identifier: ] [Content-Type: text/plain; charset=utf-8] "+
				`"{\"eventType\":\"SHUTDOWN\",\"deadlineMs\":<ms>,\"shutdownReason\":\"SandboxTerminated\"}"`),
		},
		{
			id: "shutdown-deaf-runtime", source: source, invoke: once, shutdown: true,
			text: "A runtime that does not end by SIGTERM within three tenths of the two seconds is killed, and extensions get SHUTDOWN all the same.", lasts: 600 * time.Millisecond,
			actors: map[string]string{"ext": "register\nevents", runtimeActor: "term\nserve"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: " + spindown + "\n bootstrap: " + served + "\n bootstrap: SIGTERM",
			order:  []string{"bootstrap: SIGTERM < ext: " + `event 200 {"eventType":"SHUTDOWN"`},
			rie:    differs(reasons, "ext: "+registered+"\n ext: "+invoked+"\n ext: "+terminated),
		},
		{
			id: "shutdown-deaf-extension", source: source, invoke: once, shutdown: true,
			text: "An extension that does not end after SHUTDOWN is killed after two seconds, without a SIGTERM.", lasts: 2 * time.Second,
			actors: map[string]string{"ext": "term\nregister\nevent\nevent\nawait never"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n ext: " + spindown,
			rie:    differs(reasons, "ext: "+registered+"\n ext: "+invoked+"\n ext: "+terminated),
		},
		{
			id: "shutdown-without-extensions", source: source, invoke: once, shutdown: true, actors: map[string]string{runtimeActor: "term exit\nserve"},
			text: "Without extensions the runtime is killed at once: it gets no SIGTERM.",
			want: "bootstrap: " + served,
		},
		{
			id: "shutdown-not-subscribed", source: source, invoke: once, shutdown: true,
			text:   "An extension that has not registered for SHUTDOWN is killed without a word; that it is there gives the runtime its SIGTERM.",
			actors: map[string]string{"ext": "term\nregister events=INVOKE\nevents", runtimeActor: "term exit\nserve"},
			want:   "ext: " + registered + "\n ext: " + invoked + "\n bootstrap: " + served + "\n bootstrap: SIGTERM",
		},
		{
			id: "shutdown-internal", source: source, invoke: once, shutdown: true,
			text:   "An internal extension, too, gives the runtime its SIGTERM.",
			actors: map[string]string{runtimeActor: "register name=in events=INVOKE as=in\nasync events who=in as=in\nterm exit\nserve"},
			want:   "in: " + registered + "\n in: " + invoked + "\n bootstrap: " + served + "\n bootstrap: SIGTERM",
		},
	}
}
