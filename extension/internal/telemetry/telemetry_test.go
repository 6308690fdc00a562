package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"reflect"
	"strconv"
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
	l, err := Listen(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if err := l.Serve(); err != nil {
		t.Fatal(err)
	}
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

// take waits until there are n facts.
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
	l.Close()
	facts := l.Take()
	if len(facts) != 2 || facts[0].ID != "B" || facts[1].Kind != event.FactDropped || facts[1].Reason != event.DroppedDamaged || facts[1].DroppedBytes <= maxPost {
		t.Errorf("got %+v", facts)
	}
}

// TestWhatDoesNotFitIsCounted, and its ends are known all the same.
func TestWhatDoesNotFitIsCounted(t *testing.T) {
	l := start(t, Options{Lines: true})
	fill := func(f event.Fact) (n int64) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for l.lost == nil && n < 100_000 {
			l.add(f)
			n++
		}
		return n
	}
	fact := event.Fact{Kind: event.FactReport} // none is smaller
	if n := fill(fact); n < 9000 || n > 12_000 {
		t.Errorf("room for %d facts", n)
	}
	l.Began("A")
	post(t, l, list(startOf("A", 1), doneOf("A", 2), `{"type":"function","record":"there is room for lines"}`))
	ended(t, l.Ended("A"))
	if w := l.Waiting(); w < maxBytes-1000 || w > maxBytes+1000 {
		t.Errorf("%d bytes are waiting", w)
	}
	l.Close()
	facts := l.Take()
	if last := facts[len(facts)-1]; last.Kind != event.FactDropped || last.Reason != event.DroppedFull || last.DroppedRecords != 3 || last.DroppedBytes != 0 {
		t.Errorf("the last is %+v", last)
	}
	if line := facts[len(facts)-2]; line.Kind != event.FactLine {
		t.Errorf("before it is %+v", line)
	}
	if more := l.Take(); len(more) != 0 || l.Waiting() != 0 {
		t.Errorf("told twice: %+v, %d bytes", more, l.Waiting())
	}
	line := event.Fact{Kind: event.FactLine, Line: event.TextOf(strings.Repeat("x", 1000))}
	if n := fill(line); n < 700 || n > 800 {
		t.Errorf("room for %d lines", n)
	}
	l.mu.Lock()
	l.add(fact)
	l.mu.Unlock()
	facts = l.Take()
	if last := facts[len(facts)-1]; last.Reason != event.DroppedFull || last.DroppedRecords != 1 || last.DroppedBytes != 1000 || facts[len(facts)-2].Kind != event.FactReport {
		t.Errorf("got %+v", facts[len(facts)-2:])
	}
}

// TestAFloodKeepsItsLastLines: they tell why a function failed. Other facts stay where they were between them.
func TestAFloodKeepsItsLastLines(t *testing.T) {
	const many = 50_000
	l := start(t, Options{Lines: true})
	add := func(f event.Fact) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.add(f)
	}
	for n := range many {
		add(event.Fact{Kind: event.FactLine, Line: event.TextOf(fmt.Sprintf("%05d", n))})
		if n%10_000 == 0 {
			add(event.Fact{Kind: event.FactStart, ID: strconv.Itoa(n)})
		}
		if len(l.facts) > 3*maxLineBytes/factBytes {
			t.Fatalf("%d facts are kept", len(l.facts))
		}
	}
	add(event.Fact{Kind: event.FactDone, ID: "end"})
	facts := l.Take()
	lines, starts, next := 0, 0, 0
	for _, f := range facts {
		switch f.Kind {
		case event.FactStart:
			starts++
		case event.FactLine:
			n, _ := strconv.Atoi(f.Line.Reveal())
			if lines > 0 && n != next {
				t.Fatalf("line %d comes after %d", n, next-1)
			}
			lines, next = lines+1, n+1
		}
	}
	last := facts[len(facts)-1]
	if starts != 5 || lines < 2000 || next != many || last.Reason != event.DroppedFull || int(last.DroppedRecords) != many-lines || int(last.DroppedBytes) != 5*(many-lines) {
		t.Errorf("%d starts, %d lines up to %d, %+v", starts, lines, next, last)
	}
	if l.Waiting() != 0 || len(l.Take()) != 0 {
		t.Error("told twice")
	}
	add(event.Fact{Kind: event.FactLine, Line: event.TextOf(strings.Repeat("x", maxLineBytes))})
	if facts = l.Take(); len(facts) != 1 || facts[0].DroppedRecords != 1 {
		t.Errorf("a line that has no room at all: %+v", facts)
	}
}

// TestSizeOfAFact: what is counted is what is kept.
func TestSizeOfAFact(t *testing.T) {
	if size := reflect.TypeFor[event.Fact]().Size(); size > factBytes {
		t.Errorf("a fact takes %d bytes, counted are %d", size, factBytes)
	}
}

