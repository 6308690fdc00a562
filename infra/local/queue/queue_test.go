package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// function is a function that does what it is told, one word for every try, and remembers when. The last word is repeated.
type function struct {
	script []Verdict

	mu    sync.Mutex
	start time.Time
	at    []time.Duration
}

func (f *function) try(context.Context) Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	verdict := f.script[min(len(f.at), len(f.script)-1)]
	f.at = append(f.at, time.Since(f.start))
	switch verdict {
	case Succeeded:
		return Outcome{Verdict: verdict, Version: "$LATEST", Payload: []byte(`{"fine":true}`)}
	case Failed:
		return Outcome{Verdict: verdict, Version: "$LATEST", Payload: []byte(`{"errorMessage":"boom","errorType":"Boom"}`), FunctionError: "Unhandled"}
	}
	return Outcome{Verdict: verdict, Err: errors.New("Rate Exceeded.")}
}

// sent is a report that somebody got.
type sent struct {
	target string
	Report
}

// bench is a queue, what it sent and what it said.
type bench struct {
	*Queue
	mu   sync.Mutex
	sent []sent
	said []string
}

func newBench(t *testing.T, settings Settings, change func(*Options)) *bench {
	t.Helper()
	b := &bench{}
	opt := Options{
		AtOnce:   2,
		Settings: func(context.Context, Invocation) (Settings, error) { return settings, nil },
		Send: func(_ context.Context, target string, r Report) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, sent{target, r})
			return nil
		},
		Log: func(text string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.said = append(b.said, text)
		},
	}
	if change != nil {
		change(&opt)
	}
	b.Queue = New(t.Context(), opt)
	return b
}

func add(t *testing.T, b *bench, f *function) {
	t.Helper()
	f.start = time.Now()
	err := b.Add(Invocation{
		Function: "orders", ARN: "arn:aws:lambda:us-east-1:000000000000:function:orders", RequestID: "r-1", Payload: []byte(`{"order":1}`), Try: f.try,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Source: "How Lambda handles errors and retries with asynchronous invocation": two more tries, a minute and two minutes later;
// refusals are tried again from a second to five minutes apart, up to the event's age; no try without reserved concurrency.
func TestTries(t *testing.T) {
	tests := []struct {
		name      string
		script    []Verdict
		settings  Settings
		at        []time.Duration // all of them, or the first ones
		condition Condition
		tries     int
	}{
		{"success", []Verdict{Succeeded}, Defaults(), []time.Duration{0}, Success, 1},
		{"error", []Verdict{Failed}, Defaults(), []time.Duration{0, time.Minute, 3 * time.Minute}, RetriesExhausted, 3},
		{"success at last", []Verdict{Failed, Failed, Succeeded}, Defaults(), []time.Duration{0, time.Minute, 3 * time.Minute}, Success, 3},
		{"no retries", []Verdict{Failed}, Settings{MaxAge: time.Hour}, []time.Duration{0}, RetriesExhausted, 1},
		{"an age that the second retry would exceed", []Verdict{Failed}, Settings{Retries: 2, MaxAge: 90 * time.Second}, []time.Duration{0, time.Minute}, EventAgeExceeded, 2},
		{"refused for six hours", []Verdict{Refused}, Defaults(),
			[]time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second, 63 * time.Second, 127 * time.Second, 255 * time.Second,
				511 * time.Second, 811 * time.Second, 1111 * time.Second}, EventAgeExceeded, 0},
		{"refused, then done", []Verdict{Refused, Refused, Succeeded}, Settings{MaxAge: time.Minute}, []time.Duration{0, time.Second, 3 * time.Second}, Success, 1},
		{"refusals are no errors", []Verdict{Failed, Refused, Failed}, Settings{Retries: 1, MaxAge: time.Hour}, []time.Duration{0, time.Minute, 61 * time.Second}, RetriesExhausted, 2},
		{"no concurrency at all", []Verdict{Forbidden}, Defaults(), []time.Duration{0}, ZeroReservedConcurrency, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.settings.OnSuccess, test.settings.OnFailure, test.settings.DeadLetter = "good", "bad", "dead"
				b := newBench(t, test.settings, nil)
				f := &function{script: test.script}
				add(t, b, f)
				time.Sleep(7 * time.Hour) // no time goes by: it is synctest's
				synctest.Wait()
				f.mu.Lock()
				defer f.mu.Unlock()
				if got := f.at[:min(len(f.at), len(test.at))]; !slices.Equal(got, test.at) || len(f.at) > len(test.at) && test.condition != EventAgeExceeded {
					t.Errorf("tried %d times, at %v, want %v", len(f.at), got, test.at)
				}
				targets := []string{"bad", "dead"}
				if test.condition == Success {
					targets = []string{"good"}
				}
				var got []string
				for _, s := range b.sent {
					got = append(got, s.target)
					if s.Condition != test.condition || s.Tries != test.tries || s.RequestID != "r-1" || s.DeadLetter != (s.target == "dead") {
						t.Errorf("%s got %s after %d tries of %s", s.target, s.Condition, s.Tries, s.RequestID)
					}
				}
				for _, s := range b.sent {
					if after := s.Time.Sub(f.start); after > test.settings.MaxAge {
						t.Errorf("told after %s, when the age of %s was over", after, test.settings.MaxAge)
					}
				}
				if !slices.Equal(got, targets) {
					t.Errorf("sent to %v, want %v", got, targets)
				}
				b.Close(t.Context())
				if b.held != 0 || b.bytes != 0 || len(b.said) > 0 {
					t.Errorf("%d with %d bytes are still held; said %q", b.held, b.bytes, b.said)
				}
			})
		})
	}
}

func TestHasteShortensEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Settings{Retries: 2, MaxAge: time.Hour}, func(o *Options) { o.Haste = 60 })
		f := &function{script: []Verdict{Failed}}
		add(t, b, f)
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, time.Second, 3 * time.Second}; !slices.Equal(f.at, want) {
			t.Errorf("tried at %v, want %v", f.at, want)
		}
		if len(b.said) != 1 || !strings.Contains(b.said[0], "r-1") || !strings.Contains(b.said[0], "given up") {
			t.Errorf("said %q, want one line on what nobody hears of", b.said)
		}
		b.Close(t.Context())
	})
}

func TestAsManyAtOnceAsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Defaults(), nil)
		var mu sync.Mutex
		running, most, done := 0, 0, 0
		try := func(context.Context) Outcome {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			running--
			done++
			return Outcome{}
		}
		for i := range 7 {
			if err := b.Add(Invocation{Function: "orders", RequestID: fmt.Sprint(i), Try: try}); err != nil {
				t.Fatal(err)
			}
		}
		b.Close(t.Context())
		if most != 2 || done != 7 || len(b.functions) != 0 {
			t.Errorf("%d at once, %d of 7 done, %d lines left", most, done, len(b.functions))
		}
	})
}

func TestWhatIsHeldIsBounded(t *testing.T) {
	for _, test := range []struct {
		name        string
		held, bytes int
	}{{"number", maxHeld - 1, 0}, {"bytes", 0, maxHeldBytes - 10}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Defaults(), nil)
				b.held, b.bytes = test.held, test.bytes
				in := Invocation{Function: "orders", Payload: []byte(`12345678`), Try: func(ctx context.Context) Outcome {
					<-ctx.Done()
					return Outcome{Verdict: Refused, Err: ctx.Err()}
				}}
				if err := b.Add(in); err != nil {
					t.Error(err)
				}
				if err := b.Add(in); !errors.Is(err, ErrFull) {
					t.Errorf("got %v", err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				b.Close(ctx)
				if b.held != test.held || b.bytes != test.bytes {
					t.Errorf("%d with %d bytes are held at the end", b.held, b.bytes)
				}
			})
		})
	}
}

// What waits for another try is dropped, in one line; what can be tried at once is tried, and what runs is waited for.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Settings{Retries: 2, MaxAge: time.Hour, OnFailure: "bad"}, nil)
		for range 3 {
			add(t, b, &function{script: []Verdict{Failed}})
		}
		synctest.Wait() // all wait now
		var done bool
		slow := Invocation{Function: "slow", Try: func(context.Context) Outcome {
			time.Sleep(time.Second)
			done = true
			return Outcome{Verdict: Failed}
		}}
		if err := b.Add(slow); err != nil {
			t.Fatal(err)
		}
		b.Close(t.Context())
		if !done {
			t.Error("what ran was not waited for")
		}
		if len(b.said) != 1 || !strings.Contains(b.said[0], "4 asynchronous invocations") || len(b.sent) > 0 || b.held != 0 {
			t.Errorf("said %q, sent %d records, %d are held", b.said, len(b.sent), b.held)
		}
		if err := b.Add(slow); err == nil {
			t.Error("a closed queue takes more")
		}
	})
}

func TestCloseEndsWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Defaults(), func(o *Options) { o.AtOnce = 1 })
		in := Invocation{Function: "slow", Try: func(ctx context.Context) Outcome {
			<-ctx.Done()
			return Outcome{Verdict: Refused, Err: ctx.Err()}
		}}
		for range 2 { // one runs, one can
			if err := b.Add(in); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.Close(ctx)
		if len(b.said) != 1 || !strings.HasPrefix(b.said[0], "2 ") {
			t.Errorf("said %q", b.said)
		}
	})
}

func TestSettingsThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Settings{}, func(o *Options) {
			o.Settings = func(context.Context, Invocation) (Settings, error) { return Settings{}, errors.New("no answer") }
		})
		f := &function{script: []Verdict{Failed}}
		add(t, b, f)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(f.at) != 3 || len(b.said) != 2 || !strings.Contains(b.said[0], "no answer") {
			t.Errorf("tried at %v, said %q", f.at, b.said)
		}
		b.Close(t.Context())
	})
}

// Source: "Capturing records of Lambda asynchronous invocations": the record's fields.
func TestRecord(t *testing.T) {
	at := time.Date(2026, 11, 14, 18, 16, 5, 568_000_000, time.UTC)
	in := Invocation{ARN: "arn:aws:lambda:us-east-2:123456789012:function:orders", RequestID: "r-1", Payload: []byte(`{"ORDER_IDS":[1]}`)}
	aliased := in
	aliased.ARN += ":live"
	aliased.Payload = nil
	tests := []struct {
		name   string
		report Report
		want   string
	}{
		{"error", Report{Invocation: in, Condition: RetriesExhausted, Tries: 3, Time: at,
			Outcome: Outcome{Verdict: Failed, Version: "$LATEST", FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}},
			`{"version":"1.0","timestamp":"2026-11-14T18:16:05.568Z","requestContext":{"requestId":"r-1",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:orders:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},` +
				`"requestPayload":{"ORDER_IDS":[1]},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
				`"responsePayload":{"errorMessage":"boom"}}`},
		{"success of an alias, with text and without an event", Report{Invocation: aliased, Condition: Success, Tries: 1, Time: at,
			Outcome: Outcome{Version: "7", Payload: []byte("plain")}},
			`{"version":"1.0","timestamp":"2026-11-14T18:16:05.568Z","requestContext":{"requestId":"r-1",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:orders:live","condition":"Success","approximateInvokeCount":1},` +
				`"requestPayload":null,"responseContext":{"statusCode":200,"executedVersion":"7"},"responsePayload":"plain"}`},
		{"never seen by the function", Report{Invocation: in, Condition: ZeroReservedConcurrency, Time: at, Outcome: Outcome{Verdict: Forbidden}},
			`{"version":"1.0","timestamp":"2026-11-14T18:16:05.568Z","requestContext":{"requestId":"r-1",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:orders:$LATEST","condition":"ZeroReservedConcurrency","approximateInvokeCount":0},` +
				`"requestPayload":{"ORDER_IDS":[1]}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.report.Record()
			if err != nil || string(got) != test.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, test.want)
			}
			if !json.Valid(got) {
				t.Error("it is no JSON")
			}
		})
	}
}

func TestErrorOfADeadLetter(t *testing.T) {
	long := strings.Repeat("x", 2*maxErrorMessage)
	tests := []struct {
		name, want string
		status     int
		Outcome
	}{
		{"the function's", "boom", 200, Outcome{Verdict: Failed, Payload: []byte(`{"errorMessage":"boom"}`)}},
		{"the function's, long", long[:maxErrorMessage], 200, Outcome{Verdict: Failed, Payload: []byte(`{"errorMessage":"` + long + `"}`)}},
		{"a refusal", "Rate Exceeded.", 429, Outcome{Verdict: Refused, Err: errors.New("Rate Exceeded.")}},
		{"no try", "EventAgeExceeded", 429, Outcome{Verdict: Refused}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Report{Outcome: test.Outcome, Condition: EventAgeExceeded}
			if r.ErrorMessage() != test.want || r.StatusCode() != test.status {
				t.Errorf("got %d %q", r.StatusCode(), r.ErrorMessage())
			}
		})
	}
}
