package limit

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

func body(n int) event.Body {
	return event.Body{Data: event.BytesOf([]byte(`{"a":"` + strings.Repeat("x", n-8) + `"}`)), Size: int64(n)}
}

func masked(inv event.Invocation) mask.Invocation { return mask.New(mask.Options{}).Apply(inv) }

func TestFields(t *testing.T) {
	const n = 200
	failure := &event.Error{Type: "E", Message: event.TextOf(strings.Repeat("m", 5*n)), Stack: event.TextOf(strings.Repeat("s", 5*n))}
	header := []event.Header{{Name: "X", Value: event.TextOf(strings.Repeat("h", 5*n))}}
	call := event.Call{URL: event.TextOf("https://h/" + strings.Repeat("u", 5*n)), RequestHeaders: header, Request: body(5 * n), Response: body(n),
		Target: event.Target{Attributes: []event.Attribute{{Name: "a", Value: event.TextOf(strings.Repeat("a", 5*n))}, {Name: "b", Value: []event.Text{event.TextOf("x"), event.TextOf(strings.Repeat("a", 5*n))}}}}}
	failed := call
	failed.Error = failure
	for name, test := range map[string]struct {
		inv  event.Invocation
		want int
	}{
		"went well": {event.Invocation{Event: body(5 * n), Response: body(5 * n), Calls: []event.Call{call}}, n},
		"failed":    {event.Invocation{Event: body(5 * n), Response: body(5 * n), Error: failure, Calls: []event.Call{failed}}, failureFactor * n},
		"timed out": {event.Invocation{Event: body(5 * n), Response: body(5 * n), Open: true, Calls: []event.Call{{Open: true, Request: body(5 * n), URL: call.URL}}}, failureFactor * n},
	} {
		t.Run(name, func(t *testing.T) {
			got := Apply(masked(test.inv), Limits{FieldBytes: n})
			c := got.Calls[0]
			for what, b := range map[string]mask.Body{"event": got.Event, "response": got.Response, "request": c.Request} {
				if b.Text.Len() > test.want || b.Text.Len() < test.want-8 || !b.Truncated || b.Size != 5*n {
					t.Errorf("%s: %d bytes, truncated %v, size %d; want about %d", what, b.Text.Len(), b.Truncated, b.Size, test.want)
				}
				if !json.Valid([]byte(b.Text.String())) {
					t.Errorf("%s is no JSON any more: %s", what, b.Text)
				}
			}
			if c.Response.Truncated {
				t.Error("what is short enough is truncated")
			}
			if c.URL.Len() > test.want || len(c.RequestHeaders) > 0 && c.RequestHeaders[0].Value.Len() > test.want || c.Dropped.Bytes == 0 {
				t.Errorf("URL has %d bytes, %d are counted", c.URL.Len(), c.Dropped.Bytes)
			}
			for _, a := range c.Target.Attributes {
				if a.Len() > test.want {
					t.Errorf("attribute %s has %d bytes", a.Name(), a.Len())
				}
			}
			if got.Error != nil && (got.Error.Message.Len() > test.want || got.Error.Stack.Len() > test.want) {
				t.Error("error is too long")
			}
		})
	}
}

func TestZeroMeansNoLimit(t *testing.T) {
	inv := event.Invocation{Event: body(10_000), Calls: []event.Call{{Request: body(10_000)}}}
	if got := Apply(masked(inv), Limits{}); !reflect.DeepEqual(got, masked(inv)) {
		t.Errorf("%+v", got)
	}
}

// TestOrderOfSacrifice lowers the budget step by step. What is dropped must go in the order that is promised, and be counted.
func TestOrderOfSacrifice(t *testing.T) {
	headers := []event.Header{{Name: "X-Header", Value: event.TextOf("0123456789")}, {Name: "Y-Header", Value: event.TextOf("0123456789")}}
	call := func(id string, status int, linked bool) event.Call {
		c := event.Call{ID: id, URL: event.TextOf("https://h/"), Status: status, Request: body(1000), Response: body(1000), RequestHeaders: headers, ResponseHeaders: headers}
		if linked {
			c.Target.Messages = []event.Message{{Key: event.Key{ID: "m"}}}
		}
		return c
	}
	inv := event.Invocation{
		Event: body(1000), Response: body(1000), Error: &event.Error{Type: "E", Message: event.TextOf("the message"), Stack: event.TextOf("the stack")},
		Calls:    []event.Call{call("ok1", 200, false), call("sent", 200, true), call("bad1", 500, false), call("ok2", 200, false), call("bad2", 404, false), call("ok3", 200, false)},
		Identity: event.Identity{Links: []event.Link{{Span: event.SpanID{1}}}},
	}
	whole := masked(inv)
	full := size(&whole)
	// What is left of everything, by the order in which it has to go.
	left := func(got mask.Invocation) []int {
		n := make([]int, 10)
		for _, c := range got.Calls {
			kind := map[string]int{"ok1": 0, "ok2": 0, "ok3": 0, "sent": 0, "bad1": 4, "bad2": 7}[c.ID.String()]
			n[kind] += c.Request.Text.Len() + c.Response.Text.Len()
			n[kind+1] += len(c.RequestHeaders) + len(c.ResponseHeaders)
			switch {
			case kind == 0 && c.ID.String() == "sent":
				n[3]++
			case kind < 7:
				n[kind+2]++
			}
		}
		n[9] += got.Event.Text.Len() + got.Response.Text.Len()
		return n
	}
	start := left(whole)
	for budget := full + 10; budget > 0; budget -= 50 {
		got := Apply(masked(inv), Limits{InvocationBytes: budget})
		now := left(got)
		// bodies, headers, calls of those that went well; bodies and headers of the failed one, then calls with messages, then failed calls
		order := []int{0, 1, 2, 4, 5, 3, 6, 7, 8, 9}
		for k := 1; k < len(order); k++ {
			if now[order[k]] < start[order[k]] && now[order[k-1]] > 0 {
				t.Fatalf("budget %d: step %d began before step %d was through: %v", budget, order[k], order[k-1], now)
			}
		}
		if got.Error == nil || got.Error.Message.Len() == 0 || got.Error.Stack.Len() == 0 {
			t.Fatalf("budget %d: the error is gone", budget)
		}
		failing := len(got.Calls) > 0 && got.Calls[len(got.Calls)-1].ID.String() == "bad2"
		for _, c := range got.Calls {
			failing = failing || c.ID.String() == "bad2"
		}
		if !failing {
			t.Fatalf("budget %d: the failing call is gone", budget)
		}
		dropped := got.Dropped
		for _, c := range got.Calls {
			dropped.Add(c.Dropped)
		}
		if missing := len(whole.Calls) - len(got.Calls); dropped.Calls != missing {
			t.Fatalf("budget %d: %d calls are missing, %d counted", budget, missing, dropped.Calls)
		}
		if floor := invocationSpan + spanBytes + 900; size(&got) > max(budget, floor) {
			t.Fatalf("budget %d: %d bytes are left", budget, size(&got))
		}
		bodies := 2 * len(whole.Calls)
		for _, c := range got.Calls {
			for _, b := range []mask.Body{c.Request, c.Response} {
				if b.Text.Len() > 0 {
					bodies--
				} else if !b.Truncated {
					t.Fatalf("budget %d: a body is gone and does not say so", budget)
				}
			}
		}
		if now[9] == start[9] && dropped.Bodies != bodies && dropped.Calls == 0 {
			t.Fatalf("budget %d: %d bodies are missing, %d counted", budget, bodies, dropped.Bodies)
		}
	}
}

