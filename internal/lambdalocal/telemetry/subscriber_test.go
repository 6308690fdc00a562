package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// listener is a destination that keeps what it gets, with the time.
type listener struct {
	mu      sync.Mutex
	got     []delivery
	refuse  int           // so many deliveries
	tried   []time.Time   // also those that were refused
	blocked chan struct{} // if set, deliveries end when it is closed
}

type delivery struct {
	at      time.Time
	records []string
}

func (l *listener) send(ctx context.Context, batch [][]byte) error {
	l.mu.Lock()
	l.tried = append(l.tried, time.Now())
	blocked, refused := l.blocked, l.refuse > 0
	if refused {
		l.refuse--
	}
	l.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if refused {
		return errors.New("refused")
	}
	d := delivery{at: time.Now()}
	for _, b := range batch {
		d.records = append(d.records, recordOf(b))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, d)
	return nil
}

func (l *listener) close() {}

// recordOf is a log line, or type and record of anything else.
func recordOf(event []byte) string {
	var e struct {
		Type   string
		Record json.RawMessage
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return err.Error()
	}
	var line string
	if json.Unmarshal(e.Record, &line) == nil {
		return line
	}
	return e.Type + " " + string(e.Record)
}

func (l *listener) records() (all []string) {
	for _, d := range l.got {
		all = append(all, d.records...)
	}
	return all
}

// join subscribes a destination of the test. The bubble's goroutines end with stream.Close.
func join(t *testing.T, s *Stream, extension string, to destination, changes string) {
	t.Helper()
	f, err := parseObject([]byte(request(changes)))
	if err != nil {
		t.Fatal(err)
	}
	var want subscription
	s.readSchema(f, &want)
	readTypes(f, &want)
	buffering, _ := f.object("buffering", false)
	readBuffering(buffering, &want)
	if len(*f.problems) > 0 {
		t.Fatal(*f.problems)
	}
	if refused := s.admit(t.Context(), extension, want, to); refused != nil {
		t.Fatal(refused)
	}
}

func line(text string) Event { return Event{Type: TypeFunction, Record: text} }

const functionLines = `"types":["function"]`

// Source: TEL, "Configuring memory usage and buffering": items, bytes or time, whichever is first.
func TestBuffering(t *testing.T) {
	for _, c := range []struct {
		name    string
		request string
		lines   []string
		after   []time.Duration // of the deliveries
		sizes   []int
	}{
		{"time", `"buffering":{"timeoutMs":25}`, numbered(3, ""), []time.Duration{25 * time.Millisecond}, []int{3}},
		{"default time", ``, numbered(3, ""), []time.Duration{time.Second}, []int{3}},
		{"items", `"buffering":{"maxItems":1000}`, numbered(1000, ""), []time.Duration{0}, []int{1000}},
		{"one item less", `"buffering":{"maxItems":1000}`, numbered(999, ""), []time.Duration{time.Second}, []int{999}},
		{"more items", `"buffering":{"maxItems":1000}`, numbered(1001, ""), []time.Duration{0, time.Second}, []int{1000, 1}},
		{"bytes", `"buffering":{"maxBytes":262144}`, numbered(3, strings.Repeat("x", 100<<10)), []time.Duration{0}, []int{3}},
		{"fewer bytes", `"buffering":{"maxBytes":262144}`, numbered(2, strings.Repeat("x", 100<<10)), []time.Duration{time.Second}, []int{2}},
		{"most bytes", `"buffering":{"maxBytes":1048576}`, numbered(3, strings.Repeat("x", 100<<10)), []time.Duration{time.Second}, []int{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := NewStream(Options{}), &listener{}
				defer s.Close()
				changes := functionLines
				if c.request != "" {
					changes += "," + c.request
				}
				join(t, s, "ext", to, changes)
				start := time.Now()
				for _, l := range c.lines {
					s.Emit(line(l))
				}
				pass(time.Hour)
				synctest.Wait()
				var after []time.Duration
				var sizes []int
				for _, d := range to.got {
					after, sizes = append(after, d.at.Sub(start)), append(sizes, len(d.records))
				}
				if !reflect.DeepEqual(after, c.after) || !reflect.DeepEqual(sizes, c.sizes) {
					t.Errorf("deliveries of %v after %v, want %v after %v", sizes, after, c.sizes, c.after)
				}
				if !reflect.DeepEqual(to.records(), c.lines) {
					t.Error("the lines are not those emitted, in order")
				}
			})
		})
	}
}

