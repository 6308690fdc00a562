// Command probe is an extension, or with the name bootstrap a runtime, that does what a script in its
// environment says and prints what came of it. It uses nothing but net/http, so that it shows the local
// Lambda and not a library.
//
// The script of an extension is in SCRIPT_<NAME>, upper case, that of the runtime in SCRIPT_BOOTSTRAP;
// without one it is "register=INVOKE,SHUTDOWN loop" or "loop".
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	p := &probe{name: filepath.Base(os.Args[0]), base: "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")}
	p.runtime = p.name == "bootstrap"
	script := os.Getenv("SCRIPT_" + strings.ToUpper(p.name))
	if script == "" {
		script = "register=INVOKE,SHUTDOWN loop"
		if p.runtime {
			script = "loop"
		}
	}
	for _, step := range strings.Fields(script) {
		command, arg, _ := strings.Cut(step, "=")
		do, ok := steps()[command]
		if !ok {
			p.say("unknown step %s", step)
			os.Exit(99)
		}
		do(p, arg)
	}
}

type probe struct {
	name    string
	runtime bool
	base    string
	id      string // of the extension
	request string // id of the current invocation
	payload []byte
	stream  *stream // the response that is being written; nil if none is
	quiet   bool    // the current invocation has been answered by its steps
	events  *listener
	hold    time.Duration // how long the listener takes for an answer
	kept    []kept
	inside  net.Conn // of talk
}

func (p *probe) say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func steps() map[string]func(*probe, string) {
	return map[string]func(*probe, string){
		"register":  (*probe).register,
		"next":      (*probe).next,
		"loop":      (*probe).loop,
		"abandon":   (*probe).abandon,
		"initerror": func(p *probe, arg string) { p.extensionError("init", arg) },
		"exiterror": func(p *probe, arg string) { p.extensionError("exit", arg) },
		"telemetry": (*probe).telemetry,
		"hold":      func(p *probe, arg string) { p.hold = duration(arg) },
		"loopdone":  (*probe).loopDone,
		"respond": func(p *probe, arg string) {
			p.call("POST", "/2018-06-01/runtime/invocation/"+p.request+"/response", nil, strconv.Quote(arg))
		},
		"error":  (*probe).invocationError,
		"open":   (*probe).openStream,
		"piece":  func(p *probe, arg string) { p.stream.write(arg0(arg)) },
		"bytes":  func(p *probe, arg string) { p.stream.write(strings.Repeat("x", number(arg))) },
		"bigerr": (*probe).bigError,
		"close":  func(p *probe, _ string) { p.stream.end(p, "") },
		"break":  func(p *probe, arg string) { p.stream.end(p, arg) },
		"thaw":   func(p *probe, _ string) { p.call("GET", "/2018-06-01/runtime/restore/next", nil, "") },
		"fail":   (*probe).runtimeFailure,
		"silent": func(p *probe, _ string) { p.quiet = true },
		"say":    func(p *probe, arg string) { p.say("%s", arg) },
		"print":  func(_ *probe, arg string) { fmt.Print(arg0(arg)) }, // without an end
		"sleep":  func(_ *probe, arg string) { time.Sleep(duration(arg)) },
		"exit":   func(_ *probe, arg string) { code, _ := strconv.Atoi(arg); os.Exit(code) },
		"env":    (*probe).env,
		"args":   func(p *probe, _ string) { p.say("args %q", os.Args) },
		"time":   func(p *probe, arg string) { p.say("time %s %d", arg, time.Now().UnixNano()) },
		"touch":  func(_ *probe, arg string) { os.WriteFile(local(arg), []byte("x"), 0o644) },
		"ls":     (*probe).ls,
		"write":  func(p *probe, arg string) { p.say("write %s: %v", arg, os.WriteFile(local(arg), nil, 0o644)) },
		"crew":   (*probe).crew,
		"pid":    func(p *probe, _ string) { p.say("pid %d", os.Getpid()) },
		"ticks":  func(p *probe, _ string) { go p.ticks() },
		"child":  (*probe).child,
		"daemon": (*probe).daemon,
		"onterm": (*probe).onTerm,
		"until":  (*probe).until,
		"exitat": func(p *probe, arg string) { go func() { p.until(arg); os.Exit(4) }() },
		"lookup": (*probe).lookup,
		"cat":    (*probe).cat,
		"limits": (*probe).limits,
		"alloc":  (*probe).alloc,
		"fill":   (*probe).fill,
		"get":    (*probe).get,
		"talk":   (*probe).talk,
		"timer":  (*probe).timer,
		"burn":   (*probe).burn,
		"shell":  (*probe).shell,
	}
}

