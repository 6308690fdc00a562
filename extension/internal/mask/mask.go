// Package mask hides what is private. It takes an event.Invocation and gives a mask.Invocation, the only thing that later stages accept.
//
// It promises:
//
//   - No text of the function's passes unmasked: bodies, headers, URLs, error messages, stacks and attributes all go through the rules of package redact. So do
//     ids and names, which should hold none; ids that link flows were derived before. Only the ARN is Lambda's own and left as it is.
//   - Masking comes before shortening, so nothing is half hidden. What the hook had to cut is taken to be cut: half a credential at its end
//     is hidden too.
//   - Masked JSON has the shape that it had. Bodies that are no text are left out, and their size is told.
//   - What goes to and comes from Secrets Manager, SSM, KMS and STS is left out altogether, by host and by recognised service, headers
//     included; so is what the environment's own addresses for credentials answer. No preset and no allowed key changes that.
//   - The user's options add to the rules and take away from them: see Options. A part that is hidden keeps its shape and loses every value.
//   - Lines of the function's log go through the same rules: as JSON where they are JSON, else as text; and together, since a private key or a document may be
//     printed over several. A key that the lines of an invocation end in goes on in those that come late.
//   - Nothing is written into the input, and nothing fails: a piece on which a rule breaks is hidden as a whole.
package mask

import (
	"bytes"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask/internal/redact"
)

// Apply masks an invocation.
func (m *Masker) Apply(inv event.Invocation) Invocation {
	out := Invocation{
		ID: m.text(inv.ID), ARN: Text{inv.ARN}, Tenant: m.text(inv.Tenant),
		Start: inv.Start, Deadline: inv.Deadline, Duration: inv.Duration, Open: inv.Open, Cold: inv.Cold, Late: inv.Late,
		Process:        m.Process(inv.Process),
		Event:          m.body(inv.Event, nil, partEvent),
		Response:       m.body(inv.Response, nil, partResult),
		ResponseStatus: inv.ResponseStatus, Streaming: inv.Streaming,
		Error:   m.failure(inv.Error),
		Trigger: m.trigger(inv.Trigger),
		Outcome: m.text(inv.Outcome), Platform: m.platform(inv.Platform), Unhooked: inv.Unhooked,
		Lines: m.lines(&inv),
		Trace: inv.Identity.Trace, Span: inv.Identity.Span, Parent: inv.Identity.Parent, Links: m.links(inv.Identity.Links),
	}
	countUnknown(&out.Dropped, out.Event, out.Response)
	if len(inv.Calls) > 0 {
		out.Calls = make([]Call, len(inv.Calls))
	}
	for i := range inv.Calls {
		out.Calls[i] = m.call(&inv.Calls[i])
	}
	out.Dropped.Headers, out.Dropped.Bytes = inv.Cut.Headers, inv.Cut.Bytes
	for _, l := range inv.Lost {
		out.Lost = append(out.Lost, Loss{Reason: m.text(l.Reason), Records: l.Records, Bytes: l.Bytes})
	}
	return out
}

func (m *Masker) call(c *event.Call) Call {
	out := Call{
		ID: m.text(c.ID), Library: m.text(c.Library), Method: m.text(c.Method), Protocol: m.text(c.Protocol), Peer: m.text(c.Peer),
		URL:    m.url(c.URL),
		Resend: c.Resend, Status: c.Status, Start: c.Start, FirstByte: c.FirstByte, Duration: c.Duration,
		Open: c.Open, EndMissing: c.EndMissing, Partial: c.Partial, Init: c.Init,
		Error:  m.failure(c.Error),
		Target: m.target(c.Target),
		Trace:  c.Identity.Trace, Span: c.Identity.Span, Parent: c.Identity.Parent, Links: m.links(c.Identity.Links),
	}
	host := hostOf(c.URL.Reveal())
	if isSecretService(c, host) || m.domains.has(host) {
		out.Request, out.Response = withheld(c.Request), withheld(c.Response)
		return out
	}
	out.RequestHeaders, out.ResponseHeaders = m.headers(c.RequestHeaders, partRequestHeaders), m.headers(c.ResponseHeaders, partResponseHeaders)
	if m.headersOnly.has(host) {
		out.Request, out.Response = withheld(c.Request), withheld(c.Response)
		return out
	}
	out.Request, out.Response = m.body(c.Request, c.RequestHeaders, partRequestBody), m.body(c.Response, c.ResponseHeaders, partResponseBody)
	countUnknown(&out.Dropped, out.Request, out.Response)
	return out
}

