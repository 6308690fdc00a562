package lifecycle

import (
	"bytes"
	"testing"
	"time"
)

func TestPolicy(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	failed := func(times int, after time.Duration) (p Policy) {
		for range times {
			p = p.Failed(now, after)
		}
		return p
	}
	tests := []struct {
		name   string
		policy Policy
		moment Moment
		want   bool
	}{
		{"after an invocation", Policy{}, Moment{Now: now, Left: time.Second}, true},
		{"no time left", Policy{}, Moment{Now: now, Left: leastTime - 1}, false},
		{"no time left at the end", Policy{}, Moment{Now: now, Left: 0, Shutdown: true}, false},
		{"at the end", Policy{}, Moment{Now: now, Left: time.Second, Shutdown: true}, true},
		{"right after a failure", failed(1, 0), Moment{Now: now, Left: time.Second}, false},
		{"a moment after a failure", failed(1, 0), Moment{Now: now.Add(firstBreak), Left: time.Second}, true},
		{"right after a failure at the end", failed(1, 0), Moment{Now: now, Left: time.Second, Shutdown: true}, true},
		{"a moment after two failures", failed(2, 0), Moment{Now: now.Add(firstBreak), Left: time.Second}, false},
		{"two moments after two failures", failed(2, 0), Moment{Now: now.Add(2 * firstBreak), Left: time.Second}, true},
		{"long after many failures", failed(1000, 0), Moment{Now: now.Add(longestBreak), Left: time.Second}, true},
		{"not so long after many failures", failed(1000, 0), Moment{Now: now.Add(longestBreak - 1), Left: time.Second}, false},
		{"the collector asked for more", failed(1, time.Hour), Moment{Now: now.Add(longestBreak), Left: time.Second}, false},
		{"it works again", failed(5, time.Hour).Worked(), Moment{Now: now, Left: time.Second}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.policy.Flush(test.moment); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestPolicySaysWhetherToWait(t *testing.T) {
	now := time.Now()
	p := Policy{}.Failed(now, 0)
	for name, test := range map[string]struct {
		deadline time.Time
		want     bool
	}{
		"over before the break": {now.Add(firstBreak / 2), false},
		"over after the break":  {now.Add(2 * firstBreak), true},
		"no deadline":           {time.Time{}, true},
	} {
		if got := p.Waits(test.deadline); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !(Policy{}).Waits(now) {
		t.Error("without a failure it does not wait")
	}
}

func TestQueue(t *testing.T) {
	item := func(b byte, size int) rendered { return rendered{bytes.Repeat([]byte{b}, size), 1} }
	t.Run("batches", func(t *testing.T) {
		var q queue
		for _, b := range []byte("abc") {
			q.push(item(b, 2))
		}
		if p, n := q.batch(0, 2, 0); string(p) != "aabb" || n != 2 {
			t.Errorf("got %s %d", p, n)
		}
		if p, n := q.batch(0, 1, 0); string(p) != "aa" || n != 1 {
			t.Errorf("got %s %d", p, n)
		}
		q.remove(0, 2)
		if p, n := q.batch(0, 10, 0); string(p) != "cc" || n != 1 || q.bytes != 2 {
			t.Errorf("got %s %d, %d bytes", p, n, q.bytes)
		}
		q.remove(0, 1)
		if q.items != nil || q.bytes != 0 {
			t.Errorf("left: %v", q)
		}
	})
	t.Run("a batch is as large as it may be", func(t *testing.T) {
		var q queue
		for _, b := range []byte("abcd") {
			q.push(item(b, 10))
		}
		for _, want := range []int{10, 20, 10} {
			p, n := q.batch(0, 10, want+9)
			if len(p) != want {
				t.Errorf("%d bytes of %d items, want %d", len(p), n, want)
			}
			q.remove(0, n)
		}
	})
	t.Run("a batch is bounded, but for a single item", func(t *testing.T) {
		var q queue
		q.push(item('a', maxBatchBytes+1))
		q.push(item('b', maxBatchBytes))
		q.push(item('c', 1))
		for _, want := range []int{maxBatchBytes + 1, maxBatchBytes, 1} {
			p, n := q.batch(0, 10, 0)
			if len(p) != want || n != 1 {
				t.Errorf("%d bytes of %d items, want %d", len(p), n, want)
			}
			q.remove(0, n)
		}
	})
	t.Run("the oldest go first", func(t *testing.T) {
		var q queue
		var dropped []rendered
		for _, b := range []byte("abcde") {
			dropped = append(dropped, q.push(item(b, MaxQueueBytes/3))...)
		}
		if len(dropped) != 2 || dropped[0].payload[0] != 'a' || dropped[1].payload[0] != 'b' || q.bytes > MaxQueueBytes {
			t.Errorf("%d dropped, %d bytes kept", len(dropped), q.bytes)
		}
		if d := q.push(item('x', 2*MaxQueueBytes)); len(d) != 3 || len(q.items) != 1 {
			t.Errorf("an item larger than the queue: %d dropped, %d kept", len(d), len(q.items))
		}
	})
}