func numbered(n int, rest string) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprint(i, rest))
	}
	return lines
}

// However much waits, a delivery has no more than one event more than what was asked for (TEL: "payloads as large
// as 2 * maxBytes + metadataBytes").
func TestBatchSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{}
		defer s.Close()
		join(t, s, "ext", to, functionLines)
		s.Pause()
		for range 7 {
			s.Emit(line(strings.Repeat("x", 100<<10)))
		}
		s.Resume()
		pass(time.Hour)
		var sizes []int
		for _, d := range to.got {
			sizes = append(sizes, len(d.records))
		}
		if !reflect.DeepEqual(sizes, []int{3, 3, 1}) {
			t.Errorf("deliveries of %v", sizes)
		}
	})
}

// The time limit counts from the oldest event that waits, not from the newest.
func TestTimeLimitCountsFromTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{}
		defer s.Close()
		join(t, s, "ext", to, functionLines+`,"buffering":{"timeoutMs":100}`)
		start := time.Now()
		for range 9 {
			s.Emit(line("x"))
			pass(30 * time.Millisecond)
		}
		pass(time.Second)
		if len(to.got) != 3 || to.got[0].at.Sub(start) != 100*time.Millisecond || len(to.got[0].records) != 4 {
			t.Errorf("deliveries: %v", to.got)
		}
	})
}

// Sources: TEL (types), RIE-LMI telemetry/relay.go (events from before a subscription), reference 3.7.
func TestReplayAndTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream(Options{})
		defer s.Close()
		emit := func(n string) {
			s.Emit(Event{Type: Start, Record: StartRecord{RequestID: n}})
			s.Emit(Event{Type: TypeExtension, Record: "extension " + n})
			s.Emit(line("function " + n))
		}
		var all, platform, late listener
		emit("1")
		join(t, s, "all", &all, `"types":["platform","function","extension"]`)
		emit("2")
		join(t, s, "platform", &platform, `"types":["platform"]`)
		join(t, s, "late", &late, `"types":["function","extension"]`)
		s.CloseSubscriptions()
		emit("3")
		pass(time.Hour)
		for _, c := range []struct {
			name string
			got  []string
			want string
		}{
			{"all", all.records(), "S1 extension 1 function 1 S2 extension 2 function 2 S3 extension 3 function 3"},
			{"platform", platform.records(), "S1 S2 S3"},
			{"late", late.records(), "extension 1 function 1 extension 2 function 2 extension 3 function 3"},
		} {
			got := strings.Join(c.got, " ")
			got = strings.NewReplacer(`platform.start {"requestId":"`, "S", `"}`, "").Replace(got)
			if got != c.want {
				t.Errorf("%s got %q, not %q", c.name, got, c.want)
			}
		}
	})
}

// The stream keeps no more for later subscribers than the smallest of them has room for, and tells the rest as
// lost to those whom it concerns.
func TestLongHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream(Options{})
		defer s.Close()
		const room = backlog * minItems
		for range room + 7 {
			s.Emit(line("x"))
		}
		var both, platform listener
		join(t, s, "both", &both, `"types":["platform","function"],"buffering":{"maxItems":1000}`)
		join(t, s, "platform", &platform, `"types":["platform"]`)
		pass(time.Hour)
		got := both.records()
		if len(got) != room+1 || !strings.Contains(got[room], `"droppedRecords":7`) {
			t.Errorf("%d events, the last is %s", len(got), got[len(got)-1])
		}
		if got := platform.records(); len(got) > 0 {
			t.Errorf("told of what it did not ask for: %s", got)
		}
	})
}

