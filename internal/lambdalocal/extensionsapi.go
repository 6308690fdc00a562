package lambdalocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// maxRegistration bounds the body of register and of error reports; real ones have a few hundred bytes.
const maxRegistration = 1 << 20

// extensionRoutes are the Extensions API of 2020-01-01 (EXT, RIE rapi/router.go).
func (a *apiServer) extensionRoutes(mux *http.ServeMux) {
	const base = "/2020-01-01/extension"
	handle(mux, "POST", base+"/register", a.extensionRegister)
	handle(mux, "GET", base+"/event/next", identified(a.extensionNext))
	handle(mux, "POST", base+"/init/error", identified(a.extensionInitError))
	handle(mux, "POST", base+"/exit/error", identified(a.extensionExitError))
}

const extensionIDHeader = "Lambda-Extension-Identifier"

// The forms of a UUID that RAPID's parser takes: plain, as a URN, in braces, and without hyphens.
var uuidForm = regexp.MustCompile(`^(?i:urn:uuid:)?\{?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})\}?$`)

// parseUUID gives a UUID in its plain form.
func parseUUID(text string) (id string, ok bool) {
	parts := uuidForm.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	plain := strings.ToLower(strings.Join(parts[1:], "-"))
	bare := strings.ReplaceAll(plain, "-", "")
	switch strings.ToLower(text) {
	case plain, "urn:uuid:" + plain, "{" + plain + "}", bare:
		return plain, true
	}
	return "", false
}

