package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

const (
	// stageBound is how long the first deploy may take: it compiles the CDK and installs runtimes.
	stageBound = 15 * time.Minute
	// settleBound is how long an order may take until all its invocations have ended.
	settleBound = 60 * time.Second
	lookEvery   = 5 * time.Millisecond
)

// stage is a cloud with the example in it, shared by all tests of this package, that keeps what passes by.
type stage struct {
	*cloud.Cloud
	recorder *recorder

	mu      sync.Mutex
	lines   []string
	ended   map[string]bool // invocations by request id
	variant string
}

// stages holds the one stage. A test binary has one MiniStack and one deploy.
type stages struct {
	once  sync.Once
	stage *stage
	err   error
}

var shared stages

func (s *stages) get() (*stage, error) {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stageBound)
		defer cancel()
		checkout, err := findCheckout()
		if err != nil {
			s.err = err
			return
		}
		s.stage = &stage{recorder: newRecorder(), ended: map[string]bool{}, variant: "as deployed"}
		s.stage.Cloud, s.err = cloud.Up(ctx, cloud.Options{
			Checkout: checkout, Runs: filepath.Join(checkout, ".afterglow", "test", "stage"), Log: progress.New(os.Stderr, cloud.Steps), Nearest: true,
			Lines: s.stage.take, Through: s.stage.recorder.through,
		})
	})
	return s.stage, s.err
}

// close ends the stage, if any test asked for it.
func (s *stages) close() error {
	s.once.Do(func() { s.err = errors.New("too late") })
	if s.err != nil || s.stage == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), downWithin)
	defer cancel()
	err := s.stage.Down(ctx)
	s.stage.recorder.close()
	return err
}

func (s *stage) take(function string, line lambdalocal.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, function+": "+line.Text)
	if rest, is := strings.CutPrefix(line.Text, "REPORT RequestId: "); is && line.Source == lambdalocal.SourcePlatform {
		id, _, _ := strings.Cut(rest, "\t")
		s.ended[strings.TrimSpace(id)] = true
	}
}

func (s *stage) hasEnded(requestID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended[requestID]
}

func (s *stage) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// onStage gives the stage with the functions in a variant.
func onStage(t *testing.T, v variant) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	s, err := shared.get()
	if err != nil {
		t.Fatal(err)
	}
	if s.variant != v.name {
		ctx, cancel := context.WithTimeout(context.Background(), settleBound)
		defer cancel()
		if err := s.Restart(ctx, v.change); err != nil {
			t.Fatal(err)
		}
		s.variant = v.name
	}
	return s
}

// variant is a way to run the deployed functions.
type variant struct {
	name   string
	change func(*lambdalocal.Function)
}

// asDeployed runs them as they are.
func asDeployed() variant { return variant{name: "as deployed"} }

// withoutAfterglow runs the same code with Afterglow's layer and settings removed.
func withoutAfterglow() variant {
	return variant{"without Afterglow", func(f *lambdalocal.Function) {
		if !watched(f) {
			return
		}
		f.Layers = nil
		for name := range f.Env {
			if name == "AWS_LAMBDA_EXEC_WRAPPER" || strings.HasPrefix(name, "AFTERGLOW_") || strings.HasPrefix(name, "OTEL_") {
				delete(f.Env, name)
			}
		}
	}}
}

// withSetting runs them with one environment variable changed in the functions that Afterglow watches.
func withSetting(name, value string) variant {
	return withSettings(map[string]string{name: value})
}

func withSettings(settings map[string]string) variant {
	return variant{fmt.Sprint(settings), func(f *lambdalocal.Function) {
		if watched(f) {
			maps.Copy(f.Env, settings)
		}
	}}
}

func watched(f *lambdalocal.Function) bool { return f.Env["AWS_LAMBDA_EXEC_WRAPPER"] != "" }

// invocation is an invocation that a trigger of the local AWS caused, as the local AWS asked for it.
type invocation struct {
	function, requestID string
	event               []byte
}

