package telemetry

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// timeForm is how events and spans have their times (RIE-LMI telemetry/constants.go).
const timeForm = "2006-01-02T15:04:05.000Z"

// typePlatform is the type that subscribers choose all of the platform's events by.
const typePlatform = "platform"

// item is an event in its wire form.
type item struct {
	class  string // what subscribers choose from: platform, function or extension
	text   []byte // with a log line as a string
	object []byte // with a log line as the object that it is; nil if it is none
}

// as is the item's form for a subscriber.
func (it item) as(objects bool) []byte {
	if objects && it.object != nil {
		return it.object
	}
	return it.text
}

// encode makes the wire forms of an event.
func encode(e Event, jsonLogs bool) item {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	it := item{class: e.Type}
	if strings.HasPrefix(e.Type, typePlatform+".") {
		it.class = typePlatform
	}
	it.text = e.wire(e.Record)
	if line, ok := e.Record.(string); ok && jsonLogs {
		if object := bytes.TrimSpace([]byte(line)); bytes.HasPrefix(object, []byte("{")) && json.Valid(object) {
			it.object = e.wire(json.RawMessage(object))
		}
	}
	return it
}

// MarshalJSON gives the envelope that subscribers get.
func (e Event) MarshalJSON() ([]byte, error) { return e.wire(e.Record), nil }

func (e Event) wire(record any) []byte {
	b, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{e.Time.UTC().Format(timeForm), e.Type, record})
	if err != nil { // only strings and our own records come here
		panic(err)
	}
	return b
}

// MarshalJSON gives a span's start the form that events' times have.
func (s Span) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name       string       `json:"name"`
		Start      string       `json:"start"`
		DurationMs Milliseconds `json:"durationMs"`
	}{s.Name, s.Start.UTC().Format(timeForm), s.DurationMs})
}

// MarshalJSON rounds to two decimals, as all examples of TELSCH have them.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, math.Round(float64(m)*100)/100, 'f', -1, 64), nil
}
