package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

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

var (
	tryLater = &export.Error{Status: 503, Retry: true}
	never    = &export.Error{Status: 400}
)

// A sender answers as it is told and keeps what it accepted.
type sender struct {
	answers []error
	result  export.Result
	sent    []string
	sends   int
}

func (s *sender) Send(_ context.Context, payload []byte) (export.Result, error) {
	s.sends++
	if len(s.answers) > 0 {
		err := s.answers[0]
		s.answers = s.answers[1:]
		if err != nil {
			return export.Result{}, err
		}
	}
	s.sent = append(s.sent, string(payload))
	return s.result, nil
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{answers: []error{tryLater, never, never}}
		m := &Memory{Sender: s, Log: zerolog.Nop()}
		var lost []event.Loss
		step := func(id string, last bool) {
			m.Add(deliver.Batch{Payload: []byte(id), Records: 1})
			lost = append(lost, m.Flush(t.Context(), last).Lost...)
		}
		step("A", false)
		step("B", false) // within the break
		if s.sends != 1 {
			t.Errorf("%d sends", s.sends)
		}
		time.Sleep(firstBreak)
		step("C", false) // refused at once and one by one
		step("D", true)
		if got := strings.Join(s.sent, " "); got != "BCD" || fmt.Sprint(lost) != "[{refused 1 1}]" {
			t.Errorf("sent %s, lost %v", got, lost)
		}
	})
}
