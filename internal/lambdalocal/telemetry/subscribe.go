package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Buffering that a subscriber may ask for, and what it gets without asking (TEL, RIE-LMI
// telemetry/subscription_api.go and schema; the older TELREF has two rows of its table exchanged).
const (
	minItems, maxItems, defaultItems       = 1000, 10_000, 10_000
	minBytes, maxBytes, defaultBytes       = 256 << 10, 1 << 20, 256 << 10
	minTimeout, maxTimeout, defaultTimeout = 25, 30_000, 1000 // ms
)

// The versions of the events' schema (TELREF). From objectsSince on a line that is JSON can be an object.
const (
	schemaOldest  = "2022-07-01"
	objectsSince  = "2022-12-13"
	schemaManaged = "2025-01-29" // the only one on managed instances
)

// reservedPort is Lambda's own (TEL).
const reservedPort = 9001

// maxRequest bounds the body of a subscription request (RIE-LMI rapi/server.go).
const maxRequest = 1 << 20

// The protocols of delivery.
const (
	protocolHTTP = "HTTP"
	protocolTCP  = "TCP"
)

// subscription is what an extension has asked for.
type subscription struct {
	types    []string
	objects  bool // lines that are JSON come as objects
	protocol string
	url      *url.URL // of HTTP
	port     int      // of TCP

	maxItems, maxBytes int
	timeout            time.Duration
}

func (s subscription) equal(other subscription) bool {
	sameURL := s.url == nil && other.url == nil || s.url != nil && other.url != nil && s.url.String() == other.url.String()
	return sameURL && slices.Equal(s.types, other.types) && s.objects == other.objects && s.protocol == other.protocol &&
		s.port == other.port && s.maxItems == other.maxItems && s.maxBytes == other.maxBytes && s.timeout == other.timeout
}

func (s subscription) destination() destination {
	if s.protocol == protocolTCP {
		return newTCPDestination(s.port)
	}
	return newHTTPDestination(s.url)
}

// refusal is an answer that is no subscription.
type refusal struct {
	status             int
	errorType, message string
}

// errSubscriptionClosed is the answer after init, as extensions have seen it on Lambda
// (open-telemetry/opentelemetry-lambda#1452).
func errSubscriptionClosed() *refusal {
	return &refusal{http.StatusForbidden, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already"}
}

// errInternal is the answer to what the platform has no better one for (RIE-LMI rapi/handler/runtimelogs.go).
func errInternal() *refusal {
	return &refusal{http.StatusInternalServerError, "InternalServerError", "Internal Server Error"}
}

func (e *refusal) write(w http.ResponseWriter) {
	b, err := json.Marshal(map[string]string{"errorType": e.errorType, "errorMessage": e.message})
	if err != nil { // strings
		panic(err)
	}
	writeJSON(w, e.status, b)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a peer that is gone has no use for it
}

// readSubscription reads a request and says all that is wrong with it at once, as Lambda does (TELREF's example
// names two things). The texts of that example are Lambda's, the others are not known and in the same manner.
func (s *Stream) readSubscription(r *http.Request) (subscription, *refusal) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(body) > maxRequest {
		return subscription{}, errInternal()
	}
	req, err := parseObject(body)
	if err != nil {
		return subscription{}, &refusal{http.StatusBadRequest, "ValidationError", "request is not a JSON object: " + err.Error()}
	}
	want := subscription{}
	s.readSchema(req, &want)
	if destination, ok := req.object("destination", true); ok {
		readDestination(destination, &want)
	}
	readTypes(req, &want)
	buffering, _ := req.object("buffering", false) // all its fields have defaults
	readBuffering(buffering, &want)
	if problems := *req.problems; len(problems) > 0 {
		return subscription{}, &refusal{http.StatusBadRequest, "ValidationError", strings.Join(problems, "; ")}
	}
	return want, nil
}

// fields is a JSON object whose fields are looked up by their exact names: package json would take "uri" for
// "URI", and Lambda does not (RIE-LMI's schema). Problems are collected in one place for all objects of a request.
type fields struct {
	values   map[string]json.RawMessage
	problems *[]string
}

func parseObject(body []byte) (fields, error) {
	f := fields{problems: new([]string)}
	if err := json.Unmarshal(body, &f.values); err != nil {
		return fields{}, err
	}
	if f.values == nil {
		return fields{}, errors.New("it is null")
	}
	return f, nil
}

func (f fields) problem(format string, args ...any) {
	*f.problems = append(*f.problems, fmt.Sprintf(format, args...))
}

func (f fields) has(name string) bool {
	raw, ok := f.values[name]
	return ok && !bytes.Equal(raw, []byte("null"))
}

// read reads a field and tells whether it was there and of the right kind.
func (f fields) read(name, kind string, required bool, to any) bool {
	if !f.has(name) {
		if required {
			f.problem("%s is not provided", name)
		}
		return false
	}
	if json.Unmarshal(f.values[name], to) != nil {
		f.problem("%s should be %s", name, kind)
		return false
	}
	return true
}

func (f fields) object(name string, required bool) (inner fields, ok bool) {
	inner = fields{problems: f.problems}
	ok = f.read(name, "an object", required, &inner.values)
	return inner, ok
}

func (s *Stream) readSchema(f fields, want *subscription) {
	var version string
	if !f.read("schemaVersion", "a string", true, &version) {
		return
	}
	supported := []string{schemaOldest, objectsSince, schemaManaged}
	if s.opt.Managed {
		supported = []string{schemaManaged} // LMIENV, TEL
	}
	if !slices.Contains(supported, version) {
		f.problem("schemaVersion %q is not supported, it should be one of %s", version, strings.Join(supported, ", "))
	}
	want.objects = version >= objectsSince
}

func readTypes(f fields, want *subscription) {
	ok := f.read("types", "an array of strings", false, &want.types)
	if !ok && f.has("types") {
		return
	}
	if len(want.types) == 0 {
		f.problem("types should not be empty") // TELREF
	}
	for _, t := range want.types {
		if t != typePlatform && t != TypeFunction && t != TypeExtension {
			f.problem("type %q is not supported, it should be one of %s, %s, %s", t, typePlatform, TypeFunction, TypeExtension)
		}
	}
}

func readDestination(f fields, want *subscription) {
	if !f.read("protocol", "a string", true, &want.protocol) {
		return
	}
	switch want.protocol {
	case protocolHTTP:
		var uri string
		if f.read("URI", "a string", true, &uri) {
			want.url = readURI(f, uri)
		}
	case protocolTCP:
		if f.read("port", "an integer", true, &want.port) {
			checkPort(f, "port", want.port)
		}
	default:
		f.problem("protocol %q is not supported, it should be one of %s, %s", want.protocol, protocolHTTP, protocolTCP)
	}
}

// readURI takes http://sandbox.localdomain:port/path (TEL), and sandbox for the host, which extensions use as
// well (DD, RIE-LMI telemetry/internal/client.go).
func readURI(f fields, uri string) *url.URL {
	u, err := url.Parse(uri)
	if err != nil {
		f.problem("URI %q is not valid", uri)
		return nil
	}
	if u.Scheme != "http" {
		f.problem("URI scheme %q is not supported, it should be http", u.Scheme)
	}
	if host := u.Hostname(); host != "sandbox.localdomain" && host != "sandbox" {
		f.problem("URI host %q is not supported, it should be sandbox.localdomain", host)
	}
	if u.Port() == "" {
		f.problem("URI port is not provided") // TELREF
	} else if port, err := strconv.Atoi(u.Port()); err == nil {
		checkPort(f, "URI port", port)
	} else {
		f.problem("URI port %s should be between 1 and 65535", u.Port())
	}
	return u
}

func checkPort(f fields, name string, port int) {
	switch {
	case port < 1 || port > 65535:
		f.problem("%s %d should be between 1 and 65535", name, port)
	case port == reservedPort:
		f.problem("%s %d is reserved", name, port)
	}
}

func readBuffering(f fields, want *subscription) {
	number := func(name string, least, most, otherwise int) int {
		n := otherwise
		if f.read(name, "an integer", false, &n) && (n < least || n > most) {
			f.problem("%s %d should be between %d and %d", name, n, least, most)
		}
		return n
	}
	want.maxItems = number("maxItems", minItems, maxItems, defaultItems)
	want.maxBytes = number("maxBytes", minBytes, maxBytes, defaultBytes)
	want.timeout = time.Duration(number("timeoutMs", minTimeout, maxTimeout, defaultTimeout)) * time.Millisecond
}
