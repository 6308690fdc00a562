package faults

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// lossRows are faults that come together: something is lost, and whoever could tell of it ends.
func lossRows() []row {
	const outbox = spoolDir + "-outbox"
	untold := setting{options: func(o *lambdalocal.Options) { o.NoTelemetry = true }}
	old := setting{options: untold.options, env: map[string]string{"AFTERGLOW_OUTBOX_AGE": "1s"}}
	small := setting{env: map[string]string{"AFTERGLOW_FLUSH": "end", "AFTERGLOW_LIMIT_BATCH_BYTES": "16384"}}
	return []row{
		{name: "refused, and killed before it is told", does: "The collector answers 400 once. Before there is anything that could tell of that, Lambda kills the extension with the function.",
			set: untold, judge: deaf, meant: waited, lost: []string{"refused"}, story: func(s *stage) {
				s.collector.Otherwise(otlptest.Answer{Status: 400})
				s.begin()
				s.busy(1)
				s.collector.Otherwise(otlptest.Answer{})
				s.invoke(get("/a"), step{"kill"})
				s.busy(2)
			}},
		{name: "too old, and killed before it is told", does: "An outage is longer than AFTERGLOW_OUTBOX_AGE, and then the same.",
			set: old, judge: deaf, meant: waited, lost: []string{"outbox-age"}, story: func(s *stage) {
				s.collector.Otherwise(otlptest.Answer{Status: 503})
				s.begin()
				s.busy(1)
				s.invoke(step{"sleep", 1.5})
				s.busy(1)
				s.collector.Otherwise(otlptest.Answer{})
				s.invoke(get("/a"), step{"kill"})
				s.busy(2)
			}, mayLose: []string{"undelivered"}},
		{name: "an outbox that nobody can remove from", does: "During an outage the function takes the right to write to the outbox's directory; then the collector is back, and the function is killed.",
			story: func(s *stage) {
				s.collector.Otherwise(otlptest.Answer{Status: 503})
				s.begin()
				s.busy(2)
				s.invoke(get("/a"), step{"forbid", outbox}, get("/b"))
				s.collector.Otherwise(otlptest.Answer{})
				s.invoke(step{"sleep", 3}) // for which it is left alone
				s.busy(2)
				s.invoke(get("/a"), step{"kill"})
				s.busy(2)
			}},
		{name: "no outbox, and killed while spans are not taken", does: "With AFTERGLOW_OUTBOX_BYTES=0 the collector answers 503 to spans alone until the function is killed: invocations that were counted before, and those that are, count once.",
			set: setting{env: map[string]string{"AFTERGLOW_OUTBOX_BYTES": "0", "AFTERGLOW_FLUSH": "end"}}, story: func(s *stage) {
				var down atomic.Bool
				s.in(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
					refuses := down.Load() && strings.HasSuffix(r.URL.Path, "/traces")
					if refuses {
						w.WriteHeader(http.StatusServiceUnavailable)
					}
					return refuses
				})
				s.begin()
				s.busy(3)
				down.Store(true)
				s.busy(2)
				s.invoke(get("/a"), step{"kill"})
				down.Store(false)
				s.busy(1)
			}, check: eachCounted},
		{name: "a spool that nobody can remove from", does: "The function takes the right to write to the spool's directory and is killed, twice: its hook can make no more files, and the extension can remove none.",
			untold: true, lost: []string{"untold"}, story: func(s *stage) {
				s.begin()
				s.busy(2)
				s.invoke(get("/a"), step{"forbid", spoolDir}, step{"kill"})
				s.invoke(step{"kill"})
				s.records-- // which its hook could neither write nor say
				s.busy(1)
			}},
		{name: "a backlog for the log of the smallest function", does: "With AFTERGLOW_UNDELIVERED=log and 128 MB the collector hangs for 60 invocations with large bodies: there is no time to write all of it.", data: "what was not written into the log is counted: `undelivered`",
			mayLose: []string{"undelivered"}, set: setting{memory: smallest, env: map[string]string{"AFTERGLOW_UNDELIVERED": "log"}}, story: func(s *stage) {
				s.collector.Otherwise(otlptest.Answer{Hang: true})
				s.begin()
				for range 60 {
					s.invoke(post("/a", 32000), post("/b", 32000), get("/bytes/32000"), get("/bytes/32000"))
				}
			}},
		{name: "no hook, no outbox, and killed in an outage", does: "With AFTERGLOW_OUTBOX_BYTES=0 and without a hook, the collector answers 503 until the function is killed: what Lambda told is in memory alone.",
			set: setting{unhooked: true, env: map[string]string{"AFTERGLOW_OUTBOX_BYTES": "0"}}, lost: []string{"undelivered"}, story: alone, check: func(s *stage, a account) {
				if n := len(s.calls) - len(a.spans); n != 4 || a.counted["undelivered"] != 2*n {
					s.Errorf("%d invocations have no span, and counted are %v", n, a.counted)
				}
			}},
		{name: "no hook, no outbox, and killed in an outage, with the log", does: "The same, with AFTERGLOW_UNDELIVERED=log.", inLog: true,
			set: setting{unhooked: true, env: map[string]string{"AFTERGLOW_OUTBOX_BYTES": "0", "AFTERGLOW_UNDELIVERED": "log"}}, story: func(s *stage) {
				alone(s)
				s.records = 0
			}},
		{name: "an outage, killed, and no end of it", does: "The collector answers 503 to everything, and the function is killed: what waits is more than one request, and most of it is read by nobody after that.",
			set: small, lost: []string{"undelivered"}, story: unread},
		{name: "an outage, killed, and the outbox deleted", does: "The same, and then the function deletes the outbox and the collector is back.",
			set: small, lost: []string{"outbox-gone"}, story: func(s *stage) {
				unread(s)
				s.invoke(step{"remove", outbox})
				s.collector.Otherwise(otlptest.Answer{})
				s.busy(2)
			}},
		{name: "deadlines by another clock", does: "Every deadline that Lambda gives was an hour ago, by the function's clock.",
			set: setting{between: &between{event: func(event map[string]any) {
				if _, has := event["deadlineMs"]; has {
					event["deadlineMs"] = time.Now().Add(-time.Hour).UnixMilli()
				}
			}}}, story: func(s *stage) {
				s.begin()
				s.busy(20)
			}},
	}
}

// alone is the story of a function without a hook that is killed while nobody collects. It makes no records; the four spans that are lost count two each.
func alone(s *stage) {
	s.collector.Otherwise(otlptest.Answer{Status: 503})
	s.begin()
	s.busy(3)
	s.invoke(get("/a"), step{"kill"})
	s.collector.Otherwise(otlptest.Answer{})
	s.busy(3)
	s.records, s.open = 2*4, 0
}

// unread is the story of an outbox that is larger than one request, in an outage that goes on after the function is killed: its next process reads the first file alone.
func unread(s *stage) {
	s.collector.Otherwise(otlptest.Answer{Status: 503})
	s.begin()
	for range 8 {
		s.invoke(post("/a", 32000), post("/b", 32000), get("/bytes/32000"))
	}
	s.invoke(get("/a"), step{"kill"})
	s.busy(1)
}

// eachCounted asserts that metrics count each invocation once.
func eachCounted(s *stage, _ account) {
	s.Helper()
	n := 0.0
	for _, p := range s.collector.Points() {
		if p.Name == "faas.invocations" || p.Name == "faas.errors" || p.Name == "faas.timeouts" {
			n += p.Value
		}
	}
	if n != float64(len(s.calls)) {
		s.Errorf("metrics count %v invocations of %d", n, len(s.calls))
	}
}
