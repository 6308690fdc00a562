package lambdalocal

import "slices"

// The states of an extension, by the names that its EXTENSION line shows (RIE core/agent_state_names.go).
const (
	extensionStarted        = "Started"
	extensionRegistered     = "Registered"
	extensionReady          = "Ready"
	extensionRunning        = "Running"
	extensionInitError      = "InitError"
	extensionExitError      = "ExitError"
	extensionShutdownFailed = "ShutdownFailed"
	extensionExited         = "Exited"
	extensionLaunchError    = "LaunchError"
)

// The events that an extension can register for.
const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

// maxExtensions is Lambda's limit, internal ones included (EXT).
const maxExtensions = 10

// extension is one extension of a generation and its state machine (RIE core/externalagent_states.go).
// Its methods are called under the generation's lock; those that refuse leave it as it was.
type extension struct {
	id       string
	name     string
	external bool // started from /opt/extensions, and not by the runtime's process

	state     string
	events    []string
	errorType string
	queue     []extensionEvent // not yet asked for; an extension at work gets it with its next next
	process   *process
}

// extensionEvent is what next answers, already in its wire form.
type extensionEvent struct {
	id   string // Lambda-Extension-Event-Identifier; "" for SHUTDOWN, which has none (RIE ShutdownRenderer)
	body []byte
}

func (x *extension) subscribed(event string) bool { return slices.Contains(x.events, event) }

// registered tells whether it got past register at all.
func (x *extension) registered() bool {
	return x.state != extensionStarted && x.state != extensionLaunchError
}

func (x *extension) register(events []string) error {
	if x.state != extensionStarted {
		return x.refuse(extensionRegistered, x.name)
	}
	x.state = extensionRegistered
	for _, e := range events {
		if !x.subscribed(e) {
			x.events = append(x.events, e)
		}
	}
	return nil
}

// next says that the extension is done with what it had. A second next while one is outstanding is
// refused, also when the first one's connection is gone.
func (x *extension) next() error {
	switch x.state {
	case extensionRegistered, extensionRunning:
		x.state = extensionReady
		return nil
	}
	return x.refuse(extensionReady, x.id)
}

// take hands out the oldest event that was not yet asked for.
func (x *extension) take() (extensionEvent, bool) {
	if len(x.queue) == 0 || x.state != extensionReady {
		return extensionEvent{}, false
	}
	event := x.queue[0]
	x.queue, x.state = x.queue[1:], extensionRunning
	return event, true
}

func (x *extension) initError(errorType string) error {
	switch x.state {
	case extensionInitError: // the first one counts
		return nil
	case extensionRegistered:
		x.state, x.errorType = extensionInitError, errorType
		return nil
	}
	return x.refuse(extensionInitError, x.id)
}

func (x *extension) exitError(errorType string) error {
	switch x.state {
	case extensionExitError: // the first one counts
		return nil
	case extensionRegistered, extensionReady, extensionRunning:
		x.state, x.errorType = extensionExitError, errorType
		return nil
	}
	return x.refuse(extensionExited, x.id) // RAPID names the wrong state here (RIE agentexiterror.go)
}

// crash is the sandbox's error for an exit that nobody asked for, by what the extension said before.
func (x *extension) crash() string {
	switch x.state {
	case extensionInitError:
		return "Extension.InitError"
	case extensionExitError:
		return "Extension.ExitError"
	}
	return "Extension.Crash"
}

// ended records how the extension left at the shutdown.
func (x *extension) ended(clean bool) {
	switch {
	case x.state == extensionInitError || x.state == extensionExitError || x.state == extensionLaunchError:
	case clean:
		x.state = extensionExited
	default:
		x.state = extensionShutdownFailed
	}
}

func (x *extension) refuse(to, who string) error {
	return &transitionError{x.state, to, "extension " + who}
}

// idle tells whether an extension has nothing left to do: it waits in next and nothing is on its way.
func (x *extension) idle() bool { return x.state == extensionReady && len(x.queue) == 0 }
