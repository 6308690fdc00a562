package lambdaapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A wireEvent is an event as Lambda writes it.
type wireEvent struct {
	EventType, RequestID, InvokedFunctionArn, ShutdownReason string
	DeadlineMs                                               int64
	Tracing                                                  struct{ Type, Value string }
}

func parseEvent(body []byte) (Event, error) {
	var w wireEvent
	if p := (eventParser{s: string(body)}); !p.event(&w) {
		w = wireEvent{}
		if err := json.Unmarshal(body, &w); err != nil {
			return Event{}, fmt.Errorf("parse event: %w", err)
		}
	}
	e := Event{
		Type:      EventType(strings.ToUpper(w.EventType)),
		Deadline:  fromMillis(w.DeadlineMs),
		RequestID: w.RequestID,
		ARN:       w.InvokedFunctionArn,
		Reason:    strings.ToLower(w.ShutdownReason),
	}
	if w.Tracing.Type == "" || strings.EqualFold(w.Tracing.Type, "X-Amzn-Trace-Id") {
		e.Trace = w.Tracing.Value
	}
	return e, nil
}

// An eventParser reads events of the form in which Lambda writes them: members that are known here, each once, in their own case, and texts of ASCII without
// escapes. There is one to each invocation, also of a function that does nothing else, and package json takes ten times as long. That reads whatever is written
// otherwise. The methods return false for it.
type eventParser struct {
	s    string
	i    int
	seen uint // members
}

// event reads a whole event.
func (p *eventParser) event(w *wireEvent) bool {
	ok := p.object(func(name string) bool {
		switch name {
		case "eventType":
			return p.first(0) && p.text(&w.EventType)
		case "requestId":
			return p.first(1) && p.text(&w.RequestID)
		case "invokedFunctionArn":
			return p.first(2) && p.text(&w.InvokedFunctionArn)
		case "shutdownReason":
			return p.first(3) && p.text(&w.ShutdownReason)
		case "deadlineMs":
			return p.first(4) && p.number(&w.DeadlineMs)
		case "tracing":
			return p.first(5) && p.object(func(name string) bool {
				switch name {
				case "type":
					return p.first(6) && p.text(&w.Tracing.Type)
				case "value":
					return p.first(7) && p.text(&w.Tracing.Value)
				}
				return false
			})
		}
		return false
	})
	p.space()
	return ok && p.i == len(p.s)
}

// first tells whether a member comes the first time.
func (p *eventParser) first(member int) bool {
	again := p.seen&(1<<member) != 0
	p.seen |= 1 << member
	return !again
}

func (p *eventParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\r' || p.s[p.i] == '\n') {
		p.i++
	}
}

// is goes past a character, and the white space before it, if it is there.
func (p *eventParser) is(c byte) bool {
	p.space()
	if p.i == len(p.s) || p.s[p.i] != c {
		return false
	}
	p.i++
	return true
}

// object calls member at the value of every member.
func (p *eventParser) object(member func(name string) bool) bool {
	if !p.is('{') {
		return false
	}
	for {
		var name string
		if !p.text(&name) || !p.is(':') || !member(name) {
			return false
		}
		if !p.is(',') {
			return p.is('}')
		}
	}
}

func (p *eventParser) text(to *string) bool {
	if !p.is('"') {
		return false
	}
	for begin := p.i; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			*to = p.s[begin:p.i]
			p.i++
			return true
		case c == '\\' || c < ' ' || c > '~':
			return false
		}
	}
	return false
}

func (p *eventParser) number(to *int64) bool {
	p.space()
	begin := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	if p.i-begin > 1 && p.s[begin] == '0' { // which JSON does not know
		return false
	}
	var err error
	*to, err = strconv.ParseInt(p.s[begin:p.i], 10, 64)
	return err == nil // what is behind it, such as a fraction, fails whoever asks for what should be there
}
