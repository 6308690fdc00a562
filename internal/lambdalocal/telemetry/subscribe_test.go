package telemetry

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ask sends a subscription request.
func ask(s *Stream, extension, body string) (status int, errorType, message string) {
	w := httptest.NewRecorder()
	s.Subscribe(w, httptest.NewRequest(http.MethodPut, "/2022-07-01/telemetry", strings.NewReader(body)), extension)
	var refusal struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(w.Body.Bytes(), &refusal) != nil {
		return w.Code, "", w.Body.String()
	}
	return w.Code, refusal.ErrorType, refusal.ErrorMessage
}

// request is a good one with changes: "field": value, where null takes a field away.
func request(changes string) string {
	m := map[string]any{
		"schemaVersion": "2022-12-13", "types": []string{"platform"},
		"destination": map[string]any{"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/"},
	}
	if err := json.Unmarshal([]byte("{"+changes+"}"), &m); err != nil {
		panic(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Sources: TELREF (400 ValidationError, all problems in one text, "URI port is not provided; types should not be
// empty"), RIE-LMI telemetry/schema (required fields, exact names, ranges), TEL (9001, http, versions).
func TestValidation(t *testing.T) {
	for _, c := range []struct {
		name, body string
		managed    bool
		want       string // part of the message; "" is accepted
	}{
		{"everything", request(`"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},"types":["platform","function","extension"]`), false, ""},
		{"no buffering", request(``), false, ""},
		{"null buffering", request(`"buffering":null`), false, ""},
		{"most buffering", request(`"buffering":{"maxItems":10000,"maxBytes":1048576,"timeoutMs":30000}`), false, ""},
		{"something unknown", request(`"more":1`), false, ""},
		{"oldest schema", request(`"schemaVersion":"2022-07-01"`), false, ""},
		{"newest schema", request(`"schemaVersion":"2025-01-29"`), false, ""},
		{"managed", request(`"schemaVersion":"2025-01-29"`), true, ""},
		{"path", request(`"destination":{"protocol":"HTTP","URI":"http://sandbox:8124/a/b?c=d"}`), false, ""},
		{"TCP", request(`"destination":{"protocol":"TCP","port":4243}`), false, ""},

		{"the documented example", request(`"types":[],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain"}`), false,
			"=URI port is not provided; types should not be empty"},
		{"no types", request(`"types":null`), false, "=types should not be empty"},
		{"types of another kind", request(`"types":"platform"`), false, "=types should be an array of strings"},
		{"unknown type", request(`"types":["platform","logs"]`), false, `"logs"`},
		{"not JSON", `{"schemaVersion":`, false, "not a JSON object"},
		{"no object", `[]`, false, "not a JSON object"},
		{"null", `null`, false, "not a JSON object"},
		{"nothing", ``, false, "not a JSON object"},
		{"empty object", `{}`, false, "=schemaVersion is not provided; destination is not provided; types should not be empty"},
		{"unknown schema", request(`"schemaVersion":"2021-01-01"`), false, `schemaVersion "2021-01-01"`},
		{"schema of another kind", request(`"schemaVersion":20221213`), false, "schemaVersion should be a string"},
		{"old schema when managed", request(`"schemaVersion":"2022-12-13"`), true, `schemaVersion "2022-12-13"`},
		{"no protocol", request(`"destination":{"URI":"http://sandbox:4243"}`), false, "protocol is not provided"},
		{"unknown protocol", request(`"destination":{"protocol":"UDP","port":4243}`), false, `protocol "UDP"`},
		{"protocol in lower case", request(`"destination":{"protocol":"http","URI":"http://sandbox:4243"}`), false, `protocol "http"`},
		{"no URI", request(`"destination":{"protocol":"HTTP"}`), false, "URI is not provided"},
		{"URI by another name", request(`"destination":{"protocol":"HTTP","uri":"http://sandbox:4243"}`), false, "URI is not provided"},
		{"broken URI", request(`"destination":{"protocol":"HTTP","URI":"http://sandbox:x y"}`), false, "is not valid"},
		{"https", request(`"destination":{"protocol":"HTTP","URI":"https://sandbox:4243"}`), false, `scheme "https"`},
		{"another host", request(`"destination":{"protocol":"HTTP","URI":"http://example.com:4243"}`), false, `host "example.com"`},
		{"localhost", request(`"destination":{"protocol":"HTTP","URI":"http://localhost:4243"}`), false, `host "localhost"`},
		{"Lambda's port", request(`"destination":{"protocol":"HTTP","URI":"http://sandbox:9001"}`), false, "9001 is reserved"},
		{"Lambda's port by TCP", request(`"destination":{"protocol":"TCP","port":9001}`), false, "9001 is reserved"},
		{"no such port", request(`"destination":{"protocol":"HTTP","URI":"http://sandbox:65536"}`), false, "65536 should be between"},
		{"no port by TCP", request(`"destination":{"protocol":"TCP"}`), false, "port is not provided"},
		{"port 0 by TCP", request(`"destination":{"protocol":"TCP","port":0}`), false, "port 0 should be between"},
		{"port as text", request(`"destination":{"protocol":"TCP","port":"4243"}`), false, "port should be an integer"},
		{"few items", request(`"buffering":{"maxItems":999}`), false, "maxItems 999 should be between 1000 and 10000"},
		{"many items", request(`"buffering":{"maxItems":10001}`), false, "maxItems 10001"},
		{"few bytes", request(`"buffering":{"maxBytes":262143}`), false, "maxBytes 262143 should be between 262144 and 1048576"},
		{"many bytes", request(`"buffering":{"maxBytes":1048577}`), false, "maxBytes 1048577"},
		{"short time", request(`"buffering":{"timeoutMs":24}`), false, "timeoutMs 24 should be between 25 and 30000"},
		{"long time", request(`"buffering":{"timeoutMs":30001}`), false, "timeoutMs 30001"},
		{"half a millisecond", request(`"buffering":{"timeoutMs":25.5}`), false, "timeoutMs should be an integer"},
		{"buffering of another kind", request(`"buffering":1000`), false, "buffering should be an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewStream(Options{Managed: c.managed})
			defer s.Close()
			status, errorType, message := ask(s, "ext", c.body)
			if c.want == "" {
				if status != http.StatusOK || message != `"OK"` {
					t.Errorf("answer is %d %s %s", status, errorType, message)
				}
				return
			}
			exact, isExact := strings.CutPrefix(c.want, "=")
			if status != http.StatusBadRequest || errorType != "ValidationError" || !strings.Contains(message, exact) || isExact && message != exact {
				t.Errorf("answer is %d %s %q, not %q", status, errorType, message, c.want)
			}
			if len(s.subscribers) > 0 {
				t.Error("it subscribed nevertheless")
			}
		})
	}
}

func TestDefaults(t *testing.T) { // TEL
	s := NewStream(Options{})
	defer s.Close()
	ask(s, "ext", request(`"buffering":{}`))
	if w := s.subscribers[0].want; w.maxItems != 10_000 || w.maxBytes != 262_144 || w.timeout.Milliseconds() != 1000 {
		t.Errorf("defaults are %d, %d, %v", w.maxItems, w.maxBytes, w.timeout)
	}
}

// RIE-LMI bounds the body by 1 MiB and answers as it does to any body that it cannot read.
func TestHugeRequest(t *testing.T) {
	s := NewStream(Options{})
	if status, errorType, _ := ask(s, "ext", strings.Repeat(" ", 1<<20)+request("")); status != 500 || errorType != "InternalServerError" {
		t.Errorf("answer is %d %s", status, errorType)
	}
}

// Sources: TEL ("subscription occurs during the extension initialization phase"), RIE doInit, the text as seen in
// open-telemetry/opentelemetry-lambda#1452. What is wrong with a request is told before (RIE-LMI Subscribe).
func TestClosedSubscriptions(t *testing.T) {
	s := NewStream(Options{})
	s.CloseSubscriptions()
	status, errorType, message := ask(s, "ext", request(""))
	if status != 403 || errorType != "Telemetry.SubscriptionClosed" || message != "Telemetry API subscription is closed already" {
		t.Errorf("answer is %d %s %s", status, errorType, message)
	}
	if status, errorType, _ := ask(s, "ext", "{}"); status != 400 {
		t.Errorf("answer to a wrong request is %d %s", status, errorType)
	}
	late := NewStream(Options{})
	late.Close()
	if status, errorType, _ := ask(late, "ext", request("")); status != 403 {
		t.Errorf("answer after Close is %d %s", status, errorType)
	}
}

// Sources: see Stream.admit.
func TestOneSubscriptionPerExtension(t *testing.T) {
	for _, c := range []struct {
		name, second string
		managed      bool
		status       int
	}{
		{"the same", request(`"schemaVersion":"2025-01-29"`), false, 200},
		{"the same when managed", request(`"schemaVersion":"2025-01-29"`), true, 500},
		{"other types", request(`"schemaVersion":"2025-01-29","types":["function"]`), false, 500},
		{"another destination", request(`"schemaVersion":"2025-01-29","destination":{"protocol":"TCP","port":1}`), false, 500},
		{"another path", request(`"schemaVersion":"2025-01-29","destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/x"}`), false, 500},
		{"other buffering", request(`"schemaVersion":"2025-01-29","buffering":{"timeoutMs":25}`), false, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told []string
			s := NewStream(Options{Managed: c.managed, Subscribed: func(extension string, types []string) {
				told = append(told, extension+" "+strings.Join(types, ","))
			}})
			defer s.Close()
			ask(s, "one", request(`"schemaVersion":"2025-01-29"`))
			if status, errorType, _ := ask(s, "one", c.second); status != c.status || status == 500 && errorType != "InternalServerError" {
				t.Errorf("answer is %d %s", status, errorType)
			}
			if status, _, _ := ask(s, "two", c.second); status != 200 {
				t.Errorf("answer to another extension is %d", status)
			}
			if len(told) != 2 || told[0] != "one platform" || len(s.subscribers) != 2 {
				t.Errorf("subscribed: %q, %d", told, len(s.subscribers))
			}
		})
	}
}