// messageIDs are the ids of the SQS messages that it was given.
func (i invocation) messageIDs() []string {
	var event struct {
		Records []struct{ MessageID string }
	}
	_ = json.Unmarshal(i.event, &event) // other events have no such records
	var ids []string
	for _, record := range event.Records {
		ids = append(ids, record.MessageID)
	}
	return ids
}

// outcome is what became of an order.
type outcome struct {
	status      int
	header      http.Header
	body        string
	took        time.Duration
	requests    []request    // that reached services, from functions and from us
	invocations []invocation // that triggers caused
	spans       []otlptest.Span
}

// send sends an order and waits until all that it leads to has ended: the orders function, and fulfilment
// of the order's message and of each item's.
func (s *stage) send(t *testing.T, o order) outcome {
	t.Helper()
	var parsed struct {
		OrderID string `json:"order_id"`
		Items   []any
	}
	if err := json.Unmarshal([]byte(o.body), &parsed); err != nil {
		t.Fatal(err)
	}
	s.recorder.forget()
	seen := len(s.Receiver().Spans())
	start := time.Now()
	response, err := directClient().Post(s.Output(ordersOutput), "application/json", strings.NewReader(o.body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := outcome{status: response.StatusCode, header: response.Header, body: string(body), took: time.Since(start)}
	s.eventually(t, "all messages of "+parsed.OrderID+" are worked on", func() bool {
		out.requests, out.invocations = nil, nil
		messages := 0
		for _, r := range s.recorder.requests(t) {
			if !strings.HasPrefix(r.parsed.URL.Path, "/_afterglow/") {
				out.requests = append(out.requests, r)
				continue
			}
			i := invocation{
				function:  r.parsed.URL.Path[strings.LastIndex(r.parsed.URL.Path, "/")+1:],
				requestID: r.parsed.Header.Get("X-Amzn-Lambda-Request-Id"), event: r.body,
			}
			if !s.hasEnded(i.requestID) {
				return false
			}
			out.invocations = append(out.invocations, i)
			if bytes.Contains(r.body, []byte(parsed.OrderID)) {
				messages += len(i.messageIDs())
			}
		}
		return messages >= 1+len(parsed.Items)
	})
	out.spans = s.Receiver().Spans()[seen:]
	return out
}

// sendAndReceive is send, with the spans of the whole flow.
func (s *stage) sendAndReceive(t *testing.T, o order) outcome {
	t.Helper()
	seen := len(s.Receiver().Spans())
	out := s.send(t, o)
	ctx, cancel := context.WithTimeout(context.Background(), settleBound)
	defer cancel()
	err := s.Receiver().Wait(ctx, func(spans []otlptest.Span) bool { return len(missing(spans[seen:])) == 0 })
	out.spans = s.Receiver().Spans()[seen:]
	if err != nil {
		t.Fatalf("the flow is not complete: %v: %v\n%s", missing(out.spans), err, s.NewestLines())
	}
	return out
}

// answer is what a direct caller of a function gets.
type answer struct {
	status        int
	functionError string
	payload       string
	took          time.Duration
}

// invoke calls a function through Lambda's own Invoke API.
func (s *stage) invoke(t *testing.T, output, event string) answer {
	t.Helper()
	start := time.Now()
	response, err := directClient().Post(s.URL()+"/2015-03-31/functions/"+s.Output(output)+"/invocations", "", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	id := response.Header.Get("X-Amzn-Requestid")
	s.eventually(t, "invocation "+id+" has ended", func() bool { return s.hasEnded(id) })
	return answer{response.StatusCode, response.Header.Get("X-Amz-Function-Error"), string(payload), took}
}

func (s *stage) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(settleBound); time.Now().Before(deadline); time.Sleep(lookEvery) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within %s: %s\n%s", settleBound, what, s.NewestLines())
}

func goodOrder() order { return orders()[0] }
func badOrder() order  { return orders()[1] }

// withID is an order under another id, so that two tests' orders are told apart.
func (o order) withID(id string) order {
	for _, own := range []string{"good-1", "bad-1"} {
		o.body = strings.ReplaceAll(o.body, `"`+own+`"`, `"`+id+`"`)
	}
	return o
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}
