package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// patience bounds every wait for something that should be a matter of milliseconds.
const patience = 20 * time.Second

// start starts a Listener and ends it with the test.
func start(t *testing.T, opt Options) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// post posts as the platform does, and expects to be answered with 200.
func post(t *testing.T, l *Listener, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, here(l), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if rest, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || len(rest) != 0 {
		t.Fatalf("answered %s %q %v", response.Status, rest, err)
	}
}

// here is the URI of a Listener with an address in the place of the name, which only Lambda knows.
func here(l *Listener) string { return strings.Replace(l.URI(), host, "127.0.0.1", 1) }

// take waits until there are n facts. They come after the answer.
func take(t *testing.T, l *Listener, n int) []event.Fact {
	t.Helper()
	var all []event.Fact
	for end := time.Now().Add(patience); len(all) < n; {
		all = append(all, l.Take()...)
		if time.Now().After(end) {
			t.Fatalf("%d facts came, not %d: %+v", len(all), n, all)
		}
	}
	return all
}

func ended(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("the end did not come")
	}
}

func open(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
		t.Fatal("it has ended")
	default:
	}
}

func at(ms int) string {
	return time.Date(2026, 1, 12, 0, 0, 15, ms*1e6, time.UTC).Format("2006-01-02T15:04:05.000Z")
}

func startOf(id string, ms int) string {
	return fmt.Sprintf(`{"time":%q,"type":"platform.start","record":{"requestId":%q,"version":"$LATEST"}}`, at(ms), id)
}

func doneOf(id string, ms int) string {
	return fmt.Sprintf(`{"time":%q,"type":"platform.runtimeDone","record":{"requestId":%q,"status":"success"}}`, at(ms), id)
}

func list(events ...string) string { return "[" + strings.Join(events, ",") + "]" }

func TestAnInvocation(t *testing.T) {
	l := start(t, Options{})
	if l.Told() {
		t.Error("told before there was a subscription")
	}
	l.Subscribed()
	if !l.Told() {
		t.Error("not told after the subscription")
	}
	l.Began("A")
	end := l.Ended("A")
	open(t, end)
	post(t, l, list(startOf("A", 1)))
	take(t, l, 1)
	open(t, end)
	post(t, l, list(doneOf("A", 9)))
	ended(t, end)
	ended(t, l.Ended("A"))
	if facts := take(t, l, 1); facts[0].Kind != event.FactDone || facts[0].ID != "A" || facts[0].Status != "success" {
		t.Errorf("got %+v", facts)
	}
	if more := l.Take(); len(more) != 0 {
		t.Errorf("then got %+v", more)
	}
	open(t, l.Ended("B"))
}

func TestManyPostsOverOneConnection(t *testing.T) {
	l := start(t, Options{})
	const n = 300
	for i := range n {
		post(t, l, list(startOf(fmt.Sprint(i), i)))
	}
	for i, f := range take(t, l, n) {
		if f.ID != fmt.Sprint(i) {
			t.Fatalf("fact %d is of %s", i, f.ID)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) > 1 {
		t.Errorf("%d connections", len(l.conns))
	}
}

func TestHugePost(t *testing.T) {
	l := start(t, Options{})
	post(t, l, "["+string(bytes.Repeat([]byte(" "), maxPost))+startOf("A", 1)+"]")
	post(t, l, list(startOf("B", 1)))
	facts := take(t, l, 2)
	if facts[0].ID != "B" || facts[1].Kind != event.FactDropped || facts[1].Reason != event.DroppedDamaged || facts[1].DroppedBytes <= maxPost {
		t.Errorf("got %+v", facts)
	}
}
