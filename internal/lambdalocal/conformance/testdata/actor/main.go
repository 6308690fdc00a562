// Command actor is an extension or a runtime that follows a script and writes down what the platform
// answered, byte for byte. It uses nothing but net/http, so that it shows the platform and not a library.
//
// Its script is the file $ACTOR_SCRIPTS/<its own name>, one step a line: a verb and key=value words;
// body= takes the rest of the line. What came of each step is appended to $ACTOR_TRACE, one JSON object a
// line, by all actors of a run into one file, so that the file's order is the order of things. After its
// last step an actor waits until $ACTOR_END exists.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollEvery is how often a file is looked for.
const pollEvery = 2 * time.Millisecond

// longest is the body that is shown; of others only the length is.
const longest = 2000

// Paths of the two APIs.
const (
	extensionAPI = "/2020-01-01/extension"
	runtimeAPI   = "/2018-06-01/runtime"
)

type actor struct {
	name, base string
	trace      *os.File
	ids        map[string]string // identifiers of extensions by name
	request    string            // id of the current invocation
	deadline   string            // of the runtime's event
	last       []byte            // event of the extension
	payload    []byte
}

func main() {
	name := filepath.Base(os.Args[0])
	trace, err := os.OpenFile(os.Getenv("ACTOR_TRACE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		fmt.Println("actor:", err)
		os.Exit(90)
	}
	a := &actor{name: name, base: "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API"), trace: trace, ids: map[string]string{}}
	script, err := os.ReadFile(filepath.Join(os.Getenv("ACTOR_SCRIPTS"), name))
	if err != nil {
		a.note("actor: %v", err)
		os.Exit(90)
	}
	a.note("start")
	for _, line := range strings.Split(string(script), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			a.do(line)
		}
	}
	a.hold()
}

func (a *actor) note(format string, args ...any) { a.noteAs(a.name, fmt.Sprintf(format, args...)) }

// noteAs appends one record in one write, so that records of several processes do not mix.
func (a *actor) noteAs(who, line string) {
	record, err := json.Marshal(map[string]any{"actor": who, "pid": os.Getpid(), "line": line})
	if err == nil {
		_, _ = a.trace.Write(append(record, '\n'))
	}
}

// step is a line of a script.
type step struct {
	verb string
	arg  string // the first word that has no "="
	opt  map[string]string
}

func parse(line string) step {
	line, body, hasBody := strings.Cut(line, " body=")
	words := strings.Fields(line)
	s := step{verb: words[0], opt: map[string]string{}}
	for _, word := range words[1:] {
		if key, value, ok := strings.Cut(word, "="); ok {
			s.opt[key] = value
		} else if s.arg == "" {
			s.arg = word
		}
	}
	if hasBody {
		s.opt["body"] = body
	}
	return s
}

func (s step) get(key, otherwise string) string {
	if v, ok := s.opt[key]; ok {
		return v
	}
	return otherwise
}

func (a *actor) do(line string) {
	s := parse(line)
	if s.verb == "async" {
		go a.do(strings.TrimSpace(strings.TrimPrefix(line, "async")))
		return
	}
	do, ok := verbs()[s.verb]
	if !ok {
		a.note("unknown step %s", line)
		os.Exit(99)
	}
	do(a, s)
}

func verbs() map[string]func(*actor, step) {
	return map[string]func(*actor, step){
		// of an extension
		"register":       (*actor).register,
		"event":          func(a *actor, s step) { a.event(s, 0) },
		"events":         (*actor).events,
		"compare":        (*actor).compare,
		"hangup":         func(a *actor, s step) { a.event(s, duration(s.arg)) },
		"ext-init-error": func(a *actor, s step) { a.extensionError("init", s) },
		"ext-exit-error": func(a *actor, s step) { a.extensionError("exit", s) },
		// of a runtime
		"next":       (*actor).next,
		"respond":    (*actor).respond,
		"truncate":   (*actor).truncate,
		"error":      func(a *actor, s step) { a.runtimeError("/invocation/"+s.get("id", a.request)+"/error", s) },
		"init-error": func(a *actor, s step) { a.runtimeError("/init/error", s) },
		"serve":      (*actor).serve,
		"tell":       func(a *actor, _ step) { _ = os.WriteFile(a.file("told"), []byte(a.request+" "+a.deadline), 0o666) },
		// of a process
		"call":  (*actor).callAny,
		"exit":  func(_ *actor, s step) { code, _ := strconv.Atoi(s.arg); os.Exit(code) },
		"kill":  func(*actor, step) { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) },
		"pause": func(_ *actor, s step) { time.Sleep(duration(s.arg)) },
		"mark":  func(a *actor, s step) { a.note("mark %s", s.arg); a.touch(s.arg) },
		"await": func(a *actor, s step) { a.await(a.file(s.arg)) },
		"once":  (*actor).once,
		"term":  (*actor).term,
		"web":   (*actor).web,
		"print": func(_ *actor, s step) { fmt.Println(s.arg) },
	}
}

func duration(arg string) time.Duration {
	d, err := time.ParseDuration(arg)
	if err != nil {
		panic(err)
	}
	return d
}

// file is where a mark is, beside the trace.
func (a *actor) file(mark string) string {
	return filepath.Join(filepath.Dir(os.Getenv("ACTOR_TRACE")), "mark-"+mark)
}