// identified refuses a request that has no identifier of an extension, or nothing that could be one (RIE
// rapi/middleware AgentUniqueIdentifierHeaderValidator).
func identified(serve func(w http.ResponseWriter, r *http.Request, id string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Get(extensionIDHeader)
		if given == "" {
			refuse(w, http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing "+extensionIDHeader+" header")
			return
		}
		id, ok := parseUUID(given)
		if !ok {
			refuse(w, http.StatusForbidden, "Extension.InvalidExtensionIdentifier", "Invalid "+extensionIDHeader)
			return
		}
		serve(w, r, id)
	}
}

// registered finds the extension that a request comes from.
func (g *generation) registered(id string) *extension {
	return g.find(func(x *extension) bool { return x.id == id && x.registered() })
}

func (g *generation) find(is func(*extension) bool) *extension {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, x := range g.extensions {
		if is(x) {
			return x
		}
	}
	return nil
}

// apiRefusal is a refusal with the type that the API names it by.
type apiRefusal struct{ errorType, message string }

func (e *apiRefusal) Error() string { return e.errorType + ": " + e.message }

func (a *apiServer) extensionRegister(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	if name == "" {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	events, err := parseRegistration(r.Body)
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidRequestFormat", err.Error())
		return
	}
	x, err := a.current.Load().register(name, events)
	if refusal := (*apiRefusal)(nil); errors.As(err, &refusal) {
		refuse(w, http.StatusForbidden, refusal.errorType, refusal.message)
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", x.id)
	body := map[string]string{
		"functionName": a.fn.Name, "functionVersion": a.fn.Version, "handler": a.fn.Handler,
	}
	for _, feature := range strings.Split(r.Header.Get("Lambda-Extension-Accept-Feature"), ",") {
		if strings.TrimSpace(feature) == "accountId" { // others are ignored
			body["accountId"] = a.fn.Account
		}
	}
	writeJSON(w, http.StatusOK, body)
}

func parseRegistration(r io.Reader) (events []string, err error) {
	body, err := readLimited(r, maxRegistration)
	if err != nil {
		return nil, err
	}
	var request struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	if len(request.ConfigurationKeys) > 0 {
		return nil, errors.New("configurationKeys are deprecated; use environment variables instead")
	}
	return request.Events, nil
}

// register registers an external extension by its file's name, or else makes a new internal one: RAPID
// takes a name that is no file in /opt/extensions for an internal extension's.
func (g *generation) register(name string, events []string) (*extension, error) {
	external := g.find(func(x *extension) bool { return x.external && x.name == name })
	err := g.checkEvents(external != nil, events)
	if err != nil {
		return nil, err
	}
	x := external
	g.update(func() {
		if x == nil {
			x, err = g.newInternal(name)
		}
		if err == nil {
			if stateErr := x.register(events); stateErr != nil {
				err = &apiRefusal{"Extension.InvalidExtensionState", stateErr.Error()}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// checkEvents refuses events that this kind of extension cannot have (RIE core/externalagent.go,
// internalagent.go; for managed instances RIE-LMI rapi/handler/agentregister.go, core/externalagent.go).
func (g *generation) checkEvents(external bool, events []string) error {
	const errorType = "Extension.InvalidEventType"
	if g.managed() && !external && len(events) > 0 {
		return &apiRefusal{errorType, "No events allowed for internal extensions"}
	}
	for _, e := range events {
		switch {
		case e == eventInvoke && !g.managed(), e == eventShutdown && external:
		case e == eventShutdown:
			return &apiRefusal{errorType, e + ": ShutdownEventNotSupportedForInternalExtension"}
		default:
			return &apiRefusal{errorType, e + ": ErrorInvalidEventType"}
		}
	}
	return nil
}

// newInternal is called under the lock. Its order is RAPID's (RIE core/registrations.go
// CreateInternalAgent): the limit goes before the name.
func (g *generation) newInternal(name string) (*extension, error) {
	if g.closed {
		return nil, &apiRefusal{"Extension.RegistrationClosed", "Extension registration closed already"}
	}
	if len(g.extensions) >= maxExtensions {
		return nil, &apiRefusal{"Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions)}
	}
	for _, x := range g.extensions {
		if x.name == name {
			return nil, &apiRefusal{"Extension.InvalidExtensionState", "Extension with this name already registered"}
		}
	}
	x := &extension{id: newUUID(), name: name, state: extensionStarted}
	g.extensions = append(g.extensions, x)
	return x, nil
}

func (a *apiServer) extensionNext(w http.ResponseWriter, r *http.Request, id string) {
	g := a.current.Load()
	x := g.registered(id)
	if x == nil {
		refuse(w, http.StatusForbidden, unknownExtension, "Unknown extension "+id)
		return
	}
	var err error
	g.update(func() { err = x.next() })
	if err != nil {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", err.Error())
		return
	}
	var event extensionEvent
	err = g.awaitEvenFailed(r.Context(), func() bool {
		// A request that the client gave up must not take an event that nobody would read.
		if r.Context().Err() != nil {
			return false
		}
		var ok bool
		event, ok = x.take()
		return ok
	})
	if err != nil {
		return // the extension is gone
	}
	if event.id != "" {
		// SHUTDOWN has neither header; what comes as its type is a guess from the body (RIE rendering.go
		// ShutdownRenderer).
		w.Header().Set("Lambda-Extension-Event-Identifier", event.id)
		w.Header().Set("Content-Type", "application/json")
	}
	send(w, event.body)
}

const unknownExtension = "Extension.UnknownExtensionIdentifier"

func (a *apiServer) extensionInitError(w http.ResponseWriter, r *http.Request, id string) {
	a.extensionError(w, r, id, "Extension.InitError", (*extension).initError)
}

func (a *apiServer) extensionExitError(w http.ResponseWriter, r *http.Request, id string) {
	a.extensionError(w, r, id, "Extension.ExitError", (*extension).exitError)
}

// extensionError serves init/error and exit/error. Whatever ends the generation later, the environment's
// error is the one that was told first (RIE rapi/handler/agentiniterror.go: StoreFirstFatalError).
func (a *apiServer) extensionError(w http.ResponseWriter, r *http.Request, id, fatal string, transition func(*extension, string) error) {
	const typeHeader = "Lambda-Extension-Function-Error-Type"
	errorType := r.Header.Get(typeHeader)
	if errorType == "" {
		refuse(w, http.StatusForbidden, "Extension.MissingHeader", typeHeader+" not found")
		return
	}
	g := a.current.Load()
	if g.managed() {
		errorType = validExtensionErrorType(errorType, fatal)
		fatal = errorType
	}
	x := g.registered(id)
	if x == nil {
		refuse(w, http.StatusForbidden, unknownExtension, "Unknown "+extensionIDHeader)
		return
	}
	var err error
	g.update(func() {
		if err = transition(x, errorType); err == nil && g.fatal == "" {
			g.fatal = fatal
		}
	})
	if err != nil {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", err.Error())
		return
	}
	accept(w)
}

var extensionErrorForm = regexp.MustCompile(`Extension\.[A-Z][a-zA-Z]+`)

// validExtensionErrorType keeps what managed instances keep (RIE-LMI rapid/model/customer_error.go).
func validExtensionErrorType(given, otherwise string) string {
	if extensionErrorForm.MatchString(given) {
		return given
	}
	return otherwise
}

// invokeEvent is what an extension gets for an invocation (EXT).
func invokeEvent(in *invocation) extensionEvent {
	type tracing struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	event := struct {
		EventType  string   `json:"eventType"`
		DeadlineMs int64    `json:"deadlineMs"`
		RequestID  string   `json:"requestId"`
		ARN        string   `json:"invokedFunctionArn"`
		Tracing    *tracing `json:"tracing,omitempty"`
	}{eventInvoke, in.deadline.UnixMilli(), in.RequestID, in.arn, nil}
	if in.TraceHeader != "" {
		event.Tracing = &tracing{traceType, in.TraceHeader}
	}
	return extensionEvent{id: newUUID(), body: mustJSON(event)}
}

// shutdownEvent is the last event of an extension (EXT; lower case as RAPID sends the reason).
func shutdownEvent(reason string, deadlineMs int64) extensionEvent {
	return extensionEvent{body: mustJSON(struct {
		EventType  string `json:"eventType"`
		DeadlineMs int64  `json:"deadlineMs"`
		Reason     string `json:"shutdownReason"`
	}{eventShutdown, deadlineMs, reason})}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // only our own types come here
		panic(err)
	}
	return b
}
