package otlptest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// bound is for waits that end by a condition; a test that reaches it has failed.
const bound = 10 * time.Second

func start(t *testing.T, opt otlptest.Options) *otlptest.Receiver {
	t.Helper()
	r, err := otlptest.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

// valid is a request with one faultless span, built anew so that a test can spoil it.
func valid() *tracepb.TracesData {
	at := uint64(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).UnixNano())
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "orders")}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "afterglow", Version: "0.1"},
			Spans: []*tracepb.Span{{
				TraceId:           bytes.Repeat([]byte{0xab}, 16),
				SpanId:            bytes.Repeat([]byte{0xcd}, 8),
				ParentSpanId:      bytes.Repeat([]byte{0xef}, 8),
				Name:              "orders",
				Kind:              tracepb.Span_SPAN_KIND_SERVER,
				StartTimeUnixNano: at,
				EndTimeUnixNano:   at + 5e6,
				Status:            &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no"},
				Attributes: []*commonpb.KeyValue{
					text("faas.invocation_id", "r-1"),
					{Key: "faas.coldstart", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
				},
				Events: []*tracepb.Span_Event{{Name: "exception", TimeUnixNano: at + 1}},
				Links: []*tracepb.Span_Link{{
					TraceId: bytes.Repeat([]byte{1}, 16), SpanId: bytes.Repeat([]byte{2}, 8),
					Attributes: []*commonpb.KeyValue{text("messaging.message.id", "m-1")},
				}},
			}},
		}},
	}}}
}

func span(traces *tracepb.TracesData) *tracepb.Span {
	return traces.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
}