// Source: TEL ("Lambda retries to send telemetry (with backoff)"); a batch is delivered whole, and once.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{refuse: 10}
		defer s.Close()
		join(t, s, "ext", to, functionLines+`,"buffering":{"timeoutMs":25}`)
		s.Emit(line("one"))
		pass(50 * time.Millisecond)
		s.Emit(line("two")) // wakes the goroutine, and must not shorten its pause
		pass(time.Hour)
		var pauses []time.Duration
		for i := 1; i < len(to.tried); i++ {
			pauses = append(pauses, to.tried[i].Sub(to.tried[i-1])/time.Millisecond)
		}
		if want := []time.Duration{10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 0}; !reflect.DeepEqual(pauses, want) {
			t.Errorf("pauses between attempts are %d ms, not %d", pauses, want)
		}
		if len(to.got) != 2 || strings.Join(to.records(), " ") != "one two" {
			t.Errorf("deliveries: %v", to.got)
		}
	})
}

// Sources: TEL ("Lambda might drop records to keep memory utilization bounded … sends platform.logsDropped"),
// TELSCH; a listener that blocks delays its own deliveries only.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream(Options{})
		defer s.Close()
		slow, blind, other := &listener{blocked: make(chan struct{})}, &listener{blocked: make(chan struct{})}, &listener{}
		join(t, s, "slow", slow, `"types":["platform","function"],"buffering":{"maxItems":1000}`)
		join(t, s, "blind", blind, functionLines+`,"buffering":{"maxItems":1000}`)
		join(t, s, "other", other, `"types":["platform","function"]`)
		s.CloseSubscriptions()
		const room, lost = (backlog + 1) * 1000, 10
		for i := range room + lost {
			s.Emit(line(fmt.Sprintf("%05d", i)))
			if i == 1000 {
				synctest.Wait() // the first batch is on its way
			}
		}
		pass(time.Minute)
		if got := other.records(); len(got) != room+lost {
			t.Errorf("another subscriber has %d events", len(got))
		}
		if len(slow.got) > 0 {
			t.Errorf("the slow one has %d deliveries", len(slow.got))
		}
		close(slow.blocked)
		close(blind.blocked)
		pass(time.Minute)
		s.Emit(line("after"))
		pass(time.Minute)
		got := slow.records()
		if len(got) != room+2 || got[room-1] != fmt.Sprintf("%05d", room-1) || got[room+1] != "after" {
			t.Fatalf("the slow one has %d events, at last %s", len(got), got[len(got)-3:])
		}
		size := len(encode(Event{Type: TypeFunction, Record: "00000"}, false).text)
		want := fmt.Sprintf(`platform.logsDropped {"reason":%q,"droppedRecords":%d,"droppedBytes":%d}`, droppedReason, lost, lost*size)
		if got[room] != want {
			t.Errorf("told %s, not %s", got[room], want)
		}
		if got := blind.records(); len(got) != room+1 || got[room] != "after" {
			t.Errorf("who asked for no platform events has %d events, at last %s", len(got), got[len(got)-1])
		}
	})
}

// The buffer's bytes are bounded as its items are.
func TestOverflowOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := NewStream(Options{}), &listener{blocked: make(chan struct{})}
		defer s.Close()
		join(t, s, "slow", slow, `"types":["platform","function"]`)
		for range 40 {
			s.Emit(line(strings.Repeat("x", 128<<10)))
			synctest.Wait()
		}
		close(slow.blocked)
		pass(time.Minute)
		got := slow.records()
		// Two make a batch, backlog batches wait while one is on its way.
		const room = 2 * (backlog + 1)
		if len(got) != room+1 || !strings.Contains(got[room], fmt.Sprintf(`"droppedRecords":%d`, 40-room)) {
			t.Errorf("%d events, told %.200s", len(got), got[len(got)-1])
		}
	})
}

// pass lets time go by in a bubble, and all that it makes happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
