package intake

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/correlate"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A register knows the ids of the spans that were given in a life. None may come again, since nobody could tell the two apart.
type register map[event.SpanID]string

// take looks at what a round gave. What is late belongs to a span and is none.
func (g register) take(t *testing.T, invs []event.Invocation) {
	t.Helper()
	for _, inv := range invs {
		correlate.Apply(&inv, correlate.Environment{Instance: "instance"})
		what := fmt.Sprintf("%s, deadline %s, attempt %s", show(inv), inv.Deadline.UTC(), inv.Attempt.UTC())
		if inv.Late {
			continue
		}
		if first, twice := g[inv.Identity.Span]; twice {
			t.Errorf("%s has the ids of %s", what, first)
		}
		g[inv.Identity.Span] = what
	}
}

func (g register) look(final bool) step {
	return func(t *testing.T, _ string, in *Intake) string {
		t.Helper()
		r := in.Collect(final)
		in.Release(r)
		g.take(t, r.Invocations)
		said := ""
		for n, inv := range r.Invocations {
			if n > 0 {
				said += "; "
			}
			said += show(inv)
		}
		return said
	}
}

// TestAttemptsGetIdsOfTheirOwn: whoever tells of attempts at one request id, and whether anybody knows a deadline, no two of them get one span's ids.
func TestAttemptsGetIdsOfTheirOwn(t *testing.T) {
	g := register{}
	look, last := g.look(false), g.look(true)
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"told by Lambda alone, not announced, given together", []step{
			observe(started("A", 0), done("A", 1), started("A", 60), done("A", 61)), last,
		}, []string{"A; A"}},
		{"the same on Managed Instances, given one after the other", []step{
			observe(managed(), started("A", 0), report("A", 1)), look, observe(started("A", 60), report("A", 61)), look,
		}, []string{"A", "A"}},
		{"an earlier life left two, and the second knows no deadline", []step{
			write("A.17.1.done", process(17), beginUntil("A", 4), end("A")), write("A.17.2.done", process(17), begin("A"), end("A")), old("A.17.1.done"), old("A.17.2.done"), look,
		}, []string{"A; A"}},
		{"records without a deadline come before those of an older attempt", []step{
			announceUntil("A", 4), announceUntil("A", 100),
			write("A.16.1.done", process(16), end("A")), write("A.17.1.done", process(17), beginUntil("A", 4), end("A")), look,
		}, []string{"A; A"}},
		{"a hook's records come after its attempt was given, while the next one runs", []step{
			announceUntil("A", 4), observe(started("A", 0), done("A", 1)), look,
			announceUntil("A", 100), observe(started("A", 60)), write("A.17.1.done", process(17), beginUntil("A", 4), end("A")), look,
			write("A.17.2.done", process(17), beginUntil("A", 100), end("A")), look,
		}, []string{"A", "A late", "A lost:late-invocation:2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clear(g)
			walk(t, test.steps, test.want)
		})
	}
}

// TestLateIsOfItsAttempt: what comes late has the ids of the span that it belongs to, of two without a deadline too.
func TestLateIsOfItsAttempt(t *testing.T) {
	in := New(t.TempDir(), born)
	var spans []event.SpanID
	look := func() {
		for _, inv := range in.Collect(false).Invocations {
			correlate.Apply(&inv, correlate.Environment{Instance: "instance"})
			spans = append(spans, inv.Identity.Span)
		}
	}
	for _, f := range []event.Fact{managed(), started("A", 0), done("A", 1), started("A", 60), done("A", 61)} {
		in.Observe(f)
	}
	look()
	in.Observe(lineOf("A", 0.5, "of the first"))
	look()
	in.Observe(lineOf("A", 60.5, "of the second"))
	look()
	if len(spans) != 4 || spans[0] == spans[1] || spans[2] != spans[0] || spans[3] != spans[1] {
		t.Errorf("spans of two attempts, and of a line of each: %x", spans)
	}
}

// Parts of a byte of FuzzAttempts: what happens, and to which of the attempts at an id.
const (
	opAnnounce = iota
	opHook
	opOpen // a hook's file that is never renamed
	opChild
	opStart
	opDone
	opReport
	opLook
	ops
)

// FuzzAttempts: attempts at few request ids, of which hooks, their children and Lambda tell in any order, never give two spans with the same ids. Each tells of an attempt
// once, but Lambda's facts come as often as they like. knows says who knows deadlines: bit 0 announcements, bit 1 hooks; bit 2 makes a Managed Instance of it.
func FuzzAttempts(f *testing.F) {
	f.Add([]byte{opStart, opDone, opStart | 1<<4, opDone | 1<<4}, byte(0))
	f.Add([]byte{opAnnounce, opStart, opDone, opLook, opAnnounce | 1<<4, opHook, opLook, opHook | 1<<4, opLook}, byte(3))
	draw := rand.New(rand.NewPCG(1, 2)) // the same every time
	for n := range 200 {
		script := make([]byte, 40)
		for i := range script {
			script[i] = byte(draw.Uint32())
		}
		f.Add(script, byte(n))
	}
	f.Fuzz(func(t *testing.T, script []byte, knows byte) {
		p := &attempts{in: New(t.TempDir(), born), knows: knows, did: map[byte]bool{}, given: register{}}
		if knows&4 != 0 {
			p.in.Observe(managed())
		}
		for _, b := range script[:min(len(script), 64)] {
			p.do(t, b)
		}
		p.given.look(true)(t, p.in.dir, p.in)
	})
}

// attempts plays what FuzzAttempts thinks of.
type attempts struct {
	in    *Intake
	knows byte
	did   map[byte]bool
	given register
}

func (p *attempts) do(t *testing.T, b byte) {
	t.Helper()
	op, n := b%ops, b>>4&3
	id, start := string(rune('A'+b>>3&1)), 60*float64(n) // A or B
	if op == opOpen {
		b-- // a hook has one file
	}
	if op < opStart {
		if p.did[b&0x3f] {
			return
		}
		p.did[b&0x3f] = true
	}
	var deadline int64
	if p.knows&2 != 0 {
		deadline = at(start + 30).Unix()
	}
	switch op {
	case opAnnounce:
		a := Announcement{ID: id, At: at(start)}
		if p.knows&1 != 0 {
			a.Deadline = at(start + 30)
		}
		p.in.Announce(a)
	case opHook, opOpen:
		begun := beginUntil(id, deadline)
		begun.Time = at(start).UnixMicro()
		name := fmt.Sprintf("%s.%d.1.open", id, 17+n)
		put(t, p.in.dir, name, encode(t, true, process(17+int(n)), begun, end(id)))
		if op == opHook {
			rename(name)(t, p.in.dir, p.in)
		}
	case opChild:
		put(t, p.in.dir, fmt.Sprintf("%s.%d.1.done", id, 27+n), encode(t, true, process(27+int(n)), call(id, fmt.Sprint("27-", n))))
	case opStart:
		p.in.Observe(started(id, start))
	case opDone:
		p.in.Observe(done(id, start+1))
	case opReport:
		p.in.Observe(report(id, start+2))
	case opLook:
		p.given.look(false)(t, p.in.dir, p.in)
	}
}