// local is where a path is that a script gives: /tmp is elsewhere where there is no private file system.
func local(path string) string {
	if rest, ok := strings.CutPrefix(path, "/tmp"); ok {
		return os.TempDir() + rest
	}
	return path
}

func duration(arg string) time.Duration {
	d, err := time.ParseDuration(arg)
	if err != nil {
		panic(err)
	}
	return d
}

func (p *probe) call(method, path string, header map[string]string, body string) (*http.Response, []byte) {
	req, err := http.NewRequestWithContext(context.Background(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.say("call %s: %v", path, err)
		return nil, nil
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	p.say("call %s %d %s", path, res.StatusCode, bytes.TrimSpace(b))
	return res, b
}

// register=INVOKE,SHUTDOWN or register=INVOKE@another-name
func (p *probe) register(arg string) {
	list, name, ok := strings.Cut(arg, "@")
	if !ok {
		name = p.name
	}
	events, _ := json.Marshal(map[string]any{"events": strings.Split(list, ",")})
	if list == "" {
		events = []byte("{}")
	}
	res, _ := p.call("POST", "/2020-01-01/extension/register",
		map[string]string{"Lambda-Extension-Name": name, "Lambda-Extension-Accept-Feature": "accountId"}, string(events))
	if res != nil {
		p.id = res.Header.Get("Lambda-Extension-Identifier")
	}
}

func (p *probe) next(string) {
	if p.runtime {
		res, b := p.call("GET", "/2018-06-01/runtime/invocation/next", nil, "")
		if res == nil {
			return
		}
		p.request, p.payload = res.Header.Get("Lambda-Runtime-Aws-Request-Id"), b
		p.say("trace %s deadline %s arn %s", res.Header.Get("Lambda-Runtime-Trace-Id"),
			res.Header.Get("Lambda-Runtime-Deadline-Ms"), res.Header.Get("Lambda-Runtime-Invoked-Function-Arn"))
		return
	}
	p.event()
}

func (p *probe) event() string {
	_, b := p.call("GET", "/2020-01-01/extension/event/next", map[string]string{"Lambda-Extension-Identifier": p.id}, "")
	var e struct{ EventType string }
	json.Unmarshal(b, &e)
	return e.EventType
}

// loop of an extension ends the process at SHUTDOWN; loop=200ms works so long after each INVOKE. That of
// a runtime answers with the event, or does what the event's "do" says.
func (p *probe) loop(arg string) {
	for {
		if p.runtime {
			p.next("")
			p.answer()
			continue
		}
		switch p.event() {
		case "SHUTDOWN":
			p.say("exiting")
			os.Exit(0)
		case "INVOKE":
			if arg != "" {
				time.Sleep(duration(arg))
			}
		default:
			os.Exit(3)
		}
	}
}

// crew=4 answers four events at a time, each worker with a next of its own.
func (p *probe) crew(arg string) {
	for range number(arg) - 1 {
		worker := *p
		go worker.loop("")
	}
	p.loop("")
}

func (p *probe) answer() {
	var e struct{ Do string }
	json.Unmarshal(p.payload, &e)
	p.quiet = false
	for _, step := range strings.Fields(e.Do) {
		command, arg, _ := strings.Cut(step, "=")
		steps()[command](p, arg)
	}
	if !p.quiet {
		p.call("POST", "/2018-06-01/runtime/invocation/"+p.request+"/response", nil, string(p.payload))
	}
}

// error=Function.Bad answers with an error.
func (p *probe) invocationError(arg string) {
	p.quiet = true
	p.call("POST", "/2018-06-01/runtime/invocation/"+p.request+"/error",
		map[string]string{"Lambda-Runtime-Function-Error-Type": arg}, `{"errorMessage":"told"}`)
}

// bigerr=1000 answers with an error of that many bytes.
func (p *probe) bigError(arg string) {
	p.quiet = true
	p.call("POST", "/2018-06-01/runtime/invocation/"+p.request+"/error",
		map[string]string{"Lambda-Runtime-Function-Error-Type": "Function.Big"}, strings.Repeat("x", number(arg)))
}

// fail=restore/error@Runtime.Bad tells that init or the hooks of a restore failed.
func (p *probe) runtimeFailure(arg string) {
	path, errorType, _ := strings.Cut(arg, "@")
	p.call("POST", "/2018-06-01/runtime/"+path, map[string]string{"Lambda-Runtime-Function-Error-Type": errorType}, "{}")
}

// stream is a response that is written in pieces.
type stream struct {
	pipe *io.PipeWriter
	req  *http.Request
	done chan struct{}
}

// open=text/plain begins a streamed response of that type.
func (p *probe) openStream(arg string) {
	p.quiet = true
	read, write := io.Pipe()
	path := "/2018-06-01/runtime/invocation/" + p.request + "/response"
	req, err := http.NewRequestWithContext(context.Background(), "POST", p.base+path, read)
	if err != nil {
		panic(err)
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Header.Set("Content-Type", arg)
	req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": nil, "Lambda-Runtime-Function-Error-Body": nil}
	s := &stream{pipe: write, req: req, done: make(chan struct{})}
	p.stream = s
	go func() {
		defer close(s.done)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			p.say("call %s: %v", path, err)
			read.CloseWithError(err)
			return
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		read.CloseWithError(io.ErrClosedPipe) // nothing more is wanted
		p.say("call %s %d %s", path, res.StatusCode, b)
	}()
}

func (s *stream) write(piece string) { io.WriteString(s.pipe, piece) }

// end ends the body; with an error type it tells in its trailers that the stream broke.
func (s *stream) end(p *probe, errorType string) {
	if errorType != "" {
		s.req.Trailer.Set("Lambda-Runtime-Function-Error-Type", errorType)
		s.req.Trailer.Set("Lambda-Runtime-Function-Error-Body",
			base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"broke","errorType":"`+errorType+`"}`)))
	}
	s.pipe.Close()
	<-s.done
	p.stream = nil
}

func number(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(err)
	}
	return n
}

// abandon calls next and hangs up after a while.
func (p *probe) abandon(arg string) {
	ctx, cancel := context.WithTimeout(context.Background(), duration(arg))
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", p.base+"/2020-01-01/extension/event/next", nil)
	req.Header.Set("Lambda-Extension-Identifier", p.id)
	_, err := http.DefaultClient.Do(req)
	p.say("abandoned %v", err != nil)
}

func (p *probe) extensionError(phase, arg string) {
	p.call("POST", "/2020-01-01/extension/"+phase+"/error", map[string]string{
		"Lambda-Extension-Identifier": p.id, "Lambda-Extension-Function-Error-Type": arg}, "{}")
}

func (p *probe) env(string) {
	names := []string{}
	for _, e := range os.Environ() {
		names = append(names, e)
	}
	sort.Strings(names)
	b, _ := json.Marshal(names)
	p.say("env %s", b)
}

func (p *probe) ls(arg string) {
	entries, err := os.ReadDir(local(arg))
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	p.say("ls %s %q %v", arg, names, err)
}

func (p *probe) ticks() {
	for n := 0; ; n++ {
		os.WriteFile(local("/tmp/ticks"), []byte(strconv.Itoa(n)), 0o644)
		time.Sleep(time.Millisecond)
	}
}

// child starts a process that leaves the group, as a daemon does.
func (p *probe) child(arg string) {
	cmd := exec.Command("/bin/sh", "-c", arg0(arg))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		p.say("child %v", err)
		return
	}
	p.say("child started")
}

// daemon is a child that keeps this process's outputs.
func (p *probe) daemon(arg string) {
	cmd := exec.Command("/bin/sh", "-c", arg0(arg))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.say("daemon %v", cmd.Start())
}

// arg0 spells spaces as underscores, because steps are separated by them.
func arg0(arg string) string { return strings.ReplaceAll(arg, "_", " ") }

// onterm=ignore or onterm=say
func (p *probe) onTerm(arg string) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		p.say("got SIGTERM")
		if arg == "say" {
			os.Exit(0)
		}
	}()
}

// lookup says what addresses a host name has.
func (p *probe) lookup(name string) {
	addresses, err := net.DefaultResolver.LookupHost(context.Background(), name)
	p.say("lookup %s %q %v", name, addresses, err)
}

// until waits for a file.
func (p *probe) until(arg string) {
	for {
		if _, err := os.Stat(local(arg)); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
