package otlptest

import (
	"cmp"
	"slices"
)

// A node is a received span in its place in a flow. A ghost stands for an invocation whose own span was not received
// although spans below it were: its span holds the service and the ids, and nothing else.
type node struct {
	span    Span
	ghost   bool
	copies  int   // how often the span was received
	parent  *node // what it hangs under, by parent id or link
	linked  bool  // it hangs there by a link
	below   []*node
	trigger Link // the link that it hangs by, or its first link when none led anywhere

	missing   string  // id of a parent that was not received
	unknown   []Link  // links to spans that were not received
	also      []Link  // further links: what else the invocation handled
	elsewhere []*node // on a message: the invocations that handled it and hang elsewhere
	cycle     bool    // hanging it where it belongs would have closed a circle
	stranger  bool    // the link named the span, but in another trace
}

type spanKey struct{ trace, span string }

// A flow is everything that belongs together, as trees.
type flow struct {
	roots []*node
	nodes []*node
}

// forest places spans.
type forest struct {
	nodes  []*node // in order of start, then of arrival
	byKey  map[spanKey]*node
	bySpan map[string][]*node
	ghosts map[spanKey]*node
	joined map[string]string // trace → trace it was joined with; a root is its own
}

// buildFlows groups spans into flows, the earliest first.
func buildFlows(spans []Span) []flow {
	f := &forest{
		byKey:  map[spanKey]*node{},
		bySpan: map[string][]*node{},
		ghosts: map[spanKey]*node{},
		joined: map[string]string{},
	}
	f.add(spans)
	// The latest first: when causes form a circle, the last one placed is refused its cause, and that should be the earliest.
	for _, n := range slices.Backward(slices.Clone(f.nodes)) { // cloned, because the loop adds ghosts
		f.placeByParent(n)
	}
	for _, n := range slices.Backward(f.nodes) {
		f.placeByLinks(n)
	}
	for _, n := range f.nodes {
		if n.parent != nil {
			n.parent.below = append(n.parent.below, n)
		}
	}
	return f.flows()
}

func (f *forest) add(spans []Span) {
	for _, span := range spans {
		key := spanKey{span.TraceID, span.SpanID}
		if seen := f.byKey[key]; seen != nil {
			seen.copies++
			continue
		}
		n := &node{span: span, copies: 1}
		f.byKey[key] = n
		f.bySpan[span.SpanID] = append(f.bySpan[span.SpanID], n)
		f.nodes = append(f.nodes, n)
	}
	slices.SortStableFunc(f.nodes, byStart)
}

func byStart(a, b *node) int { return a.span.Start.Compare(b.span.Start) }

// placeByParent hangs a span under its parent. A call whose parent is missing goes under a ghost, together with
// the other calls of that parent, so that the reader sees which function made them.
func (f *forest) placeByParent(n *node) {
	if n.span.ParentID == "" {
		return
	}
	key := spanKey{n.span.TraceID, n.span.ParentID}
	parent := f.byKey[key]
	if parent == nil && isInvocation(n.span) {
		n.missing = n.span.ParentID
		return
	}
	if parent == nil {
		parent = f.ghost(key, n.span)
	}
	if under(parent, n) {
		n.cycle = true
		return
	}
	n.parent = parent
}

func (f *forest) ghost(key spanKey, child Span) *node {
	if g := f.ghosts[key]; g != nil {
		return g
	}
	g := &node{ghost: true, copies: 1, span: Span{
		Resource: child.Resource,
		TraceID:  key.trace,
		SpanID:   key.span,
		Name:     child.Service(),
		Kind:     Server,
		Start:    child.Start,
		End:      child.Start,
	}}
	f.ghosts[key] = g
	f.nodes = append(f.nodes, g)
	return g
}

// placeByLinks hangs the invocation that a span belongs to under the first message that it links to.
func (f *forest) placeByLinks(n *node) {
	top := n
	for top.parent != nil && !top.linked && !top.isReceived() {
		top = top.parent
	}
	for _, link := range n.span.Links {
		target, exact := f.target(link)
		if target == nil {
			top.unknown = append(top.unknown, link)
			continue
		}
		f.join(n.span.TraceID, target.span.TraceID)
		switch {
		case top.parent == target || n.parent == target:
			// It hangs there already, by its parent id or by the same link given twice.
		case under(target, top):
			top.cycle = true
		case top.parent == nil:
			top.parent, top.linked, top.trigger, top.stranger = target, true, link, !exact
		default:
			top.also = append(top.also, link)
			target.elsewhere = append(target.elsewhere, top)
		}
	}
}

// target finds the span that a link names; failing that, the only span of that id in another trace.
func (f *forest) target(link Link) (found *node, exact bool) {
	if n := f.byKey[spanKey{link.TraceID, link.SpanID}]; n != nil {
		return n, true
	}
	if same := f.bySpan[link.SpanID]; len(same) == 1 {
		return same[0], false
	}
	return nil, false
}

// under says whether n is above or hangs somewhere below it.
func under(n, above *node) bool {
	for ; n != nil; n = n.parent {
		if n == above {
			return true
		}
	}
	return false
}

// trace finds the representative of the traces joined with this one.
func (f *forest) trace(id string) string {
	for f.joined[id] != "" && f.joined[id] != id {
		id = f.joined[id]
	}
	return id
}

func (f *forest) join(a, b string) {
	if a, b = f.trace(a), f.trace(b); a != b {
		f.joined[a] = b
	}
}

func (f *forest) flows() []flow {
	byTrace := map[string]int{}
	var flows []flow
	for _, n := range f.nodes {
		id := f.trace(n.span.TraceID)
		at, known := byTrace[id]
		if !known {
			at = len(flows)
			byTrace[id] = at
			flows = append(flows, flow{})
		}
		flows[at].nodes = append(flows[at].nodes, n)
		if n.parent == nil {
			flows[at].roots = append(flows[at].roots, n)
		}
		slices.SortStableFunc(n.below, byStart)
		slices.SortStableFunc(n.elsewhere, byStart)
	}
	for _, fl := range flows {
		slices.SortStableFunc(fl.roots, func(a, b *node) int {
			return cmp.Or(byStart(a, b), cmp.Compare(a.span.SpanID, b.span.SpanID))
		})
	}
	return flows
}

// isInvocation says whether a span is the run of a function or server, not something that one did.
func isInvocation(span Span) bool {
	return span.Kind == Server || span.Kind == Consumer || span.Attributes["faas.invocation_id"] != nil
}

// isMessage says whether a node is one message of a call that sent several.
func (n *node) isMessage() bool {
	return n.span.Kind == Producer && n.parent != nil && !isInvocation(n.parent.span)
}

// isReceived says whether a node is an invocation that its parent led to, not a part of the parent's own process.
func (n *node) isReceived() bool {
	if n.parent == nil || !isInvocation(n.span) {
		return false
	}
	return n.linked || !isInvocation(n.parent.span) || n.parent.span.Service() != n.span.Service()
}

// messageID is the id of the one message that a span sent or received, "" when there is none or several.
func messageID(span Span) string { return span.Text("messaging.message.id") }
