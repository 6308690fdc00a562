package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// trace is that of every invocation: SDKs send it along.
const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"

// An outcome is all that the world sees of one invocation.
type outcome struct {
	Payload, Error, ErrorType, ContentType string
	Lines                                  lines
	Received                               received
}

// A telling is one run of a story.
type telling struct {
	ids      []string
	events   [][]byte
	outcomes []outcome
	spooled  []spooled
	torn     []string // what is not as FORMAT.md has it
	said     []string // by the hook
	not      string   // why the actor cannot tell it
}

// tell runs a story in an environment.
func (w *world) tell(t *testing.T, e *environment, s story, library string) telling {
	t.Helper()
	tale := telling{}
	w.peer.begin()
	for i, in := range s.told() {
		event := []byte(in.Event)
		if len(event) == 0 {
			event = eventOf(t, w.peer, library, in.Steps, in.Pad)
		}
		tale.ids, tale.events = append(tale.ids, requestID(s.name+library, i)), append(tale.events, event)
	}
	if s.Together {
		w.tellTogether(t, e, s, &tale)
	} else {
		w.tellInTurn(t, e, s, &tale)
	}
	if e.hooked && tale.not == "" && s.Together && !w.actor.blind && s.fault(w.actor.language, w.rt.Name, library) == "" {
		awaitDone(t, e, tale.ids)
	}
	if e.hooked && tale.not == "" {
		tale.spooled, tale.torn = readSpool(t, e)
	}
	return tale
}

// tellInTurn sends one event after the other, each when all is over that the one before brought about.
func (w *world) tellInTurn(t *testing.T, e *environment, s story, tale *telling) {
	t.Helper()
	for i, in := range s.told() {
		for _, act := range in.Sabotage {
			act.do(t, e)
		}
		o := w.invoke(t, e, in, tale.ids[i], tale.events[i])
		w.peer.note("the answer")
		if err := e.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if why, ok := unsupported(o.Payload); ok {
			w.peer.take(s.Unordered)
			e.log.take()
			tale.not = why
			return
		}
		var said []string
		o.Lines, said = e.log.take()
		o.Received = w.peer.take(s.Unordered)
		tale.outcomes, tale.said = append(tale.outcomes, o), append(tale.said, said...)
	}
}

// tellTogether sends all events at once. What was written and sent is told of the first one, sorted.
func (w *world) tellTogether(t *testing.T, e *environment, s story, tale *telling) {
	t.Helper()
	invocations := s.told()
	tale.outcomes = make([]outcome, len(invocations))
	var all sync.WaitGroup
	for i, in := range invocations {
		all.Go(func() { tale.outcomes[i] = w.invoke(t, e, in, tale.ids[i], tale.events[i]) })
	}
	all.Wait()
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, o := range tale.outcomes {
		if why, ok := unsupported(o.Payload); ok {
			tale.not = why
		}
	}
	first := &tale.outcomes[0]
	first.Lines, tale.said = e.log.take()
	for _, l := range [][]string{first.Lines.Stdout, first.Lines.Stderr, first.Lines.Frames} {
		slices.Sort(l)
	}
	first.Received = w.peer.take(true)
}

// invoke runs one invocation until its answer.
func (w *world) invoke(t *testing.T, e *environment, in invocation, id string, event []byte) outcome {
	t.Helper()
	call := lambdalocal.Invocation{RequestID: id, Payload: event, TraceHeader: trace}
	var streamed bytes.Buffer
	if in.Stream {
		call.Stream = func(head lambdalocal.StreamHead) io.Writer {
			fmt.Fprintf(&streamed, "%s %v\n", head.ContentType, head.Streaming)
			return taker{w.peer, &streamed}
		}
	}
	result, err := e.Invoke(t.Context(), call)
	if err != nil {
		t.Error(err)
		return outcome{}
	}
	return outcome{
		Payload: quiet(streamed.String()+string(result.Payload), w.actor.noise), Error: result.FunctionError, ErrorType: result.ErrorType, ContentType: result.ContentType,
	}
}

// requestID makes the id of a story's invocation: the same in both runs, and another one for every story.
func requestID(name string, i int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012d", crc32.ChecksumIEEE([]byte(name)), i+1)
}

// eventOf makes the event that actors understand.
func eventOf(t *testing.T, p *peer, library string, steps []json.RawMessage, pad int) []byte {
	t.Helper()
	event := struct {
		Peer    string            `json:"peer"`
		Secure  string            `json:"secure"`
		Second  string            `json:"second"`
		Library string            `json:"library"`
		Steps   []json.RawMessage `json:"steps"`
		Pad     string            `json:"pad,omitempty"`
	}{p.address, p.secure, p.second, library, steps, strings.Repeat("p", pad)}
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte("{closed}"), []byte(p.closed))
}

// unsupported tells whether an actor answered that it cannot tell a story, and why.
func unsupported(payload string) (string, bool) {
	var answer struct{ Unsupported string }
	err := json.Unmarshal([]byte(payload), &answer)
	return answer.Unsupported, err == nil && answer.Unsupported != ""
}
