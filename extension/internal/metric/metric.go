// Package metric counts what became of invocations and what they cost, without an SDK.
//
// It takes invocations as intake gives them and facts as Lambda tells them, of which it reads numbers and fixed words alone, and gives the
// bytes of an ExportMetricsServiceRequest. docs/metrics.md has the instruments, and for each the one place that its numbers come from:
//
//   - An invocation is counted when intake gives it, which is once, whoever told of it: as success, error or timeout, with its duration and
//     whether it waited for its environment to be set up.
//   - What it cost is counted when its report comes, which may be an invocation later, in the next life of the environment, or never.
//   - An init is counted when Lambda tells that it ended. Those of a snapshot are stale and count for nothing.
//
// It promises that nothing counts twice, whatever is told late, twice or not at all; that an invocation which could still turn out to have failed
// is held back for one collection at most; and that what it keeps is bounded.
package metric

import (
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

// Types of environments, as AWS_LAMBDA_INITIALIZATION_TYPE and the Telemetry API name them. Any other is set up for its first invocation.
const (
	typeProvisioned = "provisioned-concurrency"
	typeSnapStart   = "snap-start"
	typeManaged     = "lambda-managed-instances"
)

// phaseInvoke is the phase of an init that happens within an invocation, after a reset or after an init that failed.
const phaseInvoke = "invoke"

// What intake gives under these ids is no invocation (spool/FORMAT.md): what ran without one, or before any.
const (
	idInit = "init"
	idNone = "none"
)

const (
	// mostWaiting invocations are held back, more than run side by side in one environment on Managed Instances. The oldest goes first.
	mostWaiting = 256
	// mostReports are remembered, to know one that is told again. Lambda sends what was not taken again at once.
	mostReports = 64
)

// Options are what a Meter is told of the function and of what is wanted.
type Options struct {
	Resource   span.Resource
	Process    func(event.Process) mask.Process // mask.Masker.Process
	Account    string                           // of AWS, if it is known before the first invocation
	InitType   string                           // AWS_LAMBDA_INITIALIZATION_TYPE
	Arch       string                           // runtime.GOARCH: the extension's is the function's
	GBSecond   float64                          // dollars, in place of the list price; 0 for that
	Interval   time.Duration                    // shortest time between two collections
	Cumulative bool                             // totals since the start, in place of deltas
	Born       time.Time                        // when this process began: nothing is said to have been counted before
}

// A Meter counts. It is for one goroutine at a time.
type Meter struct {
	options Options
	price   price
	origin  span.Origin
	masked  bool   // origin holds what a hook told
	random  string // stands for the environment's name where nobody has told it
	memory  int64  // bytes that the function has

	instruments [numInstruments]instrument
	counted     totals

	told     bool // Lambda tells facts
	inits    bool // an init was counted
	restores bool // a restore was counted
	waiting  []waiting
	reports  [mostReports]report
	reported int

	rounds    int       // of Collect
	worth     bool      // something was counted that is worth a request
	changed   bool      // something was counted, or waits, that neither Peek nor Collect has given
	since     time.Time // what is counted happened after
	start     time.Time // of all series, where they are totals
	collected time.Time
}

// A waiting invocation is counted as soon as Lambda has said how it ended.
type waiting struct {
	id       string
	ending   ending // unless Lambda says otherwise
	duration time.Duration
	cold     bool
	round    int
}

// A report that was counted. A second attempt at an invocation has the same id, and is reported at another time.
type report struct {
	id   string
	time time.Time
}

// New makes a Meter that has counted nothing.
func New(o Options) *Meter {
	return &Meter{
		options: o, price: priceOf(o), instruments: table(),
		origin: span.Origin{Account: digits(o.Account)}, memory: o.Resource.Memory * bytesPerMB,
	}
}

// Invocation counts an invocation and what was lost of it.
func (m *Meter) Invocation(inv event.Invocation) {
	m.changed = true
	for _, l := range inv.Lost {
		m.Lost(l)
	}
	if inv.Late || inv.ID == idInit || inv.ID == idNone {
		return
	}
	m.learn(inv.Process, inv.ARN)
	m.begin(inv.Start)
	w := waiting{id: inv.ID, duration: lasted(inv), cold: m.isCold(inv), round: m.rounds}
	end, sure := endingOf(inv)
	if w.ending = end; sure || !m.told {
		m.settle(w)
		return
	}
	if len(m.waiting) >= mostWaiting {
		m.settle(m.waiting[0])
		m.waiting = append(m.waiting[:0], m.waiting[1:]...)
	}
	m.waiting = append(m.waiting, w)
}

// isCold tells whether an invocation had to wait for its environment. What is set up before there is an invocation keeps none waiting.
func (m *Meter) isCold(inv event.Invocation) bool {
	if m.options.InitType == typeManaged || m.options.InitType == typeProvisioned {
		return false
	}
	r := inv.Platform.Report
	return inv.Cold || r != nil && (r.Init > 0 || r.Restore > 0)
}

// settle counts an invocation for good.
func (m *Meter) settle(w waiting) {
	m.worth, m.changed = true, true
	m.counted.invocation(w, m.instruments[invokeDuration].bounds)
}

// Fact counts what Lambda told.
func (m *Meter) Fact(f event.Fact) {
	m.told, m.changed = true, true
	if f.Instance != "" && m.origin.LogStream == "" && m.options.Process != nil {
		of := m.options.Process(event.Process{Env: map[string]string{envLogStream: f.Instance}})
		m.origin.LogStream = of.LogStream.String()
	}
	switch f.Kind {
	case event.FactInitReport:
		m.initialised(f.InitType, f.Phase, f.Time, f.Duration)
	case event.FactRestoreDone:
		m.restored(f.Time, f.Duration)
	case event.FactDone:
		m.ended(f)
	case event.FactReport:
		m.report(f)
	}
}

// initialised counts an init. In an environment that was made of a snapshot its init was another one's, long ago, though Lambda tells of it again.
func (m *Meter) initialised(initType, phase string, at time.Time, took time.Duration) {
	if took <= 0 || phase != phaseInvoke && (initType == typeSnapStart || m.options.InitType == typeSnapStart) {
		return
	}
	m.inits = true
	m.begin(at)
	m.observe(initDuration, took.Seconds())
}

func (m *Meter) restored(at time.Time, took time.Duration) {
	if took <= 0 || m.restores { // an environment is restored once
		return
	}
	m.restores = true
	m.begin(at)
	m.observe(restoreDuration, took.Seconds())
}

// ended settles the invocation that Lambda tells the end of, if it waits for that.
func (m *Meter) ended(f event.Fact) {
	for i := range m.waiting {
		w := m.waiting[i]
		if w.id != f.ID {
			continue
		}
		m.waiting = append(m.waiting[:i], m.waiting[i+1:]...)
		w.ending = w.ending.told(f.Status, f.ErrorType)
		if w.duration <= 0 {
			w.duration = f.Duration
		}
		m.settle(w)
		return
	}
}

// report counts what an invocation cost. Its Billed holds what the init cost (since August 2025), its MemoryUsed is the most that the environment has used so far.
func (m *Meter) report(f event.Fact) {
	for _, r := range m.reports {
		if r.id == f.ID && r.time.Equal(f.Time) {
			return
		}
	}
	m.reports[m.reported%mostReports] = report{f.ID, f.Time}
	m.reported++
	m.begin(f.Time)
	m.ended(f)
	m.worth = true
	if f.MemorySize > 0 {
		m.memory = f.MemorySize
	}
	if !m.inits {
		m.initialised("", "", f.Time, f.Init)
	}
	m.restored(f.Time, f.Restore)
	if f.Billed > 0 {
		m.counted.counters[billedDuration].add("", f.Billed.Seconds())
	}
	if f.MemoryUsed > 0 {
		m.observe(memUsage, float64(f.MemoryUsed))
	}
	if f.Overhead > 0 {
		m.observe(extensionOverhead, f.Overhead.Seconds())
	}
	m.counted.counters[cost].add("", m.price.of(f.Billed, m.memory))
}

// Lost counts what nobody will get. What an invocation carries is counted with it.
func (m *Meter) Lost(l event.Loss) {
	m.begin(time.Now())
	m.worth, m.changed = true, true
	if l.Records > 0 {
		m.counted.counters[lostRecords].add(l.Reason, float64(l.Records))
	}
	if l.Bytes > 0 {
		m.counted.counters[lostBytes].add(l.Reason, float64(l.Bytes))
	}
}

// begin notes when something happened that is counted: before it begins what the first collection is about, though not before this process did.
func (m *Meter) begin(at time.Time) {
	if !m.collected.IsZero() {
		return
	}
	if at.IsZero() {
		at = time.Now()
	}
	if at.Before(m.options.Born) {
		at = m.options.Born
	}
	if m.since.IsZero() || at.Before(m.since) {
		m.since = at.Round(0)
	}
}

// Dropped counts what limits left out of an invocation.
func (m *Meter) Dropped(d mask.Dropped) {
	for _, k := range [...]struct {
		kind string
		n    int
	}{
		{"unknown", d.Unknown}, {"bodies", d.Bodies}, {"headers", d.Headers}, {"attributes", d.Attributes},
		{"links", d.Links}, {"messages", d.Messages}, {"calls", d.Calls}, {"lines", d.Lines},
	} {
		if k.n > 0 {
			m.changed = true
			m.counted.counters[droppedItems].add(k.kind, float64(k.n))
		}
	}
	if d.Bytes > 0 {
		m.changed = true
		m.counted.counters[droppedBytes].add("", float64(d.Bytes))
	}
}

func (m *Meter) observe(i int, v float64) {
	m.counted.histograms[i-numCounters].observe(m.instruments[i].bounds, v)
}
