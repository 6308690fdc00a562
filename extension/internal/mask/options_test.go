package mask

import (
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// parts is an invocation with another word in each part that can be hidden as a whole.
func parts() event.Invocation {
	body := func(word string) event.Body {
		return event.Body{Data: event.BytesOf([]byte(`{"a":"` + word + `","shown":"x"}`))}
	}
	header := func(word string) []event.Header { return []event.Header{{Name: "X-Note", Value: event.TextOf(word)}} }
	failure := func(word string) *event.Error {
		return &event.Error{Type: "E", Message: event.TextOf("m " + word), Stack: event.TextOf("s " + word)}
	}
	return event.Invocation{
		Event: body("Event0"), Response: body("Response0"), Error: failure("Errors0"), Lines: []event.Line{{Body: event.TextOf(`{"a":"Logs0","shown":"x"}`)}},
		Trigger: event.Trigger{Attributes: []event.Attribute{{Name: "url.query", Value: event.TextOf("q=Query0")}}},
		Calls: []event.Call{{
			URL: event.TextOf("https://h/orders?q=Query0#f=Query0"), RequestHeaders: header("RequestHeaders0"), Request: body("RequestBody0"),
			ResponseHeaders: header("ResponseHeaders0"), Response: body("ResponseBody0"), Error: failure("Errors0"),
		}},
	}
}

// wordOf gives the word of a part in parts.
func wordOf(p part) string {
	var word strings.Builder
	for piece := range strings.SplitSeq(partNames[p], "_") {
		word.WriteString(strings.ToUpper(piece[:1]) + piece[1:])
	}
	return word.String() + "0"
}

// TestAllOfAPart: elsewhere, expressions for one part did nothing when a body was a text, or hid another part too.
func TestAllOfAPart(t *testing.T) {
	for hidden := range partCount {
		got := dump(New(Options{All: []string{strings.ToUpper(partNames[hidden])}, AllowKeys: []string{"shown"}}).Apply(parts()))
		for p := range partCount {
			if shown := strings.Contains(got, wordOf(p)); shown != (p != hidden) {
				t.Errorf("%s is to be hidden; %s is shown: %v\n%s", partNames[hidden], partNames[p], shown, got)
			}
		}
		if n := strings.Count(got, `"shown":"x"`); n != 5 {
			t.Errorf("%s: %d of 5 allowed keys are shown", partNames[hidden], n)
		}
	}
	text := New(Options{All: []string{"request_body"}}).body(event.Body{Data: event.BytesOf([]byte("hello"))}, nil, partRequestBody)
	if text.Text.String() != "****" {
		t.Errorf("a body that is a text: %q", text.Text)
	}
}

// TestPresetStrict: not one value, in none of the places that content can be in; names of resources stay.
func TestPresetStrict(t *testing.T) {
	m := New(Options{Preset: "strict"})
	inv := everywhere("Lovelace 1815")
	inv.Process.Env, inv.Tenant, inv.Trigger.Name = nil, "", ""
	inv.Trigger.Messages[0].Destination = ""
	inv.Calls = inv.Calls[:1]
	inv.Calls[0].Target.Operation, inv.Calls[0].Target.Resource = "", ""
	inv.Calls[0].Target.Attributes = append(inv.Calls[0].Target.Attributes,
		event.Attribute{Name: "db.query.text", Value: event.TextOf("Lovelace")}, event.Attribute{Name: "messaging.destination.name", Value: event.TextOf("orders")})
	got := dump(m.Apply(inv))
	if at := strings.Index(got, "Lovelace"); at >= 0 {
		t.Errorf("survives: %s", got[max(0, at-100):at+10])
	}
	if !strings.Contains(got, "orders") {
		t.Error("the queue's name is hidden")
	}
	got = dump(m.Apply(parts()))
	for p := range partCount {
		if strings.Contains(got, wordOf(p)) {
			t.Errorf("%s is shown", partNames[p])
		}
	}
	if !strings.Contains(got, `{"a":"****","shown":"****"}`) || !strings.Contains(got, "https://h/orders?q=****#f=****") {
		t.Errorf("the shapes are gone: %s", got)
	}
}

// TestPresetOff: secret services stay out of sight even then, and so does what the user names.
func TestPresetOff(t *testing.T) {
	m := New(Options{Preset: "OFF", Keys: []string{"mine"}, All: []string{"query"}})
	inv := everywhere(`{"password":"` + secret + `","mine":"Lovelace"}`)
	inv.Calls[1].URL = event.TextOf("https://sts.amazonaws.com/")
	got := m.Apply(inv)
	if !strings.Contains(got.Event.Text.String(), secret) || strings.Contains(got.Event.Text.String(), "Lovelace") {
		t.Errorf("event: %s", got.Event.Text)
	}
	if strings.Contains(got.Calls[0].URL.String(), "Lovelace") || got.Calls[1].Request.Hidden.String() != HiddenDomain || len(got.Calls[1].RequestHeaders) > 0 {
		t.Errorf("calls: %+v", got.Calls)
	}
}

// TestHeadersOnly: such hosts show headers, never a body.
func TestHeadersOnly(t *testing.T) {
	inv := parts()
	inv.Calls = append(inv.Calls, inv.Calls[0])
	inv.Calls[1].URL = event.TextOf("https://other/")
	got := New(Options{HeadersOnly: []string{"h"}}).Apply(inv)
	c := got.Calls[0]
	if len(c.RequestHeaders) != 1 || len(c.ResponseHeaders) != 1 || c.Request.Hidden.String() != HiddenDomain || c.Response.Hidden.String() != HiddenDomain || c.Request.Text.Len()+c.Response.Text.Len() > 0 {
		t.Errorf("%+v", c)
	}
	if got.Calls[1].Request.Text.Len() == 0 {
		t.Error("another host's body is hidden")
	}
	if c := New(Options{HeadersOnly: []string{"h"}, Domains: []string{"h"}}).Apply(inv).Calls[0]; len(c.RequestHeaders) > 0 {
		t.Error("a domain of which nothing is shown shows headers")
	}
}

// TestUnknownBodiesAreDroppedAndCounted where the settings say so, and by the preset for cards; else they are looked through.
func TestUnknownBodiesAreDroppedAndCounted(t *testing.T) {
	text := event.Body{Data: event.BytesOf([]byte("Ada paid"))}
	form := []event.Header{{Name: "Content-Type", Value: event.TextOf("application/x-www-form-urlencoded")}}
	parts := []event.Header{{Name: "Content-Type", Value: event.TextOf("multipart/form-data; boundary=b")}}
	inv := event.Invocation{Event: text, Response: event.Body{Data: event.BytesOf([]byte(`"Ada"`))}, Calls: []event.Call{
		{Request: text, Response: text},
		{Request: text, RequestHeaders: form, Response: event.Body{Data: event.BytesOf([]byte("a=Ada"))}, ResponseHeaders: form},
		{Request: text, RequestHeaders: parts, Response: event.Body{Data: event.BytesOf([]byte("--b\r\n\r\nAda\r\n--b--"))}, ResponseHeaders: parts},
	}}
	for name, o := range map[string]Options{"setting": {DropUnknown: true}, "preset": {Preset: "pci"}} {
		got := New(o).Apply(inv)
		if got.Event.Hidden.String() != HiddenUnknown || got.Event.Text.Len() > 0 || got.Event.Size != int64(len("Ada paid")) || got.Response.Text.String() != `"Ada"` {
			t.Errorf("%s: %+v %+v", name, got.Event, got.Response)
		}
		for i, want := range []int{2, 1, 1} {
			if c := got.Calls[i]; c.Dropped.Unknown != want || c.Request.Text.Len() > 0 || (c.Response.Text.Len() > 0) != (i > 0) {
				t.Errorf("%s: call %d: %+v", name, i, c)
			}
		}
		if got.Dropped.Unknown != 1 {
			t.Errorf("%s: %d counted", name, got.Dropped.Unknown)
		}
	}
	if got := New(Options{}).Apply(inv); got.Event.Text.String() != "Ada paid" || got.Dropped.Unknown > 0 {
		t.Errorf("%+v", got.Event)
	}
}

// TestPathsInEveryBody: the second path is as good as the first, in any case.
func TestPathsInEveryBody(t *testing.T) {
	m := New(Options{Paths: []string{"x.y", "Customer.Name"}})
	inv := everywhere(`{"customer":{"name":"` + secret + `"}}`)
	got := m.Apply(inv)
	for where, body := range map[string]Body{"event": got.Event, "response": got.Response, "request": got.Calls[0].Request, "answer": got.Calls[1].Response} {
		if body.Text.String() != `{"customer":{"name":"****"}}` {
			t.Errorf("%s: %s", where, body.Text)
		}
	}
}

// TestOptionsThatMeanNothing: what is wrong in them leaves the defaults.
func TestOptionsThatMeanNothing(t *testing.T) {
	m := New(Options{
		Keys: []string{"", "--"}, AllowKeys: []string{"", "é"}, Paths: []string{"", ".", "...", "$", "[]", "*", `\.`},
		DetectorsOff: []string{"all"}, Domains: []string{"", ".", "/"}, HeadersOnly: []string{"://"},
	})
	got := m.Apply(everywhere(`[1,"x password=` + secret + `"]`))
	if got.Event.Text.String() != `[1,"x password=****"]` || got.Calls[0].Request.Hidden.Len() > 0 {
		t.Errorf("%+v", got)
	}
}

// TestNamesThatNobodyKnowsHideMore: of a preset, and of a part.
func TestNamesThatNobodyKnowsHideMore(t *testing.T) {
	for _, o := range []Options{{Preset: "stricct"}, {Preset: "Strict"}, {All: []string{"query", "respones_body"}}} {
		got := dump(New(o).Apply(parts()))
		for p := range partCount {
			if strings.Contains(got, wordOf(p)) {
				t.Errorf("%+v: %s is shown", o, partNames[p])
			}
		}
	}
}

// TestHosts: who is meant by each way to write hosts, whatever way the call's URL is written in.
func TestHosts(t *testing.T) {
	isHidden := func(o Options, url string) bool {
		body := event.Body{Data: event.BytesOf([]byte("hello"))}
		c := New(o).Apply(event.Invocation{Calls: []event.Call{{URL: event.TextOf(url), Response: body}}}).Calls[0]
		return c.Response.Text.Len() == 0
	}
	for _, test := range []struct {
		domain     string
		hit, shown []string
	}{
		{"pay.example.com", []string{"https://pay.example.com/x", "https://PAY.Example.com", "https://pay.example.com./x", "http://u:p@pay.example.com:8080", "https://pay.example.com.:443?x", `https://pay.example.com\x`},
			[]string{"https://example.com/", "https://a.pay.example.com/", "https://pay.example.com.evil.com/", "https://x/pay.example.com", "https://pay.example.com@x/", ""}},
		{"pay.example.com:443", []string{"https://pay.example.com/x", "https://pay.example.com:443/x", "https://pay.example.com.", "https://pay.example.com:"}, []string{"http://pay.example.com/", "https://pay.example.com:8443/"}},
		{"h:80", []string{"http://h/", "HTTP://h:80/"}, []string{"https://h/"}},
		{".example.com", []string{"https://pay.example.com/", "https://a.b.example.com:1/"}, []string{"https://example.com/", "https://badexample.com/"}},
		{"*.example.com", []string{"https://pay.example.com/"}, []string{"https://example.com/"}},
		{"*example.com", []string{"https://pay.example.com/", "https://example.com/", "https://myexample.com:8/"}, []string{"https://example.com.org/"}},
		{"pay.*.com", []string{"https://pay.example.com/", "https://pay.a.b.com/"}, []string{"https://play.example.com/", "https://pay.example.org/"}},
		{"*.a*.b:8*", []string{"https://x.a.b:80/", "https://x.y.aaa.b:8443/"}, []string{"https://x.a.b/", "https://a.b:80/", "https://x.a.c:80/"}},
		{"example.*", []string{"https://example.com/"}, []string{"https://pay.example.com/"}},
		{"*", []string{"https://pay.example.com/", "http://localhost:1/"}, nil},
		{"[::1]", []string{"http://[::1]:2/"}, []string{"http://[::2]:1/"}},
	} {
		for _, o := range []Options{{Domains: []string{test.domain}}, {HeadersOnly: []string{test.domain}}} {
			for _, url := range test.hit {
				if !isHidden(o, url) {
					t.Errorf("%s: %s is shown", test.domain, url)
				}
			}
			for _, url := range test.shown {
				if isHidden(o, url) {
					t.Errorf("%s: %s is hidden", test.domain, url)
				}
			}
		}
	}
	for _, url := range []string{"https://KMS.eu-west-1.amazonaws.com./", "https://ssm.eu-west-1.api.aws.:443/", "http://[fd00:ec2::23]/v1/credentials", "http://[::1]:2773/x", "http://127.0.0.1:9001/2021-04-23/credentials"} {
		if !isHidden(Options{Preset: "off", Credentials: "http://127.0.0.1:9001/2021-04-23/credentials"}, url) {
			t.Errorf("%s is shown", url)
		}
	}
	own := Options{Credentials: "http://127.0.0.1:9001/2021-04-23/credentials", Parameters: "2999"}
	for url, want := range map[string]bool{
		"http://localhost:9001/x": true, "http://[::1]:9001/x": true, "http://127.0.0.2:9001/x": true, "http://a.localhost:9001/x": true, "http://LOCALHOST:2999/": true, "http://127.0.0.1:2999/": true,
		"http://localhost:9002/x": false, "http://localhost.example.com:9001/": false, "http://10.0.0.1:9001/": false, "http://localhost/": false,
	} {
		if isHidden(own, url) != want {
			t.Errorf("%s: hidden %v", url, !want)
		}
	}
	if isHidden(Options{}, "http://127.0.0.1:9001/") || isHidden(Options{}, "") {
		t.Error("what is nobody's secret is hidden")
	}
}
