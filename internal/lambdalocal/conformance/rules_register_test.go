package conformance

// refused is how an actor notes a refusal of the platform.
func refused(verb, errorType, message string) string {
	return verb + ` 403 {"errorMessage":"` + message + `","errorType":"` + errorType + `"}`
}

// transition is the message of a refused change of state.
func transition(from, to, who string) string {
	return "State transition from " + from + " to " + to + " failed for " + who + ". Error: State transition is not allowed"
}

// What actors note again and again.
const (
	metadata    = `{"functionName":"conform","functionVersion":"$LATEST","handler":"app.handler"}`
	registered  = "register 200 " + metadata
	invokeEvent = `{"eventType":"INVOKE","deadlineMs":<ms>,"requestId":"<uuid>","invokedFunctionArn":"` + functionARN + `","tracing":{"type":"X-Amzn-Trace-Id","value":"` + traceHeader + `"}}`
	invoked     = "event 200 " + invokeEvent
	accepted    = ` 202 {"status":"OK"}`
	served      = `next 200 {"n":1}` + "\n bootstrap: respond" + accepted
)

// subscription is to a port where nobody listens: what is sent there is lost.
const subscription = `{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:9"}}`

// ext is the script of an extension that does some steps and then its work.
func ext(steps string) map[string]string { return map[string]string{"ext": steps + "\nevents"} }

// registerRules are about POST /extension/register.
func registerRules() []rule {
	const source = "EXT; RIE:rapi/handler/agentregister.go"
	return []rule{
		{
			id: "register", source: source, actors: ext("register show=Lambda-Extension-Identifier,Content-Type"), invoke: once,
			text: "register answers 200 with the function's name, version and handler, and the identifier in a header.",
			want: "ext: register 200 [Lambda-Extension-Identifier: <uuid>] [Content-Type: application/json] " + metadata + "\n ext: " + invoked + "\n caller: answer {\"n\":1}",
		},
		{
			id: "register-line-feed", source: "RIE:rapi/rendering/render_json.go", actors: ext("register raw=yes"), invoke: once,
			text: "JSON that the APIs answer ends in a line feed.",
			want: `ext: register 200 "{\"functionName\":\"conform\",\"functionVersion\":\"$LATEST\",\"handler\":\"app.handler\"}\n"` + "\n ext: " + invoked,
		},
		{
			id: "register-account-id", source: "EXT", actors: ext("register feature=accountId"), invoke: once,
			text: "With the feature accountId the answer to register has the account.",
			want: `ext: register 200 {"accountId":"012345678912","functionName":"conform","functionVersion":"$LATEST","handler":"app.handler"}` + "\n ext: " + invoked,
			rie:  differs("The emulator knows the feature but no account, and leaves out what is empty.", "ext: "+registered+"\n ext: "+invoked),
		},
		{
			id: "register-unknown-feature", source: source, actors: ext("register feature=time-travel,,x"), invoke: once,
			text: "A feature that does not exist is ignored.",
			want: "ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-no-name", source: source, actors: ext("register name=none\nregister"), invoke: once,
			text: "register without a name is refused, and may be tried again.",
			want: "ext: " + refused("register", "Extension.InvalidExtensionName", "Empty extension name") + "\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-broken-json", source: source, actors: ext("register body={\"events\":\nregister body=\nregister"), invoke: once,
			text: "A body that is no JSON, or is empty, is refused as InvalidRequestFormat.",
			want: "ext: " + refused("register", "InvalidRequestFormat", "unexpected end of JSON input") +
				"\n ext: " + refused("register", "InvalidRequestFormat", "unexpected end of JSON input") + "\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-wrong-type", source: source, actors: ext("register body={\"events\":\"INVOKE\"}\nregister"), invoke: once,
			text: "A list of events that is no list is refused as InvalidRequestFormat.",
			want: "ext: " + refused("register", "InvalidRequestFormat", "json: cannot unmarshal string into Go struct field .events of type []string") +
				"\n ext: " + registered + "\n ext: " + invoked,
			rie: differs("The message is that of Go's JSON decoder and names a type inside the program.",
				"ext: "+refused("register", "InvalidRequestFormat", "json: cannot unmarshal string into Go struct field .RegisterRequest.events of type []core.Event")+
					"\n ext: "+registered+"\n ext: "+invoked),
		},
		{
			id: "register-configuration-keys", source: source, actors: ext("register body={\"configurationKeys\":[\"a\"]}\nregister"), invoke: once,
			text: "The old configurationKeys are refused.",
			want: "ext: " + refused("register", "InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead") +
				"\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-unknown-event", source: "EXT; RIE:core/externalagent.go", actors: ext("register events=INVOKE,RESTORE\nregister events=invoke\nregister"), invoke: once,
			text: "An event that does not exist, or is spelled otherwise, is refused as Extension.InvalidEventType.",
			want: "ext: " + refused("register", "Extension.InvalidEventType", "RESTORE: ErrorInvalidEventType") +
				"\n ext: " + refused("register", "Extension.InvalidEventType", "invoke: ErrorInvalidEventType") + "\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-twice", source: "EXT; RIE:core/externalagent_states.go", actors: ext("register\nregister"), invoke: once,
			text: "A second register of the same extension is refused as Extension.InvalidExtensionState.",
			want: "ext: " + registered + "\n ext: " + refused("register", "Extension.InvalidExtensionState", transition("Registered", "Registered", "extension ext")) + "\n ext: " + invoked,
		},
		{
			id: "register-same-event-twice", source: "RIE:core/externalagent.go", actors: ext("register events=INVOKE,INVOKE,SHUTDOWN"), invoke: once,
			text: "An event that is named twice counts once.",
			want: "ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-wrong-name", source: "EXT; RIE:rapi/handler/agentregister.go, core/internalagent.go", actors: ext("register name=ext.sh\nregister"), invoke: once,
			text: "A name that no file in /opt/extensions has is an internal extension's, which cannot have SHUTDOWN.",
			want: "ext: " + refused("register", "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension") +
				"\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-path-as-name", source: "EXT", invoke: once,
			actors: ext("register name=/opt/extensions/ext events=INVOKE as=other\nasync events who=/opt/extensions/ext as=other\nregister"),
			text:   "The name is the file's name, and not its path.",
			want:   "other: " + registered + "\n other: " + invoked + "\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "register-method", source: "RIE:rapi/router.go", actors: ext("call GET path=/2020-01-01/extension/register\nregister"), invoke: once,
			text: "Another method than a route's own is answered with 405 and no body.",
			want: "ext: call 405\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "unknown-route", source: "RIE:rapi/router.go", actors: ext("call GET path=/2020-01-01/extension/none\nregister"), invoke: once,
			text: "A path that does not exist is answered with 404.",
			want: "ext: call 404 404 page not found\n ext: " + registered + "\n ext: " + invoked,
		},
		{
			id: "telemetry-subscribe", source: "TELREF; RIE:rapi/handler/runtimelogs_stub.go", invoke: once,
			text:   "A subscription to telemetry is answered with 200; where there is no telemetry, with 202, and the extension goes on without.",
			actors: ext("register events=SHUTDOWN\ncall PUT path=/2022-07-01/telemetry body=" + subscription),
			want:   "ext: " + registered + "\n ext: call 200 \"OK\"",
			rie: differs("The emulator has no Telemetry API, and says so as AWS's documentation tells.",
				"ext: "+registered+`
				ext: call 202 {"errorMessage":"Telemetry API is not supported","errorType":"Telemetry.NotSupported"}`),
		},
	}
}
