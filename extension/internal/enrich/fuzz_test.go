package enrich

import (
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// FuzzTrigger: whatever an event is, ids are whole, and what is found is bounded by the event.
func FuzzTrigger(f *testing.F) {
	for _, path := range fixtures(f, "triggers") {
		f.Add(read(f, path).Reveal(), 0)
		f.Add(read(f, path).Reveal(), 300)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		truncated := cut > 0 && cut < len(data)
		if truncated {
			data = data[:cut]
		}
		inv := event.Invocation{Event: event.Body{Data: event.BytesOf(data), Truncated: truncated}}
		Apply(&inv)
		for _, key := range keys(inv.Trigger) {
			if key.Space == "" || !isID(key.ID) {
				t.Errorf("key %v", key)
			}
		}
		bounded(t, len(data), inv.Trigger.Attributes, inv.Trigger.Messages)
	})
}

// FuzzCall: whatever a call was, the same.
func FuzzCall(f *testing.F) {
	for _, path := range fixtures(f, "calls") {
		c := readCall(f, path)
		f.Add(c.Method, c.URL.Reveal(), c.Status, header(c.RequestHeaders, "x-amz-target"), header(c.RequestHeaders, "authorization"), header(c.RequestHeaders, "content-type"),
			c.Target.RequestID, c.Request.Data.Reveal(), c.Response.Data.Reveal(), false)
	}
	f.Fuzz(func(t *testing.T, method, url string, status int, target, authorization, contentType, requestID string, request, response []byte, truncated bool) {
		inv := event.Invocation{Calls: []event.Call{{
			Method: method, URL: event.TextOf(url), Status: status,
			RequestHeaders: []event.Header{{Name: "x-amz-target", Value: event.TextOf(target)}, {Name: "authorization", Value: event.TextOf(authorization)},
				{Name: "content-type", Value: event.TextOf(contentType)}},
			ResponseHeaders: []event.Header{{Name: "x-amzn-requestid", Value: event.TextOf(requestID)}, {Name: "x-amz-id-2", Value: event.TextOf(requestID)}},
			Request:         event.Body{Data: event.BytesOf(request), Truncated: truncated}, Response: event.Body{Data: event.BytesOf(response), Truncated: truncated},
		}}}
		Apply(&inv)
		found := inv.Calls[0].Target
		if found.Key != nil && (found.Key.Space == "" || !isID(found.Key.ID)) {
			t.Errorf("key %v", *found.Key)
		}
		for _, m := range found.Messages {
			if m.Key.Space == "" || !isID(m.Key.ID) {
				t.Errorf("key %v", m.Key)
			}
		}
		if found.System == "aws" && found.Service == "" || found.Service != "" && !isName(found.Service) {
			t.Errorf("service %q", found.Service)
		}
		bounded(t, len(url)+len(target)+len(authorization)+len(requestID)+len(request)+len(response), found.Attributes, found.Messages)
	})
}

const (
	// mostAttributes is what a trigger or a call may have of them, whatever it holds.
	mostAttributes = 32
	// growth is how often a piece of the input may stand in what is recognised, as a destination in each message for instance: the attributes
	// of a message are bounded, and so is the number of messages by the bytes that one takes.
	growth = 8
)

// bounded holds that little input does not become much output: its bytes may stand in few places, and a message takes some bytes.
func bounded(t *testing.T, input int, attributes []event.Attribute, messages []event.Message) {
	t.Helper()
	if len(attributes) > mostAttributes {
		t.Errorf("%d attributes", len(attributes))
	}
	names := map[string]bool{}
	for _, a := range attributes {
		if names[a.Name] {
			t.Errorf("%s twice", a.Name)
		}
		names[a.Name] = true
	}
	if n := size(attributes); n > growth*input+1024 {
		t.Errorf("%d bytes of attributes of %d of input", n, input)
	}
	if len(messages) > maxMessages+maxNesting || len(messages) > input {
		t.Errorf("%d messages of %d bytes", len(messages), input)
	}
}

func size(attributes []event.Attribute) int {
	n := 0
	for _, a := range attributes {
		switch v := a.Value.(type) {
		case event.Text:
			n += len(v.Reveal())
		case string:
			n += len(v)
		case []event.Text:
			for _, text := range v {
				n += len(text.Reveal())
			}
		case []string:
			for _, s := range v {
				n += len(s)
			}
		}
	}
	return n
}
