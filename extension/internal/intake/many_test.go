package intake

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// rounds collects until nothing is left.
func rounds(t *testing.T, in *Intake, final bool) (all []event.Invocation, lost []event.Loss) {
	t.Helper()
	for n := 0; ; n++ {
		r := in.Collect(final)
		in.Release(r)
		all, lost = append(all, r.Invocations...), append(lost, r.Lost...)
		if !r.More {
			return all, lost
		}
		if n > 1000 {
			t.Fatal("the rounds do not end")
		}
	}
}

// TestOneSpanForEachAttempt: whatever of announcements, facts, hooks' files and looks at the directory comes first, is doubled or is missing, each attempt at an
// invocation is given once, and its hook's calls are not lost.
func TestOneSpanForEachAttempt(t *testing.T) {
	const attempts = 12
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 5))
		chance := func(percent int) bool { return random.IntN(100) < percent }
		dir := t.TempDir()
		in := New(dir, born)
		want, hooked := map[string]int{}, 0
		got, calls := map[string]int{}, 0
		take := func(final bool) {
			invs, _ := rounds(t, in, final)
			for _, inv := range invs {
				calls += len(inv.Calls)
				if !inv.Late {
					got[inv.ID]++
				}
			}
		}
		var late []event.Fact
		for n := range attempts {
			id := fmt.Sprintf("R%d", n)
			if n > 3 && chance(20) {
				id = fmt.Sprintf("R%d", n-3) // another attempt
			}
			want[id]++
			second := float64(60 * n)
			in.Announce(Announcement{ID: id, At: at(second), Deadline: at(second + 3)})
			facts := []event.Fact{started(id, second), done(id, second+1)}
			name := fmt.Sprintf("%s.17.%d", id, n+1)
			withHook := chance(70)
			if withHook {
				hooked++
				b := begin(id)
				b.Deadline = at(second + 3).UnixMilli()
				put(t, dir, name+".open", encode(t, true, process(17), b, call(id, fmt.Sprintf("17-%d", n))))
				if chance(30) {
					take(false)
				}
				appendTo(name+".open", callEnd(id, fmt.Sprintf("17-%d", n)), end(id))(t, dir, in)
			}
			if chance(20) {
				facts = append(facts, facts...)
			}
			if withHook && chance(15) {
				facts = nil // Lambda dropped them
			}
			for _, f := range slices.Concat(late, facts) {
				in.Observe(f)
			}
			late = []event.Fact{report(id, second+2)}
			if withHook && chance(30) {
				take(false) // the rename comes after the end was told
			}
			if withHook {
				rename(name+".open")(t, dir, in)
			}
			if chance(60) {
				take(false)
			}
		}
		take(true)
		for id, n := range want {
			if got[id] != n {
				t.Errorf("seed %d: %s was given %d times of %d", seed, id, got[id], n)
			}
		}
		if len(got) != len(want) || calls != hooked {
			t.Errorf("seed %d: %d invocations of %d, %d calls of %d", seed, len(got), len(want), calls, hooked)
		}
	}
}

// TestThousandsBetweenTwoLooks: every one is given once, in rounds that are bounded, whoever tells of them.
func TestThousandsBetweenTwoLooks(t *testing.T) {
	const many = 5000
	for name, hooked := range map[string]bool{"with hooks": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			in := manyInvocations(t, many, hooked)
			begun := time.Now()
			all, lost := rounds(t, in, false)
			t.Logf("%d invocations in %v", len(all), time.Since(begun))
			seen := map[string]bool{}
			for _, inv := range all {
				seen[inv.ID] = true
				if inv.ARN == "" || inv.Late || inv.Open || inv.Platform.Report == nil || inv.Duration == 0 {
					t.Fatalf("%+v", inv)
				}
			}
			if len(seen) != many || len(all) != many || len(lost) != 0 {
				t.Errorf("%d of %d, lost %v", len(seen), len(all), lost)
			}
			if m := &in.join.memory; len(m.pending) != 0 || len(m.recent) != MaxRecent || len(m.byID) != MaxRecent || len(m.gone) != MaxGone {
				t.Errorf("remembers %d, %d, %d and %d", len(m.pending), len(m.recent), len(m.byID), len(m.gone))
			}
			for n := range many - MaxGone + 1 { // what is forgotten is not given again either, as long as it is remembered that it was
				in.Observe(started(fmt.Sprintf("R%d", many-1-n), float64(n)))
				in.Observe(done(fmt.Sprintf("R%d", many-1-n), float64(n)+1))
			}
			if again, _ := rounds(t, in, true); len(again) != 0 {
				t.Errorf("%d are given again: %s", len(again), show(again[0]))
			}
		})
	}
}

// manyInvocations has an Intake told of many, which end in the spool too if they are hooked.
func manyInvocations(t testing.TB, many int, hooked bool) *Intake {
	dir := t.TempDir()
	in := New(dir, born)
	for n := range many {
		id := fmt.Sprintf("R%d", n)
		in.Announce(Announcement{ID: id, ARN: "arn", At: at(float64(n))})
		if hooked {
			put(t, dir, fmt.Sprintf("%s.17.%d.done", id, n+1), encode(t, true, process(17), begin(id), end(id)))
		}
	}
	for n := range many {
		id := fmt.Sprintf("R%d", n)
		in.Observe(started(id, float64(n)))
		in.Observe(done(id, float64(n)+0.5))
		in.Observe(report(id, float64(n)+0.6))
	}
	return in
}

// TestMoreInvocationsThanAreKnown: what is told of those that had to make room is counted.
func TestMoreInvocationsThanAreKnown(t *testing.T) {
	in := manyInvocations(t, MaxKnown+7, false)
	all, _ := rounds(t, in, true)
	lost := int64(0)
	for _, inv := range all {
		for _, l := range inv.Lost {
			if l.Reason == LossTooManyTold {
				lost += l.Records
			}
		}
	}
	if len(all) != MaxKnown || lost != 7 {
		t.Errorf("%d given, %d lost", len(all), lost)
	}
}

// TestAnnouncementsAloneAreForgotten: without telemetry and hooks, nothing piles up.
func TestAnnouncementsAloneAreForgotten(t *testing.T) {
	in := New(t.TempDir(), born)
	for n := range 1000 {
		in.Announce(Announcement{ID: fmt.Sprint(n)})
		if n%100 == 99 {
			in.Collect(false)
		}
	}
	if m := &in.join.memory; len(m.pending) != MaxRecent || len(m.byID) != MaxRecent {
		t.Errorf("remembers %d and %d", len(m.pending), len(m.byID))
	}
}

func BenchmarkCollect5000(b *testing.B) {
	for _, hooked := range []bool{true, false} {
		b.Run(fmt.Sprintf("hooked=%v", hooked), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				in := manyInvocations(b, 5000, hooked)
				b.StartTimer()
				for more := true; more; {
					r := in.Collect(false)
					in.Release(r)
					more = r.More
				}
			}
		})
	}
}