// TestLinesThatNobodyWants come where another subscription had them.
func TestLinesThatNobodyWants(t *testing.T) {
	l := start(t, Options{})
	post(t, l, list(`{"type":"function","record":"hunter2"}`, startOf("A", 1)))
	if f := take(t, l, 1); len(f) != 1 || f[0].Kind != event.FactStart {
		t.Errorf("got %+v", f)
	}
}

// TestPostsThatComeTwice: Lambda posts again what it has no answer for (TEL); the answer may have been what was lost.
func TestPostsThatComeTwice(t *testing.T) {
	l := start(t, Options{})
	first, second := list(startOf("A", 1)), list(doneOf("A", 2))
	for _, p := range []string{first, first, second, first, second} {
		post(t, l, p)
	}
	l.Close()
	if facts := l.Take(); len(facts) != 2 {
		t.Errorf("got %+v", facts)
	}
}

// TestTold: see its contract.
func TestTold(t *testing.T) {
	began := func(l *Listener, n int) {
		for i := range n {
			l.Began(fmt.Sprint(i))
		}
	}
	var none Listener
	if err := none.Serve(); err != nil {
		t.Error(err)
	}
	none.Subscribed()
	none.Close()
	if began(&none, 1); len(none.Take()) != 0 || none.Waiting() != 0 {
		t.Error("the zero Listener has something to give")
	}
	open(t, none.Ended("A"))

	l := start(t, Options{})
	if began(l, 1); l.Told() {
		t.Error("without a subscription")
	}
	l.Subscribed()
	if !l.Told() {
		t.Error("not in the first invocation")
	}
	if began(l, silentAfter-1); l.Told() {
		t.Error("after three invocations without a word")
	}
	post(t, l, "not a word of Lambda's")
	post(t, l, "[]")
	l.mu.Lock()
	heard := l.heard
	l.mu.Unlock()
	if heard || l.Told() {
		t.Error("by somebody who is not Lambda")
	}
	post(t, l, list(`{"type":"platform.extension","record":{}}`))
	take(t, l, 1) // what the first post was counted as
	for end := time.Now().Add(patience); !l.Told(); {
		if time.Now().After(end) {
			t.Fatal("not by a word at last")
		}
	}
	unsubscribed := start(t, Options{})
	post(t, unsubscribed, list(startOf("A", 1)))
	take(t, unsubscribed, 1)
	if !unsubscribed.Told() {
		t.Error("not although it is")
	}
}

// TestWhole: see its contract.
func TestWhole(t *testing.T) {
	var none Listener
	ended(t, none.Whole())

	l := start(t, Options{})
	ended(t, l.Whole()) // nobody has subscribed
	l.Subscribed()
	silent := l.Whole() // of the init at least Lambda has to tell
	open(t, silent)
	l.Began("A")
	post(t, l, list(startOf("A", 1), doneOf("A", 2)))
	open(t, silent)
	if l.Whole() != silent {
		t.Error("another channel, though nobody was told")
	}
	post(t, l, list(fmt.Sprintf(`{"time":%q,"type":"platform.report","record":{"requestId":"A","status":"success"}}`, at(3))))
	ended(t, silent)
	ended(t, l.Whole())
	l.Began("B")
	open(t, l.Whole())

	mute := start(t, Options{})
	mute.Subscribed()
	for i := range silentAfter {
		open(t, mute.Whole())
		mute.Began(fmt.Sprint(i))
	}
	ended(t, mute.Whole()) // nothing will come
	failed := start(t, Options{})
	failed.Subscribed()
	post(t, failed, list(`{"time":"2026-01-12T00:00:15.000Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init"}}`))
	open(t, failed.Whole())
	post(t, failed, list(`{"time":"2026-01-12T00:00:15.100Z","type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"error"}}`))
	ended(t, failed.Whole())
}

// TestAPanicCostsAPost: nothing here may end the process, nor the listening.
func TestAPanicCostsAPost(t *testing.T) {
	l := start(t, Options{})
	l.mu.Lock()
	seed := l.seed
	l.seed = maphash.Seed{} // with which nothing can be hashed
	l.mu.Unlock()
	post(t, l, list(startOf("A", 1)))
	if f := take(t, l, 1); f[0].Reason != event.DroppedDamaged || f[0].DroppedRecords != 1 {
		t.Errorf("got %+v", f)
	}
	l.mu.Lock()
	l.seed = seed
	l.mu.Unlock()
	post(t, l, list(startOf("B", 1)))
	if f := take(t, l, 1); f[0].ID != "B" {
		t.Errorf("got %+v", f)
	}
}