func TestThousandsOfCallsAndLinks(t *testing.T) {
	inv := event.Invocation{ID: "x"}
	for n := range 10_000 {
		inv.Calls = append(inv.Calls, event.Call{ID: fmt.Sprint(n), URL: event.TextOf("https://h/"), Status: 200, Request: body(100)})
		inv.Identity.Links = append(inv.Identity.Links, event.Link{Span: event.SpanID{byte(n)}})
	}
	inv.Calls[4711].Status = 500
	const budget = 64 << 10
	got := Apply(masked(inv), Limits{InvocationBytes: budget})
	if size(&got) > budget {
		t.Errorf("%d bytes", size(&got))
	}
	if len(got.Calls) != 1 || got.Calls[0].ID.String() != "4711" || got.Dropped.Calls != 9_999 || got.Dropped.Links != 10_000-len(got.Links) {
		t.Errorf("%d calls and %d links left, dropped %+v", len(got.Calls), len(got.Links), got.Dropped)
	}
}

// TestCalls: of a call that is too large its bodies go before its headers, and all that goes is counted.
func TestCalls(t *testing.T) {
	header := []event.Header{{Name: "X", Value: event.TextOf(strings.Repeat("h", 300))}}
	inv := event.Invocation{Calls: []event.Call{{URL: event.TextOf("https://h/"), Status: 200, Request: body(500), Response: body(700), RequestHeaders: header}, {Request: body(100), Status: 200}}}
	for name, test := range map[string]struct {
		less, status               int // than it takes, or than half of that if it failed
		response, request, headers bool
	}{
		"fits":             {0, 200, true, true, true},
		"response goes":    {1, 200, false, true, true},
		"request goes":     {701, 200, false, false, true},
		"headers go":       {1201, 200, false, false, false},
		"nothing more":     {1 << 20, 200, false, false, false},
		"failed, fits":     {-1, 500, true, true, true},
		"failed, does not": {1, 500, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			inv.Calls[0].Status = test.status
			whole := masked(inv).Calls[0]
			budget := callSize(&whole)
			if test.status >= 400 {
				budget /= failureFactor
			}
			got := Apply(masked(inv), Limits{CallBytes: max(1, budget-test.less)}).Calls[0]
			if (got.Response.Text.Len() > 0) != test.response || (got.Request.Text.Len() > 0) != test.request || (len(got.RequestHeaders) > 0) != test.headers {
				t.Errorf("response %v, request %v, headers %v", got.Response, got.Request, got.RequestHeaders)
			}
			lost := 0
			for _, b := range []mask.Body{got.Response, got.Request} {
				if b.Text.Len() == 0 {
					lost++
				}
			}
			content := func(c *mask.Call) int { return callSize(c) - fieldsSize(c) }
			if got.Dropped.Bodies != lost || (got.Dropped.Headers == 1) == test.headers || content(&got)+int(got.Dropped.Bytes) != content(&whole) {
				t.Errorf("dropped %+v", got.Dropped)
			}
		})
	}
}

// TestNoLimitShowsHalfASecret: elsewhere, masking came after shortening, did not know half a secret for one, and showed it.
func TestNoLimitShowsHalfASecret(t *testing.T) {
	const secret = "ghp_Kq7ZwRx9Tv3LmN5pKq7ZwRx9Tv3LmN5pAbCd"
	for _, content := range []string{`{"a":"text ` + secret + `","password":"` + secret + `"}`, "text token=" + secret, "see https://me:" + secret + "@h/"} {
		inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte(content))}, Error: &event.Error{Message: event.TextOf(content), Stack: event.TextOf(content)}}
		for n := 1; n < len(content)+8; n++ {
			got := Apply(masked(inv), Limits{FieldBytes: n})
			if all := fmt.Sprintf("%+v %+v", got, *got.Error); strings.Contains(all, secret[:6]) {
				t.Fatalf("%d bytes: %s", n, all)
			}
		}
	}
}
