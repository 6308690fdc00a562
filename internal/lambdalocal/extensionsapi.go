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
	mux.HandleFunc("POST "+base+"/register", a.extensionRegister)
	mux.HandleFunc("GET "+base+"/event/next", a.ofExtension(a.extensionNext))
	mux.HandleFunc("POST "+base+"/init/error", a.ofExtension(a.extensionError((*extension).initError)))
	mux.HandleFunc("POST "+base+"/exit/error", a.ofExtension(a.extensionError((*extension).exitError)))
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// ofExtension finds the extension that a request comes from by its identifier.
func (a *apiServer) ofExtension(serve func(http.ResponseWriter, *http.Request, *generation, *extension)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Lambda-Extension-Identifier")
		switch {
		case id == "":
			refuse(w, http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
			return
		case !uuidForm.MatchString(id):
			refuse(w, http.StatusForbidden, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
			return
		}
		g := a.current.Load()
		x := g.find(func(x *extension) bool { return strings.EqualFold(x.id, id) && x.registered() })
		if x == nil {
			refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
			return
		}
		serve(w, r, g, x)
	}
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
	for _, e := range events {
		if e == eventInvoke || e == eventShutdown && external != nil {
			continue
		}
		return nil, &apiRefusal{"Extension.InvalidEventType", fmt.Sprintf("%s: event is not supported for this kind of extension", e)}
	}
	var err error
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

// newInternal is called under the lock.
func (g *generation) newInternal(name string) (*extension, error) {
	if g.closed {
		return nil, &apiRefusal{"Extension.RegistrationClosed", "Extension registration closed already"}
	}
	for _, x := range g.extensions {
		if x.name == name {
			return nil, &apiRefusal{"Extension.InvalidExtensionState", "Extension with this name already registered"}
		}
	}
	if len(g.extensions) >= maxExtensions {
		return nil, &apiRefusal{"Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions)}
	}
	x := &extension{id: newUUID(), name: name, state: extensionStarted}
	g.extensions = append(g.extensions, x)
	return x, nil
}

func (a *apiServer) extensionNext(w http.ResponseWriter, r *http.Request, g *generation, x *extension) {
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
		w.Header().Set("Lambda-Extension-Event-Identifier", event.id)
	}
	w.Header().Set("Content-Type", "application/json")
	send(w, event.body)
}

// extensionError serves init/error and exit/error.
func (a *apiServer) extensionError(transition func(*extension, string) error) func(http.ResponseWriter, *http.Request, *generation, *extension) {
	return func(w http.ResponseWriter, r *http.Request, g *generation, x *extension) {
		const typeHeader = "Lambda-Extension-Function-Error-Type"
		errorType := r.Header.Get(typeHeader)
		if errorType == "" {
			refuse(w, http.StatusForbidden, "Extension.MissingHeader", typeHeader+" not found")
			return
		}
		var err error
		g.update(func() { err = transition(x, errorType) })
		if err != nil {
			refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", err.Error())
			return
		}
		accept(w)
	}
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
