package lambdaapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"testing"
	"time"
)

// Sources: TEL, TELREF for method, path, headers and body; LMIENV for the schema on managed instances.
func TestSubscribe(t *testing.T) {
	const uri = "http://sandbox.localdomain:4243/"
	tests := []struct {
		name   string
		s      Subscription
		schema string
		types  []any
	}{
		{"the platform's events", Subscription{URI: uri}, "2022-12-13", []any{"platform"}},
		{"lines as well", Subscription{URI: uri, Lines: true}, "2022-12-13", []any{"platform", "function"}},
		{"on managed instances", Subscription{URI: uri, Managed: true}, "2025-01-29", []any{"platform"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var got any
				want := any(map[string]any{
					"schemaVersion": test.schema, "types": test.types,
					"buffering":   map[string]any{"maxItems": 1000.0, "maxBytes": 262144.0, "timeoutMs": 25.0},
					"destination": map[string]any{"protocol": "HTTP", "URI": uri},
				})
				if err := json.Unmarshal(body, &got); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("body %s %v", body, err)
				}
				if r.Method != "PUT" || r.URL.Path != "/2022-07-01/telemetry" || r.Header.Get("Lambda-Extension-Identifier") != "id-1" || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("got %s %s %v", r.Method, r.URL, r.Header)
				}
				io.WriteString(w, `"OK"`)
			})
			c.identifier = "id-1"
			if told, err := c.Subscribe(t.Context(), test.s); err != nil || !told {
				t.Errorf("told %v, %v", told, err)
			}
		})
	}
}

// Source: TELREF, "Responses".
func TestAnswersToASubscription(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		told       bool
		want       Error // Status 0: none
	}{
		{"accepted", `"OK"`, 200, true, Error{}},
		{"accepted, in other words", ``, 204, true, Error{}},
		{"nothing will come", `{"errorType":"Telemetry.NotSupported","errorMessage":"Telemetry API is not supported"}`, 202, false, Error{}},
		{"not understood", `{"errorType":"ValidationError","errorMessage":"types should not be empty"}`, 400, false, Error{400, "ValidationError", "types should not be empty"}},
		{"too late", `{"errorType":"Telemetry.SubscriptionClosed","errorMessage":"closed"}`, 403, false, Error{403, "Telemetry.SubscriptionClosed", "closed"}},
		{"no such thing", `404 page not found`, 404, false, Error{404, "", "an answer that is not JSON"}},
		{"broken", `{}`, 500, false, Error{500, "", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			requests := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				if r.Method == http.MethodGet {
					io.WriteString(w, `{"eventType":"SHUTDOWN"}`)
					return
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			told, err := c.Subscribe(t.Context(), Subscription{})
			var refused *Error
			if told != test.told || (err == nil) != (test.want.Status == 0) || err != nil && (!errors.As(err, &refused) || *refused != test.want) {
				t.Errorf("told %v, %v", told, err)
			}
			// Whatever the answer was, the client goes on, over the same connection.
			if e, err := c.Next(t.Context()); err != nil || e.Type != Shutdown || requests != 2 {
				t.Errorf("then %+v %v after %d requests", e, err, requests)
			}
		})
	}
}

// TestSubscribeWaitsNotForLong: Next goes over another connection then.
func TestSubscribeWaitsNotForLong(t *testing.T) {
	done := make(chan bool)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			io.WriteString(w, `{"eventType":"SHUTDOWN"}`)
			return
		}
		<-done
	})
	t.Cleanup(func() { close(done) }) // before the server is closed, which waits
	began := time.Now()
	told, err := c.Subscribe(t.Context(), Subscription{})
	var refused *Error
	if told || err == nil || errors.As(err, &refused) || time.Since(began) < subscribeTimeout {
		t.Errorf("told %v, %v after %v", told, err, time.Since(began))
	}
	if e, err := c.Next(t.Context()); err != nil || e.Type != Shutdown {
		t.Errorf("then %+v %v", e, err)
	}
}
