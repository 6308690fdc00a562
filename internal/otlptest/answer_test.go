package otlptest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"google.golang.org/protobuf/proto"
)

func TestScript(t *testing.T) {
	r := start(t, otlptest.Options{})
	two := valid()
	scope := two.GetResourceSpans()[0].GetScopeSpans()[0]
	second := proto.CloneOf(scope.GetSpans()[0])
	second.SpanId = bytes.Repeat([]byte{9}, 8)
	scope.Spans = append(scope.Spans, second)
	body := encode(t, two)
	r.Otherwise(otlptest.Answer{Status: 500, Message: "otherwise"})
	r.Script(
		otlptest.Answer{Status: 429, RetryAfter: "7", Message: "slow down"},
		otlptest.Answer{PartialRejected: 1, Message: "too old", Drip: time.Microsecond},
		otlptest.Answer{Status: 202, Slow: time.Microsecond},
		otlptest.Answer{Status: 503, Keep: true},
	)
	for i, want := range []struct {
		status int
		retry  string
		answer string // protobuf
		spans  int    // kept altogether afterwards
	}{
		{429, "7", "\x12\x09slow down", 0},
		{200, "", "\x0a\x0b\x08\x01\x12\x07too old", 1},
		{202, "", "", 3},
		{503, "", "", 5},
		{500, "", "\x12\x09otherwise", 5},
		{500, "", "\x12\x09otherwise", 5},
	} {
		response, answer, err := post(t, r.URL()+"/v1/traces", body)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want.status || response.Header.Get("Retry-After") != want.retry || string(answer) != want.answer {
			t.Errorf("request %d: %d, %q, %q", i, response.StatusCode, response.Header.Get("Retry-After"), answer)
		}
		if got := len(r.Spans()); got != want.spans {
			t.Errorf("request %d: %d spans kept, want %d", i, got, want.spans)
		}
	}
	if got := r.Spans()[0]; got.SpanID != strings.Repeat("09", 8) || got.Request != 1 {
		t.Errorf("partial success kept %s of request %d", got.SpanID, got.Request)
	}
	if got := r.Violations(); len(got) > 0 {
		t.Errorf("violations: %q", got)
	}
}

func TestReset(t *testing.T) {
	r := start(t, otlptest.Options{})
	r.Script(otlptest.Answer{Reset: true})
	_, _, err := post(t, r.URL()+"/v1/traces", encode(t, valid()))
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	if got := r.Requests(); len(got) != 1 || got[0].Status != 0 || len(r.Spans()) > 0 {
		t.Errorf("requests %+v", got)
	}
}

func TestHangEndsWithTheClientOrClose(t *testing.T) {
	for name, end := range map[string]func(*otlptest.Receiver, context.CancelFunc){
		"client gives up": func(_ *otlptest.Receiver, cancel context.CancelFunc) { cancel() },
		"receiver closed": func(r *otlptest.Receiver, _ context.CancelFunc) { _ = r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			r.Script(otlptest.Answer{Hang: true})
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL()+"/v1/traces", bytes.NewReader(encode(t, valid())))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-protobuf")
			failed := make(chan error, 1)
			go func() {
				response, err := http.DefaultClient.Do(request)
				if err == nil {
					_ = response.Body.Close()
				}
				failed <- err
			}()
			arrived := func(requests []otlptest.Request) bool {
				return slices.ContainsFunc(requests, func(q otlptest.Request) bool { return q.Path == "/v1/traces" })
			}
			if err := r.WaitRequests(ctx, arrived); err != nil {
				t.Fatal(err)
			}
			end(r, cancel)
			if err := <-failed; err == nil {
				t.Error("an answer came")
			}
			if len(r.Spans()) > 0 {
				t.Error("spans of an unanswered request were kept")
			}
		})
	}
}

func TestTLS(t *testing.T) {
	pki := httptest.NewTLSServer(http.NotFoundHandler()) // lends its certificate and a client that trusts it
	defer pki.Close()
	r := start(t, otlptest.Options{TLS: pki.TLS})
	if !strings.HasPrefix(r.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s", r.URL())
	}
	r.Script(otlptest.Answer{}, otlptest.Answer{Reset: true})
	for i, wantOK := range []bool{true, false} {
		response, err := pki.Client().Post(r.URL()+"/v1/traces", "application/x-protobuf", bytes.NewReader(encode(t, valid())))
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		if (err == nil) != wantOK {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if got := len(r.Spans()); got != 1 {
		t.Errorf("%d spans", got)
	}
	if _, _, err := post(t, r.URL()+"/v1/traces", encode(t, valid())); err == nil {
		t.Error("a client that does not know the certificate was answered")
	}
}
