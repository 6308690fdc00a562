package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// patience bounds waiting for what has to happen.
const patience = 15 * time.Second

// source is a run with one function.
type source struct {
	journal  *Journal
	receiver *otlptest.Receiver
}

func (s source) Status() Status {
	return Status{URL: "http://here", Functions: []Function{{Name: "orders", LogicalID: "Orders1"}}}
}
func (s source) Journal() *Journal            { return s.journal }
func (s source) Receiver() *otlptest.Receiver { return s.receiver }

func start(t *testing.T) (source, Client) {
	t.Helper()
	receiver, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = receiver.Close() })
	s := source{NewJournal(), receiver}
	server := httptest.NewServer(Handler(s))
	t.Cleanup(server.Close)
	return s, Client{URL: server.URL}
}

func TestStatus(t *testing.T) {
	_, client := start(t)
	status, err := client.Status(context.Background())
	if err != nil || status.URL != "http://here" || len(status.Functions) != 1 || status.Functions[0].LogicalID != "Orders1" {
		t.Errorf("got %+v, %v", status, err)
	}
}

func TestNobodyThere(t *testing.T) {
	if _, err := (Client{URL: "http://127.0.0.1:1"}).Status(context.Background()); err == nil || !strings.Contains(err.Error(), "ask the run") {
		t.Errorf("got %v", err)
	}
}

func TestLogs(t *testing.T) {
	s, client := start(t)
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i, function := range []string{"orders", "fulfilment", "orders"} {
		s.journal.Add(Line{Time: noon.Add(time.Duration(i) * time.Minute), Function: function, Source: "function", Text: fmt.Sprint("line ", i)})
	}
	tests := []struct {
		name  string
		query LogQuery
		want  string
	}{
		{"all", LogQuery{}, "line 0,line 1,line 2"},
		{"of a function", LogQuery{Function: "orders"}, "line 0,line 2"},
		{"since", LogQuery{Since: noon.Add(time.Minute)}, "line 1,line 2"},
		{"of a function that has none", LogQuery{Function: "ghost"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := client.Logs(context.Background(), test.query, func(line Line) error {
				got = append(got, line.Text)
				return nil
			})
			if err != nil || strings.Join(got, ",") != test.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestFollowingLogsShowsWhatComes(t *testing.T) {
	s, client := start(t)
	s.journal.Add(Line{Text: "before"})
	enough := errors.New("enough")
	var got []string
	err := client.Logs(context.Background(), LogQuery{Follow: true}, func(line Line) error {
		got = append(got, line.Text)
		if len(got) == 3 {
			return enough
		}
		s.journal.Add(Line{Text: fmt.Sprint("after ", len(got))})
		return nil
	})
	if !errors.Is(err, enough) || strings.Join(got, ",") != "before,after 1,after 2" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAJournalForgetsTheOldest(t *testing.T) {
	j := NewJournal()
	for i := range 2*keptLines + 1 {
		j.Add(Line{Text: fmt.Sprint(i)})
	}
	lines, now, _ := j.After(0)
	if len(lines) != keptLines || lines[len(lines)-1].Text != fmt.Sprint(2*keptLines) || now != 2*keptLines+1 {
		t.Errorf("%d lines are left, the last is %s, and %d have been", len(lines), lines[len(lines)-1].Text, now)
	}
	if lines, _, _ := j.After(now); len(lines) != 0 {
		t.Errorf("%d lines are new", len(lines))
	}
	if newest := j.Newest(2); len(newest) != 2 || newest[1].Text != fmt.Sprint(2*keptLines) {
		t.Errorf("newest: %v", newest)
	}
}

func TestALineTellsWhoWroteIt(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		line Line
		want string
	}{
		{"a function", Line{noon, "orders", "function", "", "hello"}, "12:00:00.000 orders, function: hello"},
		{"an extension", Line{noon, "orders", "extension", "afterglow", "hello"}, "12:00:00.000 orders, extension afterglow: hello"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.line.String(); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// export sends an invocation of a service in a trace of its own to the receiver.
func export(t *testing.T, r *otlptest.Receiver, service string, trace byte) {
	t.Helper()
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{
			Key: "service.name", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: service}},
		}}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{
			TraceId: bytes.Repeat([]byte{trace}, 16), SpanId: bytes.Repeat([]byte{trace}, 8), Name: service, Kind: tracepb.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: 1e18 + uint64(trace)*1e9, EndTimeUnixNano: 1e18 + uint64(trace)*1e9 + 5e6,
		}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(r.URL()+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the receiver answers %s", response.Status)
	}
}

func TestFlows(t *testing.T) {
	s, client := start(t)
	export(t, s.receiver, "alpha", 0xa1)
	export(t, s.receiver, "bravo", 0xb2)
	tests := []struct {
		name  string
		query FlowQuery
		want  []string
		not   []string
	}{
		{"all", FlowQuery{}, []string{"λ alpha", "λ bravo"}, []string{"\x1b["}},
		{"the last", FlowQuery{Last: 1}, []string{"λ bravo"}, []string{"alpha"}},
		{"of a trace", FlowQuery{Trace: "a1a1"}, []string{"λ alpha"}, []string{"bravo"}},
		{"of a trace that did not come", FlowQuery{Trace: "c3"}, []string{"no such flow"}, []string{"λ"}},
		{"as JSON", FlowQuery{JSON: true, Last: 1}, []string{`"Name":"bravo"`}, []string{"λ", "alpha"}},
		{"in colour", FlowQuery{Color: true}, []string{"\x1b["}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if err := client.Flows(context.Background(), test.query, &out); err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in\n%s", want, out.String())
				}
			}
			for _, not := range test.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("%q is in\n%s", not, out.String())
				}
			}
		})
	}
}

// watched is a writer that somebody waits at.
type watched struct {
	mu   sync.Mutex
	text string
	news chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text += string(p)
	select {
	case w.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (w *watched) await(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		w.mu.Lock()
		have := w.text
		w.mu.Unlock()
		if strings.Contains(have, text) {
			return have
		}
		select {
		case <-w.news:
		case <-timeout:
			t.Fatalf("not within %s: %q in\n%s", patience, text, have)
		}
	}
}

func TestFollowingFlowsShowsOnlyWhatIsNew(t *testing.T) {
	s, client := start(t)
	export(t, s.receiver, "alpha", 0xa1)
	out := &watched{news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Flows(ctx, FlowQuery{Follow: true}, out) }()
	out.await(t, "λ alpha")
	export(t, s.receiver, "bravo", 0xb2)
	if text := out.await(t, "λ bravo"); strings.Count(text, "λ alpha") != 1 {
		t.Errorf("what had been shown was shown again:\n%s", text)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
