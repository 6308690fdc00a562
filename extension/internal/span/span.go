// Package span builds OpenTelemetry spans out of a masked invocation.
//
// It takes nothing but a mask.Invocation, so that nothing unmasked can come this far, and gives otlp types. Names of attributes are those of the semantic
// conventions 1.44; where these have none, they begin with afterglow. and are listed in names.go.
//
// It promises: one span an invocation and one a call, in the order in which they happened; one more for each message of a batch; ids, parents and links as
// correlate derived them; no span ends before it starts; whatever is missing is said in an attribute.
//
// # The spans
//
//   - The invocation: kind SERVER, named after the function, or after its route where there is one. Invocations by a queue are the same span: it carries the
//     messaging attributes and a link to every message. The conventions would add a CONSUMER span below it; between a span and its only child, which begins
//     and ends with it, there is nothing to see, and it would cost every backend a span an invocation.
//   - A call: kind CLIENT, named Service.Operation for AWS and after its method for the rest. A call that sends one message is that message's span: kind
//     PRODUCER, named after the queue.
//   - A message of a batch: kind PRODUCER, below its call, so that every message has a span that its consumer can link to.
//   - What ran while the environment was set up: below the first invocation, or, if there never was one, below a span of kind INTERNAL.
package span

import (
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// initID is the id of what is no invocation but the set-up of an environment that never had one.
const initID = "init"

// A Builder makes the spans of one invocation after the other in the same memory: what Build gives is good until the next one. The zero Builder is ready.
type Builder struct {
	spans []otlp.Span
	room  []otlp.KeyValue // for attributes of calls
	keys  map[headerName]string
}

// mostKept is how many attributes there is room for from one invocation to the next, 350 KiB: several times what a usual one has.
const mostKept = 5000

// Build makes the spans of an invocation.
func (b *Builder) Build(inv mask.Invocation, r Resource) otlp.ResourceSpans {
	start, end := extent(inv)
	b.makeRoom(&inv)
	spans := b.spans
	if !inv.Late { // else it was exported before, and only calls are new
		spans = append(spans, invocationSpan(inv, r, start, end))
	}
	for i := range inv.Calls {
		spans = b.appendCall(spans, &inv.Calls[i], end, !inv.Open && inv.Error == nil && inv.Outcome.Len() == 0)
	}
	if b.spans = spans[:0]; cap(b.room) > mostKept {
		b.spans, b.room = nil, nil
	}
	return otlp.ResourceSpans{
		Resource:  r.Of(originOf(inv)),
		Scope:     r.Scope(),
		SchemaURL: SchemaURL,
		Spans:     spans,
	}
}

// makeRoom makes room for the spans of an invocation and the attributes of its calls.
func (b *Builder) makeRoom(inv *mask.Invocation) {
	spans, attributes := 1+len(inv.Calls), 0
	for i := range inv.Calls {
		c := &inv.Calls[i]
		if c.Target.Batch {
			spans += len(c.Target.Messages)
		}
		attributes += attributesOf(c)
	}
	if cap(b.spans) < spans {
		b.spans = make([]otlp.Span, 0, spans)
	}
	b.room = b.room[:0]
	if cap(b.room) < attributes {
		b.room = make([]otlp.KeyValue, 0, attributes)
	}
}

// attributesOf is how many attributes a call has at most.
func attributesOf(c *mask.Call) int {
	return usualAttributes + len(c.Target.Attributes) + len(c.RequestHeaders) + len(c.ResponseHeaders)
}

// extent gives when an invocation began and ended. Where its hook did not live to tell, its calls say what is known.
func extent(inv mask.Invocation) (start, end time.Time) {
	start = inv.Start
	for i := range inv.Calls {
		c := &inv.Calls[i]
		if inv.Start.IsZero() && (start.IsZero() || c.Start.Before(start)) {
			start = c.Start
		}
		if stop := c.Start.Add(c.Duration); stop.After(end) {
			end = stop
		}
	}
	if start.IsZero() { // nothing ever told a time: an error that hid everything else
		start = time.Now()
	}
	if inv.Duration > 0 {
		end = start.Add(inv.Duration)
	}
	if end.Before(start) {
		end = start
	}
	return start, end
}

func invocationSpan(inv mask.Invocation, r Resource, start, end time.Time) otlp.Span {
	s := otlp.Span{
		Trace: inv.Trace, ID: inv.Span, Parent: inv.Parent, Flags: otlp.FlagSampled,
		Name: invocationName(inv, r), Kind: otlp.KindServer,
		Start: start, End: end,
		Links: links(inv.Links), DroppedLinks: uint32(inv.Dropped.Links),
	}
	if inv.ID.String() == initID {
		s.Kind = otlp.KindInternal
	} else {
		s.Attributes = append(s.Attributes,
			otlp.String("faas.invocation_id", inv.ID.String()),
			otlp.Bool("faas.coldstart", inv.Cold),
			otlp.String("faas.trigger", trigger(inv)))
	}
	if arn := inv.ARN.String(); arn != "" {
		s.Attributes = append(s.Attributes,
			otlp.String("cloud.resource_id", r.resourceID(arn)),
			otlp.String("aws.lambda.invoked_arn", arn))
	}
	s.Attributes = appendText(s.Attributes, attrTenant, inv.Tenant)
	s.Attributes = appendText(s.Attributes, attrTrigger, inv.Trigger.Source)
	if !inv.Trigger.HTTP {
		s.Attributes = appendText(s.Attributes, attrTriggerName, inv.Trigger.Name)
	}
	s.Attributes = appendAttributes(s.Attributes, inv.Trigger.Attributes)
	if inv.Trigger.HTTP && inv.ResponseStatus > 0 {
		s.Attributes = append(s.Attributes, otlp.Int("http.response.status_code", int64(inv.ResponseStatus)))
	}
	s.Attributes = appendContent(s.Attributes, namesOfEvent(), inv.Event)
	s.Attributes = appendContent(s.Attributes, namesOfResult(), inv.Response)
	s.Attributes = appendFlag(s.Attributes, attrStreaming, inv.Streaming)
	s.Attributes = appendFlag(s.Attributes, attrOpen, inv.Open)
	s.Attributes = appendText(s.Attributes, attrOutcome, inv.Outcome)
	s.Attributes = appendFlag(s.Attributes, attrUnhooked, inv.Unhooked)
	s.Attributes = appendPlatform(s.Attributes, &inv.Platform)
	s.Attributes = appendLost(s.Attributes, inv.Lost)
	s.Attributes = appendDropped(s.Attributes, inv.Dropped)
	fail(&s, inv.Error, invocationFault(inv))
	return s
}

// invocationName is the route, as the conventions ask for it, else the function's name.
func invocationName(inv mask.Invocation, r Resource) string {
	switch {
	case inv.ID.String() == initID:
		return r.service() + " init"
	case inv.Trigger.HTTP && inv.Trigger.Name.Len() > 0:
		return inv.Trigger.Name.String()
	case r.Function != "":
		return r.Function
	}
	return r.service()
}

func trigger(inv mask.Invocation) string {
	if kind := inv.Trigger.Kind.String(); kind != "" {
		return kind
	}
	return "other"
}

// fail sets a span's status and error.type and, for something that was raised, its exception event.
func fail(s *otlp.Span, e *mask.Error, f fault) {
	if e == nil && f.kind == "" {
		return
	}
	if e != nil {
		if kind := e.Type.String(); kind != "" {
			f.kind = kind
		} else if f.kind == "" {
			f.kind = errorOther
		}
		f.message = e.Message.String()
		exception := otlp.Event{Time: s.End, Name: "exception"}
		exception.Attributes = appendText(exception.Attributes, "exception.type", e.Type)
		exception.Attributes = appendText(exception.Attributes, "exception.message", e.Message)
		exception.Attributes = appendText(exception.Attributes, "exception.stacktrace", e.Stack)
		s.Events = append(s.Events, exception)
	}
	s.Status = otlp.Status{Code: otlp.CodeError, Message: f.message}
	s.Attributes = append(s.Attributes, otlp.String("error.type", f.kind))
}

func links(from []mask.Link) []otlp.Link {
	if len(from) == 0 {
		return nil
	}
	to := make([]otlp.Link, 0, len(from))
	for _, l := range from {
		to = append(to, otlp.Link{Trace: l.Trace, Span: l.Span, Flags: otlp.FlagSampled, Attributes: appendAttributes(nil, l.Attributes)})
	}
	return to
}
