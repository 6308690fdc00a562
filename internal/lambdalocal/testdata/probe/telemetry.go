package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// listener is what an extension gets telemetry with.
type listener struct {
	hold time.Duration // before each answer

	mu   sync.Mutex
	done map[string]chan struct{} // by request id: closed when runtimeDone has come
}

// telemetry=platform,function or telemetry=function@2022-07-01 opens a listener, subscribes, and says every event
// that comes but the extension's own lines. Where nobody knows sandbox.localdomain it listens on loopback.
// telemetry=platform:4243 leaves the listening to somebody else.
func (p *probe) telemetry(arg string) {
	list, schema, ok := strings.Cut(arg, "@")
	if !ok {
		schema = "2022-12-13"
	}
	list, elsewhere, _ := strings.Cut(list, ":")
	if port, err := strconv.Atoi(elsewhere); err == nil {
		p.subscribe(list, schema, port)
		return
	}
	l, err := net.Listen("tcp", "sandbox.localdomain:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		p.say("listen %v", err)
		return
	}
	p.events = &listener{hold: p.hold, done: map[string]chan struct{}{}}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.events.take(p, r) }))
	p.subscribe(list, schema, l.Addr().(*net.TCPAddr).Port)
}

func (p *probe) subscribe(list, schema string, port int) {
	body, _ := json.Marshal(map[string]any{
		"schemaVersion": schema, "types": strings.Split(list, ","), "buffering": map[string]int{"timeoutMs": 25},
		"destination": map[string]string{"protocol": "HTTP", "URI": fmt.Sprintf("http://sandbox.localdomain:%d/probe", port)},
	})
	p.call("PUT", "/2022-07-01/telemetry", map[string]string{"Lambda-Extension-Identifier": p.id}, string(body))
}

// take says what came in the form "told <type> <status> <request id> <record>".
func (l *listener) take(p *probe, r *http.Request) {
	var events []struct {
		Type   string
		Record json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil || r.URL.Path != "/probe" {
		p.say("delivery to %s: %v", r.URL.Path, err)
	}
	for _, e := range events {
		if e.Type == "extension" && strings.HasPrefix(string(e.Record), `"told `) {
			continue // or there would be no end
		}
		var record struct{ RequestID, Status string }
		json.Unmarshal(e.Record, &record) // a line leaves it empty
		p.say("told %s %s %s %s", e.Type, record.Status, record.RequestID, e.Record)
		if e.Type == "platform.runtimeDone" {
			done := l.of(record.RequestID)
			select {
			case <-done: // a reset tells it again
			default:
				close(done)
			}
		}
	}
	time.Sleep(l.hold)
}

// of is the channel of an invocation.
func (l *listener) of(request string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done[request] == nil {
		l.done[request] = make(chan struct{})
	}
	return l.done[request]
}

// loopdone is loop, but for calling next only when telemetry has told that the runtime is done.
func (p *probe) loopDone(string) {
	for {
		_, b := p.call("GET", "/2020-01-01/extension/event/next", map[string]string{"Lambda-Extension-Identifier": p.id}, "")
		var e struct{ EventType, RequestID string }
		json.Unmarshal(b, &e)
		if e.EventType != "INVOKE" {
			p.say("exiting")
			os.Exit(0)
		}
		<-p.events.of(e.RequestID)
	}
}