// countUnknown counts bodies that were left out because nobody could tell what is in them.
func countUnknown(d *Dropped, bodies ...Body) {
	for _, b := range bodies {
		if b.Hidden.s == HiddenUnknown {
			d.Unknown++
		}
	}
}

// withheld is a body of a call whose traffic is never shown.
func withheld(b event.Body) Body {
	out := Body{Size: b.Size, Truncated: b.Truncated}
	if b.Data.Len() > 0 {
		out.Hidden = Text{HiddenDomain}
	}
	return out
}

func (m *Masker) headers(headers []event.Header, p part) []Header {
	out := make([]Header, 0, len(headers))
	for _, h := range headers {
		name, secret, allowed := m.name(h.Name)
		masked := Header{Name: name}
		switch value := h.Value.Reveal(); {
		case value == "":
		case secret, m.hidden[p] && !allowed:
			masked.Value = Text{redact.Mask}
		case isURLHeader(h.Name):
			masked.Value = m.url(h.Value)
		default:
			masked.Value = m.text(value)
		}
		out = append(out, masked)
	}
	return out
}

// name masks a header's name and judges it.
func (m *Masker) name(name string) (masked Text, secret, allowed bool) {
	defer func() {
		if recover() != nil {
			masked, secret, allowed = Text{redact.Mask}, true, false
		}
	}()
	masked.s, secret, allowed = m.rules.Name(name)
	return masked, secret, allowed
}

// isURLHeader tells whether a header's value is a URL, whose query then is judged field by field.
func isURLHeader(name string) bool {
	for _, url := range [...]string{"location", "referer", "content-location", "origin"} {
		if len(name) == len(url) && strings.EqualFold(name, url) {
			return true
		}
	}
	return false
}

func (m *Masker) failure(e *event.Error) *Error {
	if e == nil {
		return nil
	}
	if m.hidden[partErrors] {
		return &Error{Type: m.text(e.Type), Message: hidden(e.Message), Stack: hidden(e.Stack)}
	}
	return &Error{Type: m.text(e.Type), Message: m.cutText(e.Message.Reveal()), Stack: m.cutText(e.Stack.Reveal())}
}

func (m *Masker) trigger(t event.Trigger) Trigger {
	return Trigger{
		Source: m.text(t.Source), Kind: m.text(t.Kind), Name: m.text(t.Name), HTTP: t.HTTP,
		Messages: m.messages(t.Messages), Attributes: m.attributes(t.Attributes),
	}
}

func (m *Masker) target(t event.Target) Target {
	return Target{
		System: m.text(t.System), Service: m.text(t.Service), Operation: m.text(t.Operation), Resource: m.text(t.Resource), Region: m.text(t.Region),
		RequestID: m.text(t.RequestID), Fault: m.text(t.Fault), Batch: t.Batch, Messages: m.messages(t.Messages), Attributes: m.attributes(t.Attributes),
	}
}

func (m *Masker) messages(messages []event.Message) []Message {
	out := make([]Message, 0, len(messages))
	for _, msg := range messages {
		out = append(out, Message{
			ID: m.text(msg.Key.ID), Destination: m.text(msg.Destination), Span: msg.Span, Attributes: m.attributes(msg.Attributes),
		})
	}
	return out
}

func (m *Masker) links(links []event.Link) []Link {
	out := make([]Link, 0, len(links))
	for _, l := range links {
		out = append(out, Link{Trace: l.Trace, Span: l.Span, Attributes: m.attributes(l.Attributes)})
	}
	return out
}

