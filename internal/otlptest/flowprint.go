package otlptest

import (
	"strings"
)

// invocation prints a function's run: its line, what it was asked, its calls, what it led to, how it failed. first stands before the
// first line, rest before all others.
func (p *printer) invocation(n *node, first, rest string) {
	l := line{}.add(dim, "%s", first)
	l = append(l, describeInvocation(n)...)
	if n.copies > 1 {
		l = l.add(styleNote, "  received %d times", n.copies)
	}
	if n.ghost {
		p.print(l.add(styleNote, "  its own span was not received"))
	} else {
		p.row(l, n.span.Text("faas.invocation_id"), duration(n.span.Duration()))
	}
	var calls, led []*node
	for _, c := range n.below {
		if c.isReceived() {
			led = append(led, c)
		} else {
			calls = append(calls, c)
		}
	}
	bar := "   "
	if len(calls) > 0 {
		bar = "│  "
	}
	p.details(n, rest+bar)
	if text := losses(n.span); text != "" {
		p.print(line{}.add(dim, "%s", rest+bar).add(styleNote, "%s", text))
	}
	for i, c := range calls {
		if i == len(calls)-1 {
			p.call(c, rest+"└─ ", rest+"   ")
		} else {
			p.call(c, rest+"├─ ", rest+"│  ")
		}
	}
	for _, c := range led {
		p.received(n, c, rest)
	}
	p.failures(n, rest)
}

// call prints an outbound call or any other span inside an invocation, and what it led to.
func (p *printer) call(n *node, first, rest string) {
	l := line{}.add(dim, "%s", first)
	l = append(l, describeCall(n.span)...)
	switch {
	case n.span.Attributes["afterglow.init"] == true:
		l = l.add(dim, "  while the environment was set up")
	case n.span.Attributes["afterglow.open"] == true && n.span.StatusCode != StatusError:
		l = l.add(dim, "  not waited for")
	}
	if n.copies > 1 {
		l = l.add(styleNote, "  received %d times", n.copies)
	}
	p.row(l, n.span.Text("aws.request_id"), duration(n.span.Duration()))
	p.details(n, rest+"  ")
	p.failures(n, rest+"  ")
	if messageID(n.span) != "" && !isInvocation(n.span) {
		p.message(n, rest)
		return
	}
	for _, c := range n.below {
		switch {
		case c.isMessage():
			p.message(c, rest)
		case c.isReceived():
			p.received(n, c, rest)
		default:
			p.call(c, rest+"·  ", rest+"   ")
		}
	}
}

// message prints one sent message and the invocations that it led to.
func (p *printer) message(n *node, indent string) {
	l := line{}.add(dim, "%s", indent).add(styleMsg, "↳ message %s", messageID(n.span))
	var led []*node
	for _, c := range n.below {
		if c.isReceived() {
			led = append(led, c)
		}
	}
	if n.isMessage() && n.span.StatusCode == StatusError {
		l = l.add(styleError, " ✗")
	}
	if len(led) > 0 {
		l = p.wait(l, n, led[0])
	}
	for _, other := range n.elsewhere {
		l = l.add(dim, "  handled together with %s", short(other.cause()))
	}
	if len(led)+len(n.elsewhere) == 0 {
		l = l.add(dim, "  no receiver seen")
	}
	p.print(l)
	if n.isMessage() { // of a call's only message the call's own lines have told
		p.details(n, indent+"  ")
		p.failures(n, indent+"  ")
	}
	for _, c := range n.below {
		if !c.isReceived() {
			p.call(c, indent+"  ·  ", indent+"     ")
		}
	}
	for i, c := range led {
		if i > 0 { // delivered again
			p.print(p.wait(line{}.add(dim, "%s", indent).add(styleMsg, "↳ again"), n, c))
		}
		p.invocation(c, indent+"  ", indent+"  ")
	}
}

// received prints an invocation under a span that led to it and that is no message: most often a call from function to
// function, which needs no line between the two.
func (p *printer) received(cause, n *node, indent string) {
	if n.linked {
		p.print(p.wait(line{}.add(dim, "%s", indent).add(styleMsg, "↳ %s", linkName(n.trigger)), cause, n))
		p.invocation(n, indent+"  ", indent+"  ")
		return
	}
	if text, skewed := waited(cause.span, n.span); skewed {
		p.print(line{}.add(dim, "%s  ", indent).add(styleNote, "%s", text))
	}
	p.invocation(n, indent+"↳ ", indent+"  ")
}

func (p *printer) wait(l line, sender, receiver *node) line {
	text, skewed := waited(sender.span, receiver.span)
	s := dim
	if skewed {
		s = styleNote
	}
	l = l.add(s, "  %s", text)
	if receiver.stranger {
		l = l.add(styleNote, "  link names another trace")
	}
	return l
}

// details prints what is known beside the line itself: content, further messages, what could not be placed.
func (p *printer) details(n *node, indent string) {
	if p.opt.Bodies {
		p.body(indent, "request ", content(n.span, requestKeys))
		if n.span.Text("messaging.system") == "" || n.span.StatusCode == StatusError || isInvocation(n.span) {
			// A queue answers with the ids that the next lines show.
			p.body(indent, "response", content(n.span, responseKeys))
		}
	}
	if len(n.also) > 0 {
		names := make([]string, 0, len(n.also))
		for _, link := range n.also {
			names = append(names, short(linkedMessage(link)))
		}
		p.print(line{}.add(dim, "%s", indent).
			add(styleMsg, "and %s: ", plural(len(names), "further message")).add(dim, "%s", strings.Join(names, " ")))
	}
	if n.parent != nil {
		p.unplaced(n, indent)
	}
}

func (p *printer) body(indent, label, text string) {
	if text == "" {
		return
	}
	l := line{}.add(dim, "%s%s  ", indent, label)
	p.print(l.highlight(dim, cutBody(text, p.width-l.width())))
}

func (p *printer) failures(n *node, indent string) {
	for _, f := range failures(n.span) {
		p.print(line{}.add(dim, "%s", indent).highlight(styleError, "✗ "+squeeze(f.title())))
		for _, frame := range userFrames(f.stack, frameLines) {
			p.print(line{}.add(dim, "%s    %s", indent, frame))
		}
	}
}

// linkName says what a link stands for.
func linkName(link Link) string {
	if id := linkedMessage(link); id != link.SpanID {
		return "message " + id
	}
	return "link"
}

// linkedMessage is the id of the message that a link stands for, else of its span.
func linkedMessage(link Link) string {
	if id, _ := link.Attributes["messaging.message.id"].(string); id != "" {
		return id
	}
	return link.SpanID
}

// cause is the id of the message, else of the span, that an invocation hangs under.
func (n *node) cause() string {
	if id := messageID(n.parent.span); id != "" {
		return id
	}
	return n.parent.span.SpanID
}

// short is enough of an id to find the line that has the whole.
func short(id string) string {
	const enough = 8
	if id = clean(id); width(id) <= enough+1 {
		return id
	}
	return cut(id, enough) + ellipsis
}
