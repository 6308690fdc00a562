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

// Build makes the spans of an invocation.
func Build(inv mask.Invocation, r Resource) otlp.ResourceSpans {
	start, end := extent(inv)
	spans := make([]otlp.Span, 0, mostSpans(inv))
	if !inv.Late { // else it was exported before, and only calls are new
		spans = append(spans, invocationSpan(inv, r, start, end))
	}
	for i := range inv.Calls {
		spans = appendCall(spans, &inv.Calls[i], end, !inv.Open && inv.Error == nil && inv.Outcome.Len() == 0)
	}
	return otlp.ResourceSpans{
		Resource:  r.Of(originOf(inv)),
		Scope:     r.Scope(),
		SchemaURL: SchemaURL,
		Spans:     spans,
	}
}

// mostSpans is how many there are, or a few more.
func mostSpans(inv mask.Invocation) int {
	n := 1 + len(inv.Calls)
	for i := range inv.Calls {
		if t := &inv.Calls[i].Target; t.Batch {
			n += len(t.Messages)
		}
	}
	return n
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
	s.Attributes = appendContent(s.Attributes, prefixEvent, inv.Event)
	s.Attributes = appendContent(s.Attributes, prefixResponse, inv.Response)
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