func encode(t *testing.T, message proto.Message) []byte {
	t.Helper()
	body, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func gzipped(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

// post sends one request; header is "name: value" lines on top of the protobuf content type.
func post(t *testing.T, url string, body []byte, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for _, line := range header {
		if name, value, ok := strings.Cut(line, ": "); ok {
			request.Header.Set(name, value)
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, answer, err
}

func TestSpansComeOutAsTheyWentIn(t *testing.T) {
	for name, send := range map[string]func(*testing.T, string, []byte) (*http.Response, []byte, error){
		"plain": func(t *testing.T, url string, body []byte) (*http.Response, []byte, error) {
			return post(t, url, body)
		},
		"gzip": func(t *testing.T, url string, body []byte) (*http.Response, []byte, error) {
			return post(t, url, gzipped(body), "Content-Encoding: gzip")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			body := encode(t, valid())
			response, answer, err := send(t, r.URL()+"/v1/traces", body)
			if err != nil || response.StatusCode != http.StatusOK || len(answer) != 0 {
				t.Fatalf("answer: %v, %v, % x", err, response, answer)
			}
			if got := response.Header.Get("Content-Type"); got != "application/x-protobuf" {
				t.Errorf("content type of the answer: %q", got)
			}
			if got := r.Violations(); len(got) > 0 {
				t.Errorf("violations: %q", got)
			}
			checkOneSpan(t, r.Spans())
			requests := r.Requests()
			if len(requests) != 1 || !bytes.Equal(requests[0].Body, body) || requests[0].Status != http.StatusOK {
				t.Errorf("requests: %+v", requests)
			}
		})
	}
}

func checkOneSpan(t *testing.T, spans []otlptest.Span) {
	t.Helper()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	for what, pair := range map[string][2]any{
		"service":   {s.Service(), "orders"},
		"scope":     {s.Scope + " " + s.ScopeVersion, "afterglow 0.1"},
		"trace id":  {s.TraceID, strings.Repeat("ab", 16)},
		"span id":   {s.SpanID, strings.Repeat("cd", 8)},
		"parent":    {s.ParentID, strings.Repeat("ef", 8)},
		"kind":      {s.Kind, otlptest.Server},
		"status":    {s.StatusCode, otlptest.StatusError},
		"message":   {s.StatusMessage, "no"},
		"duration":  {s.Duration(), 5 * time.Millisecond},
		"text":      {s.Text("faas.invocation_id"), "r-1"},
		"bool":      {s.Attributes["faas.coldstart"], true},
		"event":     {s.Events[0].Name, "exception"},
		"link":      {s.Links[0].SpanID, strings.Repeat("02", 8)},
		"link attr": {s.Links[0].Attributes["messaging.message.id"], "m-1"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestViolations(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*tracepb.TracesData)
		want  string
	}{
		"short trace id": {func(d *tracepb.TracesData) { span(d).TraceId = []byte{1} }, "trace id has 1 bytes, not 16"},
		"zero trace id":  {func(d *tracepb.TracesData) { span(d).TraceId = make([]byte, 16) }, "trace id is zero"},
		"no span id":     {func(d *tracepb.TracesData) { span(d).SpanId = nil }, "span id has 0 bytes, not 8"},
		"zero span id":   {func(d *tracepb.TracesData) { span(d).SpanId = make([]byte, 8) }, "span id is zero"},
		"zero parent":    {func(d *tracepb.TracesData) { span(d).ParentSpanId = make([]byte, 8) }, "parent span id is zero"},
		"own parent":     {func(d *tracepb.TracesData) { span(d).ParentSpanId = span(d).SpanId }, "is its own parent"},
		"end first":      {func(d *tracepb.TracesData) { span(d).EndTimeUnixNano = span(d).StartTimeUnixNano - 1e6 }, "ends 1ms before its start"},
		"milliseconds":   {func(d *tracepb.TracesData) { span(d).StartTimeUnixNano /= 1e6 }, "is no time in nanoseconds"},
		"no end":         {func(d *tracepb.TracesData) { span(d).EndTimeUnixNano = 0 }, "end 0 is no time"},
		"no name":        {func(d *tracepb.TracesData) { span(d).Name = "" }, "empty name"},
		"no kind":        {func(d *tracepb.TracesData) { span(d).Kind = 0 }, "kind 0"},
		"status code":    {func(d *tracepb.TracesData) { span(d).Status.Code = 7 }, "status code 7"},
		"no service": {func(d *tracepb.TracesData) {
			d.ResourceSpans[0].Resource.Attributes[0].Key = "service"
		}, "no service.name"},
		"empty service": {func(d *tracepb.TracesData) {
			d.ResourceSpans[0].Resource.Attributes[0] = text("service.name", "")
		}, "no service.name"},
		"link without trace": {func(d *tracepb.TracesData) { span(d).Links[0].TraceId = make([]byte, 16) }, "link 0: trace id is zero"},
		"link without span":  {func(d *tracepb.TracesData) { span(d).Links[0].SpanId = make([]byte, 8) }, "link 0: span id is zero"},
		"key twice": {func(d *tracepb.TracesData) {
			span(d).Attributes = append(span(d).Attributes, text("faas.invocation_id", "r-2"))
		}, `attribute "faas.invocation_id" twice`},
		"resource key twice": {func(d *tracepb.TracesData) {
			d.ResourceSpans[0].Resource.Attributes = append(d.ResourceSpans[0].Resource.Attributes, text("service.name", "x"))
		}, `attribute "service.name" twice`},
		"key twice in a list": {func(d *tracepb.TracesData) {
			list := &commonpb.KeyValueList{Values: []*commonpb.KeyValue{text("a", "1"), text("a", "2")}}
			span(d).Attributes[0].Value = &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: list}}
		}, `attribute "a" twice`},
		"empty key":   {func(d *tracepb.TracesData) { span(d).Attributes[0].Key = "" }, "empty key"},
		"event name":  {func(d *tracepb.TracesData) { span(d).Events[0].Name = "" }, `event "": empty name`},
		"event time":  {func(d *tracepb.TracesData) { span(d).Events[0].TimeUnixNano = 0 }, "time 0 is no time"},
		"no resource": {func(d *tracepb.TracesData) { d.ResourceSpans = nil }, "no resource spans"},
		"no scope":    {func(d *tracepb.TracesData) { d.ResourceSpans[0].ScopeSpans = nil }, "no scope spans"},
		"no spans":    {func(d *tracepb.TracesData) { d.ResourceSpans[0].ScopeSpans[0].Spans = nil }, "has no spans"},
		"same span ids": {func(d *tracepb.TracesData) {
			s := d.ResourceSpans[0].ScopeSpans[0]
			s.Spans = append(s.Spans, s.Spans[0])
		}, "in the same request"},
		"unknown fields": {func(d *tracepb.TracesData) {
			span(d).ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
		}, "unknown fields in resource_spans.scope_spans.spans.Span"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			traces := valid()
			c.spoil(traces)
			if _, _, err := post(t, r.URL()+"/v1/traces", encode(t, traces)); err != nil {
				t.Fatal(err)
			}
			if got := r.Violations(); !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("violations %q lack %q", got, c.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	body := encode(t, valid())
	invalidUTF8 := bytes.Replace(body, []byte("orders"), []byte("order\xff"), 1)
	for name, c := range map[string]struct {
		path   string
		body   []byte
		header string
		status int
		want   string
	}{
		"wrong path":       {"/v1/trace", body, "", 404, `wrong path "/v1/trace"`},
		"json":             {"/v1/traces", []byte("{}"), "Content-Type: application/json", 415, `"application/json" is not`},
		"no content type":  {"/v1/traces", body, "Content-Type: ", 415, `content type "" is not`},
		"bad protobuf":     {"/v1/traces", []byte{0x0a, 0xff}, "", 400, "body is not a TracesData"},
		"invalid UTF-8":    {"/v1/traces", invalidUTF8, "", 400, "UTF-8"},
		"not gzip":         {"/v1/traces", body, "Content-Encoding: gzip", 400, "body is not gzip"},
		"torn gzip":        {"/v1/traces", gzipped(body)[:40], "Content-Encoding: gzip", 400, "gzip body is damaged"},
		"unknown encoding": {"/v1/traces", body, "Content-Encoding: zstd", 415, `content encoding "zstd"`},
		"bad metrics":      {"/v1/metrics", []byte{0x0a, 0xff}, "", 400, "body is not a MetricsData"},
		"bad logs":         {"/v1/logs", []byte{0x0a, 0xff}, "", 400, "body is not a LogsData"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			r.Script(otlptest.Answer{Status: 503}) // refusals do not use up the script
			response, answer, err := post(t, r.URL()+c.path, c.body, c.header)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status || !strings.Contains(string(answer), c.want) || len(r.Spans()) > 0 {
				t.Errorf("status %d, %d spans", response.StatusCode, len(r.Spans()))
			}
			if got := r.Violations(); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("violations %q lack %q", got, c.want)
			}
			if got := r.Requests(); len(got) != 1 || !bytes.Equal(got[0].Raw, c.body) {
				t.Errorf("request is not kept raw: %+v", got)
			}
		})
	}
	t.Run("method", func(t *testing.T) {
		r := start(t, otlptest.Options{})
		response, err := http.Get(r.URL() + "/v1/traces") //nolint:noctx // the shortest GET
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed || len(r.Violations()) != 1 {
			t.Errorf("status %d, violations %q", response.StatusCode, r.Violations())
		}
	})
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		if r, err := otlptest.Start(otlptest.Options{Addr: addr}); err == nil {
			_ = r.Close()
			t.Errorf("%s: started", addr)
		}
	}
}

func TestWait(t *testing.T) {
	r := start(t, otlptest.Options{})
	body := encode(t, valid())
	asked := make(chan struct{})
	once := false
	sent := make(chan error, 1)
	go func() {
		<-asked // Wait has looked at no spans: what comes now has to wake it
		_, _, err := post(t, r.URL()+"/v1/traces", body)
		sent <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	err := r.Wait(ctx, func(spans []otlptest.Span) bool {
		if !once {
			once = true
			close(asked)
		}
		return len(spans) == 1
	})
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	if err := r.WaitRequests(ctx, func(requests []otlptest.Request) bool { return len(requests) == 1 }); err != nil {
		t.Fatal(err)
	}
}

func TestWaitEnds(t *testing.T) {
	r := start(t, otlptest.Options{})
	never := func([]otlptest.Span) bool { return false }
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(gone, never); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(t.Context(), never); !errors.Is(err, otlptest.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	again, err := otlptest.Start(otlptest.Options{Addr: r.Addr()})
	if err != nil {
		t.Fatalf("second receiver at the same place: %v", err)
	}
	_ = again.Close()
}