// attributes masks values by their type. Text is the function's and judged by its name too; plain strings should be harmless, but an operation's
// name, say, may come from the text of a statement.
func (m *Masker) attributes(attributes []event.Attribute) []Attribute {
	out := make([]Attribute, 0, len(attributes))
	for _, a := range attributes {
		masked := Attribute{name: a.Name}
		switch v := a.Value.(type) {
		case event.Text:
			masked.value = m.attribute(a.Name, v)
		case []event.Text:
			list := make([]string, len(v))
			for i, text := range v {
				list[i] = m.attribute(a.Name, text).s
			}
			masked.value = list
		case string:
			masked.value = m.text(v)
		case []string:
			list := make([]string, len(v))
			for i, s := range v {
				list[i] = m.text(s).s
			}
			masked.value = list
		case int64, float64, bool:
			masked.value = v
		default: // of no type that an attribute may have
			continue
		}
		out = append(out, masked)
	}
	return out
}

func (m *Masker) attribute(name string, value event.Text) Text {
	switch name {
	case "url.query":
		return m.redact([]byte(value.Reveal()), func(in []byte) []byte { return m.of(partQuery).Form(in, 0) })
	case "url.full", "url.path", "aws.sqs.queue.url":
		return m.url(value)
	}
	if m.everything && !isResource(name) {
		return hidden(value)
	}
	return m.text(value.Reveal())
}

// hidden is the mask for a text that is not empty.
func hidden(t event.Text) Text {
	if t.Len() == 0 {
		return Text{}
	}
	return Text{redact.Mask}
}

func (m *Masker) url(url event.Text) Text {
	switch {
	case m.everything:
		return m.redactText(func() string { return m.strict.URLText(url.Reveal()) })
	case m.hidden[partQuery]:
		return m.redact([]byte(url.Reveal()), m.hideQuery)
	}
	return m.redactText(func() string { return m.rules.URLText(url.Reveal()) })
}

// hideQuery masks a URL, and every value in its query and fragment.
func (m *Masker) hideQuery(url []byte) []byte {
	masked := m.rules.URL(url)
	query := bytes.IndexAny(masked, "?#") + 1
	if query == 0 {
		return masked
	}
	return append(bytes.Clone(masked[:query]), m.strict.Form(masked[query:], 0)...)
}

func (m *Masker) text(s string) Text {
	if s == "" {
		return Text{}
	}
	return m.redactText(func() string { return m.rules.Text(s, 0) })
}

// longText is the length from which on a message or stack is taken to be cut: hooks keep 16 KiB of each.
const longText = 8 << 10

func (m *Masker) cutText(s string) Text {
	cut := redact.Cut(0)
	if len(s) >= longText {
		cut = redact.CutEnd
	}
	return m.redactText(func() string { return m.rules.Text(s, cut) })
}

// redact applies a rule. Should the rule break, all of its input is hidden: an extension that cannot mask something must not export it.
func (m *Masker) redact(in []byte, rule func([]byte) []byte) (out Text) {
	defer func() {
		if recover() != nil {
			out = Text{redact.Mask}
		}
	}()
	return Text{string(rule(in))}
}

// redactText is redact for a rule that has its text already.
func (m *Masker) redactText(rule func() string) (out Text) {
	defer func() {
		if recover() != nil {
			out = Text{redact.Mask}
		}
	}()
	return Text{rule()}
}

// Process masks what tells of the process that ran the function. Apply does it for an invocation's.
func (m *Masker) Process(p event.Process) Process {
	return Process{
		PID: p.PID, Runtime: m.text(p.Runtime), Version: m.text(p.Version), Hook: m.text(p.Hook),
		Handler:   m.text(p.Env["_HANDLER"]),
		LogGroup:  m.text(p.Env["AWS_LAMBDA_LOG_GROUP_NAME"]),
		LogStream: m.text(p.Env["AWS_LAMBDA_LOG_STREAM_NAME"]),
	}
}
