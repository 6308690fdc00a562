package otlptest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// FlowOptions say how WriteFlow prints. The zero value is 100 columns, colour on a terminal only, no bodies.
type FlowOptions struct {
	Width  int   // columns; default 100, the least is 60
	Color  Color // default: by the writer
	Bodies bool  // show requests and responses, each cut to one line
}

// Color says whether to colour.
type Color int

// ColorAuto colours for a terminal, unless NO_COLOR is set or TERM is "dumb".
const (
	ColorAuto Color = iota
	ColorAlways
	ColorNever
)

const (
	defaultWidth = 100
	leastWidth   = 60 // below, the columns at the right would leave no room for a name

	durationWidth = 10 // what duration prints
	frameLines    = 3  // of a stack trace: enough to see where, short enough to keep the tree together
)

// WriteFlow prints spans as trees, one a flow: who called whom, how long, which message led to which invocation, and what
// failed. It knows nothing but the spans. What was exported twice is shown once and said; what hangs on a span that was not
// received is shown at the top and said.
func WriteFlow(w io.Writer, spans []Span, opt FlowOptions) error {
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	p := &printer{
		out:   bufio.NewWriter(w),
		opt:   opt,
		width: max(opt.Width, leastWidth),
		color: opt.Color == ColorAlways || opt.Color == ColorAuto && isTerminal(w),
	}
	flows := buildFlows(spans)
	for i, fl := range flows {
		p.flow(fl, i+1, len(flows))
	}
	p.legend(flows)
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write flow: %w", err)
	}
	return nil
}

// Flows groups spans into flows as WriteFlow does, the earliest first. Within a flow they are in the order given.
func Flows(spans []Span) [][]Span {
	ofTrace := map[string]int{}
	flows := buildFlows(spans)
	for i, fl := range flows {
		for _, n := range fl.nodes {
			ofTrace[n.span.TraceID] = i
		}
	}
	groups := make([][]Span, len(flows))
	for _, span := range spans {
		i := ofTrace[span.TraceID]
		groups[i] = append(groups[i], span)
	}
	return groups
}

type printer struct {
	out   *bufio.Writer
	opt   FlowOptions
	width int
	color bool
}

func (p *printer) print(l line) {
	fmt.Fprintln(p.out, l.cut(p.width).render(p.color)) // Flush tells of errors
}

// row prints text with a duration at the right edge and, where there is room, an id left of it: all of it, else its beginning.
func (p *printer) row(l line, id string, took string) {
	room := p.width - durationWidth - 1
	l = l.cut(room)
	used := l.width()
	for _, id := range []string{clean(id), short(id)} {
		if gap := room - 1 - used - width(id); id != "" && gap >= 2 {
			l = l.add(plain, "%s", strings.Repeat(" ", gap)).add(dim, "%s", id)
			used = room - 1
			break
		}
	}
	l = l.add(plain, "%*s", p.width-used, took)
	p.print(l)
}

func (p *printer) flow(fl flow, number, of int) {
	start, end := fl.nodes[0].span.Start, fl.nodes[0].span.End
	failed := false
	for _, n := range fl.nodes {
		if n.span.Start.Before(start) {
			start = n.span.Start
		}
		if n.span.End.After(end) {
			end = n.span.End
		}
		failed = failed || n.span.StatusCode == StatusError
	}
	verdict, s := "ok", styleGood
	if failed {
		verdict, s = "failed", styleError
	}
	left := line{}.add(dim, "━━ ").add(bold, "flow %d of %d", number, of).add(dim, " ━━ trace %s ━━", fl.roots[0].span.TraceID)
	right := line{}.add(dim, " ").add(s, "%s", verdict).add(dim, " ━━ ").add(bold, "%s", spell(end.Sub(start))).add(dim, " ━━")
	fill := max(0, p.width-left.width()-right.width())
	p.print(append(left.add(dim, "%s", strings.Repeat("━", fill)), right...))
	for _, root := range fl.roots {
		p.print(nil)
		p.root(root)
	}
	p.print(nil)
}

func (p *printer) root(n *node) {
	p.unplaced(n, "")
	if isInvocation(n.span) {
		p.invocation(n, "", "")
		return
	}
	p.call(n, "", "")
}

// unplaced says what else a span named as its cause and could not be shown so. A caller that sends no spans is the rule where a
// flow begins; a message that nobody sent is not.
func (p *printer) unplaced(n *node, indent string) {
	caller := n.missing
	for _, link := range n.unknown {
		if linkedMessage(link) == link.SpanID {
			caller = link.SpanID
			continue
		}
		p.print(line{}.add(dim, "%s", indent).
			add(styleNote, "↳ %s of span %s, which was not received", linkName(link), link.SpanID))
	}
	if caller != "" && n.parent == nil {
		p.print(line{}.add(dim, "%scalled from outside", indent))
	}
	if n.cycle {
		p.print(line{}.add(dim, "%s", indent).add(styleNote, "names itself, or what it led to, as its cause"))
	}
}

// legend closes the output: what the signs mean, and the totals.
func (p *printer) legend(flows []flow) {
	var invocations, calls, messages, errors, cold, copies int
	for _, fl := range flows {
		for _, n := range fl.nodes {
			switch {
			case n.ghost, isInvocation(n.span) && n.parent != nil && !n.isReceived():
				// A ghost was not received; a processing step inside an invocation is neither.
			case isInvocation(n.span):
				invocations++
			case !n.isMessage():
				calls++
			}
			if !isInvocation(n.span) && messageID(n.span) != "" {
				messages++
			}
			if n.span.StatusCode == StatusError {
				errors++
			}
			if n.span.Attributes["faas.coldstart"] == true {
				cold++
			}
			copies += n.copies - 1
		}
	}
	p.print(line{}.add(styleName, "λ").add(dim, " invocation  ├─ call  ").add(styleMsg, "↳").
		add(dim, " led to  ").add(styleError, "✗").add(dim, " failed  ").add(styleMask, masked).
		add(dim, " hidden before export  right: request id, duration"))
	s := plain
	if errors > 0 {
		s = styleError
	}
	total := line{}.add(bold, "%s", plural(len(flows), "flow")).add(dim, ": ").
		add(plain, "%s, %s, %s, ", plural(invocations, "invocation"), plural(calls, "call"), plural(messages, "message")).
		add(s, "%s", plural(errors, "error")).add(plain, ", %s", plural(cold, "cold start"))
	if copies > 0 {
		total = total.add(styleNote, ", %s received again", plural(copies, "span"))
	}
	p.print(total)
}

// waited says how long a message lay before its invocation began. Two processes on two machines have two clocks: a
// message that seems received before it was sent tells about those.
func waited(sender, receiver Span) (text string, skewed bool) {
	if receiver.Start.Before(sender.Start) {
		return fmt.Sprintf("starts %s before its cause: clocks differ", spell(sender.Start.Sub(receiver.Start))), true
	}
	// The answer to the sender may well come after the receiver started.
	return "picked up after " + spell(max(time.Duration(0), receiver.Start.Sub(sender.End))), false
}