func (a *actor) touch(mark string) { _ = os.WriteFile(a.file(mark), nil, 0o666) }

func (a *actor) await(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(pollEvery)
	}
}

func (a *actor) hold() {
	a.await(os.Getenv("ACTOR_END"))
	os.Exit(0)
}

// once lets only the first process that comes here go on; the others serve.
func (a *actor) once(s step) {
	if _, err := os.Stat(a.file(s.arg)); err != nil {
		a.touch(s.arg)
		return
	}
	if a.ids[a.name] != "" {
		a.events(step{opt: map[string]string{}})
	}
	a.serve(step{opt: map[string]string{}})
}

// term says what to do at SIGTERM: note it, and exit or not.
func (a *actor) term(s step) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		a.note("SIGTERM")
		if s.arg == "exit" {
			os.Exit(0)
		}
	}()
}

// send makes a request and notes the answer: status, the headers that show= asks for, body without the
// line feed at its end, or with raw=yes all of it, quoted. as= notes it under another name.
func (a *actor) send(ctx context.Context, s step, method, path string, header map[string]string, body string) (*http.Response, []byte) {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for name, value := range header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	who := s.get("as", a.name)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.noteAs(who, s.verb+" no answer")
		return nil, nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		a.noteAs(who, s.verb+" "+strconv.Itoa(res.StatusCode)+" broken")
		return nil, nil
	}
	var shown strings.Builder
	for _, name := range strings.Split(s.get("show", ""), ",") {
		if name != "" {
			fmt.Fprintf(&shown, " [%s: %s]", name, res.Header.Get(name))
		}
	}
	text := strings.TrimSuffix(string(answer), "\n")
	if _, ok := s.opt["raw"]; ok {
		text = strconv.Quote(string(answer))
	}
	if len(text) > longest {
		text = fmt.Sprintf("(%d bytes)", len(text))
	}
	a.noteAs(who, fmt.Sprintf("%s %d%s %s", s.verb, res.StatusCode, shown.String(), text))
	return res, answer
}

func (a *actor) register(s step) {
	name := s.get("name", a.name)
	body := s.get("body", "")
	if _, ok := s.opt["body"]; !ok {
		list := []string{}
		if events := s.get("events", "INVOKE,SHUTDOWN"); events != "" {
			list = strings.Split(events, ",")
		}
		text, err := json.Marshal(map[string]any{"events": list})
		if err != nil {
			panic(err)
		}
		body = string(text)
	}
	if name == "none" {
		name = ""
	}
	res, _ := a.send(context.Background(), s, http.MethodPost, extensionAPI+"/register", map[string]string{
		"Lambda-Extension-Name": name, "Lambda-Extension-Accept-Feature": s.get("feature", ""),
	}, body)
	if res != nil && res.StatusCode == http.StatusOK {
		a.ids[name] = res.Header.Get("Lambda-Extension-Identifier")
	}
}

// id is the identifier that a step asks for: id= literally, "none" for no header, or that of who=.
func (a *actor) id(s step) string {
	switch id := s.get("id", ""); id {
	case "":
		return a.ids[s.get("who", a.name)]
	case "none":
		return ""
	default:
		return id
	}
}

// event asks for the next event; a limit hangs up after it.
func (a *actor) event(s step, limit time.Duration) string {
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	_, body := a.send(ctx, s, http.MethodGet, extensionAPI+"/event/next", map[string]string{"Lambda-Extension-Identifier": a.id(s)}, "")
	var event struct{ EventType string }
	_ = json.Unmarshal(body, &event) // anything else is no event
	a.last = body
	return event.EventType
}

// compare tells whether the event is of the invocation that the runtime told of.
func (a *actor) compare(step) {
	a.await(a.file("told"))
	var event struct {
		RequestID  string
		DeadlineMs int64
	}
	_ = json.Unmarshal(a.last, &event)
	for want := fmt.Sprintf("%s %d", event.RequestID, event.DeadlineMs); ; time.Sleep(pollEvery) {
		told, err := os.ReadFile(a.file("told"))
		if err == nil && len(told) > 0 {
			a.note("compare %v", string(told) == want)
			return
		}
	}
}

// events takes events until SHUTDOWN and exits then; work= is how long each INVOKE takes.
func (a *actor) events(s step) {
	s.verb = "event"
	for {
		switch a.event(s, 0) {
		case "SHUTDOWN":
			os.Exit(0)
		case "INVOKE":
			time.Sleep(duration(s.get("work", "0s")))
		default:
			a.hold()
		}
	}
}

func (a *actor) extensionError(phase string, s step) {
	a.send(context.Background(), s, http.MethodPost, extensionAPI+"/"+phase+"/error", map[string]string{
		"Lambda-Extension-Identifier": a.id(s), "Lambda-Extension-Function-Error-Type": s.get("type", ""),
	}, s.get("body", "{}"))
}

// callAny makes any request: call METHOD path=/2022-07-01/telemetry.
func (a *actor) callAny(s step) {
	a.send(context.Background(), s, s.arg, s.get("path", "/"), map[string]string{
		"Lambda-Extension-Identifier": a.ids[s.get("who", a.name)], "Content-Type": "application/json",
	}, s.get("body", ""))
}
