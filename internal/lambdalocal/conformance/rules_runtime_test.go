package conformance

import "time"

// runtimeRules are about the Runtime API.
func runtimeRules() []rule {
	const handlers = "RTAPI; RIE:rapi/handler"
	const states = "RTAPI; RIE:core/states.go"
	const invalid = "InvalidStateTransition"
	rt := func(steps string) map[string]string { return map[string]string{runtimeActor: steps} }
	const next = "bootstrap: next 200 {\"n\":1}\n"
	const headers = "Lambda-Runtime-Aws-Request-Id,Lambda-Runtime-Deadline-Ms,Lambda-Runtime-Invoked-Function-Arn,Lambda-Runtime-Client-Context,Lambda-Runtime-Aws-Tenant-Id,Content-Type"
	return []rule{
		{
			id: "runtime-next", source: "RTAPI; RIE:rapi/rendering/rendering.go", actors: rt("next show=" + headers + "\nrespond\nnext"),
			text:   "next has the event as body, and request id, deadline, ARN, client context and tenant in headers.",
			invoke: []invocation{{payload: `{"n":1}`, clientContext: `{"client":{}}`, tenant: "blue"}},
			want: "bootstrap: next 200 [Lambda-Runtime-Aws-Request-Id: <uuid>] [Lambda-Runtime-Deadline-Ms: <ms>] [Lambda-Runtime-Invoked-Function-Arn: " + functionARN +
				`] [Lambda-Runtime-Client-Context: {"client":{}}] [Lambda-Runtime-Aws-Tenant-Id: blue] [Content-Type: application/json] {"n":1}` + "\n bootstrap: respond" + accepted + "\n caller: answer {\"n\":1}",
		},
		{
			id: "runtime-next-empty-headers", source: "RIE:rapi/rendering/rendering.go", actors: rt("next show=" + headers + "\nrespond\nnext"), invoke: once,
			text: "A header that would be empty is left out.",
			want: "bootstrap: next 200 [Lambda-Runtime-Aws-Request-Id: <uuid>] [Lambda-Runtime-Deadline-Ms: <ms>] [Lambda-Runtime-Invoked-Function-Arn: " + functionARN +
				`] [Lambda-Runtime-Client-Context: ] [Lambda-Runtime-Aws-Tenant-Id: ] [Content-Type: application/json] {"n":1}` + "\n bootstrap: respond" + accepted,
		},
		{
			id: "runtime-trace", source: "RTAPI", actors: rt("next show=Lambda-Runtime-Trace-Id\nrespond\nnext"), invoke: once,
			text: "next has the trace in a header.",
			want: "bootstrap: next 200 [Lambda-Runtime-Trace-Id: " + traceHeader + "] {\"n\":1}\n bootstrap: respond" + accepted,
			rie:  differs("The emulator traces nothing, and gives the runtime no trace.", "bootstrap: next 200 [Lambda-Runtime-Trace-Id: ] {\"n\":1}\n bootstrap: respond"+accepted),
		},
		{
			id: "runtime-next-again", source: states, actors: rt("next\nnext\nrespond\nnext"), invoke: once,
			text: "A runtime that asks again before it has answered gets the same event again.",
			want: next + next + "bootstrap: respond" + accepted + "\n caller: answer {\"n\":1}",
		},
		{
			id: "runtime-next-twice-at-once", source: states, actors: rt("async next as=other\npause 300ms\nnext\npause 300ms\nrespond\nnext"), invoke: once,
			text: "A runtime that asks twice at once gets the same event twice, and answers it once.",
			want: next + "other: next 200 {\"n\":1}\n bootstrap: respond" + accepted + "\n caller: answer {\"n\":1}",
		},
		{
			id: "runtime-unknown-id", source: "RTAPI; RIE:rapi/middleware/middleware.go", actors: rt("respond id=nobody\nnext\nrespond id=nobody\nerror id=nobody\nrespond\nnext"), invoke: once,
			text: "An answer to another invocation than the current one is refused, and changes nothing.",
			want: `bootstrap: respond 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}
				` + next + `bootstrap: respond 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}
				bootstrap: error 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}` + "\n bootstrap: respond" + accepted + "\n caller: answer {\"n\":1}",
		},
		{
			id: "runtime-respond-twice", source: states, actors: rt("next\nrespond\nrespond body=2\nerror\nnext"), invoke: once,
			text: "A second answer to the same invocation is refused; the caller has the first.",
			want: next + "bootstrap: respond" + accepted + "\n bootstrap: " + refused("respond", invalid, transition("RuntimeResponseSentState", "InvocationResponse", "runtime")) +
				"\n bootstrap: " + refused("error", invalid, transition("RuntimeResponseSentState", "InvocationErrorResponse", "runtime")) + "\n caller: answer {\"n\":1}",
		},
		{
			id: "runtime-error", source: handlers, actors: rt("next\nerror type=Function.Oops\nnext"), invoke: once,
			text: "An error response reaches the caller as it is, marked as the function's error.",
			want: next + "bootstrap: error" + accepted + "\n caller: Unhandled {\"errorMessage\":\"no\",\"errorType\":\"Oops\"}",
			rie:  differs(marked, `caller: answer {"errorMessage":"no","errorType":"Oops"}`),
		},
		errorTypeRule("runtime-error-type", "RTAPI; RIE:fatalerror/fatalerror.go", "An error type that a runtime tells is kept if it has the form Runtime.Reason or Function.Reason.", "Function.NoTea", "Function.NoTea"),
		errorTypeRule("runtime-error-type-unknown", "RIE:fatalerror/fatalerror.go", "Any other error type becomes Runtime.Unknown.", "TypeError", "Runtime.Unknown"),
		errorTypeRule("runtime-error-type-function", "RIE:fatalerror/fatalerror.go", "One that begins with Function. and has another form becomes Function.Unknown.", "Function.x", "Function.Unknown"),
		errorTypeRule("runtime-error-type-none", "RIE:fatalerror/fatalerror.go", "None at all becomes Runtime.Unknown, too.", "", "Runtime.Unknown"),
		{
			id: "runtime-error-goes-on", source: "RTAPI; LRE", actors: rt("next\nerror\nserve"), invoke: []invocation{{payload: `{"n":1}`}, {payload: "2"}},
			text: "After an error response the same process takes the next event.",
			want: next + "bootstrap: error" + accepted + "\n bootstrap: next 200 2\n bootstrap: respond" + accepted,
		},
		{
			id: "runtime-init-error", source: handlers + "/initerror.go; LRE", actors: rt("init-error type=Runtime.NoSuchModule\nexit 1"), invoke: once,
			text: "init/error is accepted, and its body is what the caller of the next invocation gets.",
			want: "bootstrap: init-error" + accepted + "\n caller: Unhandled {\"errorMessage\":\"no\",\"errorType\":\"Oops\"}",
			log:  []string{"INIT_REPORT Init Duration: <n> ms\tPhase: init\tStatus: error\tError Type: Runtime.NoSuchModule"},
		},
		{
			id: "runtime-init-error-twice", source: states, actors: rt("init-error\ninit-error\nnext\nexit 1"), invoke: once,
			text: "After init/error neither it nor next is accepted.",
			want: "bootstrap: init-error" + accepted + "\n bootstrap: " + refused("init-error", invalid, transition("InitError", "InitError", "runtime")) +
				"\n bootstrap: " + refused("next", invalid, transition("InitError", "Ready", "runtime")),
		},
		{
			id: "runtime-init-error-late", source: states, actors: rt("next\ninit-error\nrespond\nnext"), invoke: once,
			text: "init/error during an invocation is refused.",
			want: next + "bootstrap: " + refused("init-error", invalid, transition("Running", "InitError", "runtime")) + "\n bootstrap: respond" + accepted,
		},
		{
			id: "runtime-largest-response", source: "LIM; RIE:interop/model.go", actors: rt("next\nrespond size=6291556\nnext"), invoke: once,
			text: "A response may have 6 MiB and 100 bytes.",
			want: next + "bootstrap: respond" + accepted,
		},
		{
			id: "runtime-too-large", source: "LIM; RIE:rapi/handler/invocationresponse.go", actors: rt("next\nrespond size=6291557\nnext"), invoke: once,
			text: "A larger one is refused with 413, and the caller gets Function.ResponseSizeTooLarge.",
			want: next + `bootstrap: respond 413 {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}
				caller: Unhandled {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`,
			rie: differs(marked,
				`caller: answer {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`),
		},
		{
			id: "runtime-largest-error", source: "LIM; RIE:rapidcore/server.go", actors: rt("next\nerror size=6291556\nnext"), invoke: once,
			text: "An error report may have as much as a response.",
			want: next + "bootstrap: error" + accepted,
		},
		{
			id: "runtime-error-too-large", source: "LIM; RIE:rapidcore/server.go", actors: rt("next\nerror size=6291557\nnext"), invoke: once,
			text: "A larger one is treated as a response that is too large: 413 for the runtime, which goes on, and Function.ResponseSizeTooLarge for the caller.",
			want: next + `bootstrap: error 413 {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}
				caller: Unhandled {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`,
			timeout: 2 * time.Second,
			rie: differs("It finds that the report is too large, and has no answer to that: its handler panics, and the invocation ends by its timeout.",
				next+"bootstrap: error no answer\n bootstrap: "+refused("next", invalid, transition("InvocationErrorResponse", "Ready", "runtime"))+
					"\n caller: answer Task timed out after 2.00 seconds"),
		},
		{
			id: "runtime-truncated", source: "RIE:rapi/handler/invocationresponse.go", actors: rt("next\ntruncate\nnext"), invoke: once,
			text: "A response whose sender hangs up in the middle of it is refused, and the caller gets Runtime.TruncatedResponse.",
			want: next + `bootstrap: truncate 400 Bad Request {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}
				caller: Unhandled {"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: <uuid> Error: Response was cut off"}`,
			rie: cannot("Only the streaming half of AWS's code, which the emulator does not use, knows this; the emulator's handler panics and the invocation never ends."),
		},
		{
			id: "runtime-bad-mode", source: "RTAPI; RIE:rapi/handler/invocationresponse.go", actors: rt("next\nrespond mode=slow\nexit 1"), invoke: once,
			text: "A response mode that does not exist is refused with 400.",
			want: next + `bootstrap: respond 400 {"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}`,
		},
		{
			id: "runtime-streaming-mode", source: "RTAPI", actors: rt("next\nrespond mode=streaming\nnext"), invoke: once,
			text: "The response mode streaming is accepted.",
			want: next + "bootstrap: respond" + accepted + "\n caller: answer {\"n\":1}",
		},
		{
			id: "runtime-ping", source: "RIE:rapi/handler/ping.go", actors: rt("call GET path=/2018-06-01/ping\nserve"), invoke: once,
			text: "ping is answered with pong.",
			want: "bootstrap: call 200 pong\n bootstrap: " + served,
		},
		{
			id: "restore-next-without-snapstart", source: "RIE:rapi/router.go", actors: rt("call GET path=/2018-06-01/runtime/restore/next\nserve"), invoke: once,
			text: "Without SnapStart there is no restore/next.",
			want: "bootstrap: call 404 404 page not found\n bootstrap: " + served,
		},
	}
}

// errorTypeRule is about the header of an error report. What has become of it shows in the logs.
func errorTypeRule(id, source, text, given, becomes string) rule {
	return rule{
		id: id, source: source, text: text, invoke: once,
		actors: map[string]string{runtimeActor: "init-error type=" + given + "\nexit 1"},
		want:   "bootstrap: init-error" + accepted,
		log:    []string{"Error Type: " + becomes},
		rie:    verdict{log: []string{"Sending Init Error Response: " + becomes}},
	}
}
