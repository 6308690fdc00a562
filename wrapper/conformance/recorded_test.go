package conformance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/spool"
)

// checkSpool holds what the spool has against what happened and what the story says, and gives what is wrong.
func (w *world) checkSpool(s story, library string, tale telling) []string {
	wrong := tale.torn
	pending := slices.Contains(w.actor.pending, library)
	for i, in := range s.told() {
		records := of(tale.spooled, tale.ids[i])
		want, known := in.callsFor(w.actor.language, w.rt.Name, library)
		want = w.actor.sees(want)
		got, odd := calls(records)
		wrong = append(wrong, odd...)
		switch same := slices.Equal(got, want); {
		case known && pending && same && len(want) > 0:
			wrong = append(wrong, library+" is seen: take it off the list of what is pending")
		case known && !pending && !same:
			wrong = append(wrong, fmt.Sprintf("calls of invocation %d in the spool:\n\t%s\nwant:\n\t%s", i+1, strings.Join(got, "\n\t"), strings.Join(want, "\n\t")))
		}
		if !w.actor.blind {
			wrong = append(wrong, in.checkEnds(records, tale, i)...)
		}
	}
	if got, _ := calls(of(tale.spooled, spool.InvocationInit)); s.InitCalls != nil && !slices.Equal(got, w.actor.sees(*s.InitCalls)) {
		wrong = append(wrong, fmt.Sprintf("calls of init in the spool: %q, want %q", got, *s.InitCalls))
	}
	if want, known := s.UnownedCalls[w.actor.language]; known {
		if got, _ := calls(of(tale.spooled, spool.InvocationNone)); !slices.Equal(got, want) {
			wrong = append(wrong, fmt.Sprintf("calls of nobody's in the spool: %q, want %q", got, want))
		}
	}
	wrong = append(wrong, s.checkSaid(tale.said)...)
	return slices.Concat(wrong, checkHeaders(s, tale), checkBodies(tale))
}

// sees gives calls as an actor's hook can see them.
func (a actor) sees(calls []string) []string {
	if !a.headersOnly {
		return calls
	}
	seen := slices.Clone(calls)
	for i, call := range seen {
		seen[i] = ofBody.ReplaceAllString(call, "$1$2")
	}
	return seen
}

// ofBody is what a line of an answered call tells of its response's body: how much there was, that it was not read to its end, that reading failed.
var ofBody = regexp.MustCompile(`^([A-Z]+ \S+ \d{3}(?: request \d+(?: of (?:\d+|\?))?)?)(?: response \d+(?: of (?:\d+|\?))?)?(?: partial)?(?: error)?( propagated)?$`)

// checkSaid looks at the lines of Afterglow's own. Whatever is wrong is said once.
func (s story) checkSaid(said []string) []string {
	seen := map[string]bool{}
	for _, line := range said {
		if seen[line] {
			return []string{fmt.Sprintf("the hook said twice %q", line)}
		}
		seen[line] = true
	}
	switch {
	case s.Says == "" && s.MaySay == "" && len(said) > 0:
		return []string{fmt.Sprintf("the hook said %q", said)}
	case s.Says != "" && !matches(s.Says, said):
		return []string{fmt.Sprintf("the hook said %q, want it to match %q", said, s.Says)}
	case s.MaySay != "" && len(said) > 0 && !matches(s.MaySay, said):
		return []string{fmt.Sprintf("the hook said %q, it may only say what matches %q", said, s.MaySay)}
	}
	return nil
}

// callsFor gives the calls that the spool is to have, for a language, a version or a library.
func (in invocation) callsFor(language, version, library string) ([]string, bool) {
	for _, key := range keys(language, version, library) {
		if calls, ok := in.CallsOn[key]; ok {
			return calls, true
		}
	}
	if in.Calls == nil {
		return nil, false
	}
	return *in.Calls, true
}

// checkEnds looks at what the spool says of the beginning and the end of an invocation.
func (in invocation) checkEnds(records []spool.Record, tale telling, i int) (wrong []string) {
	say := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("invocation %d: ", i+1)+fmt.Sprintf(format, args...))
	}
	starts, ends := kind(records, spool.KindInvocationStart), kind(records, spool.KindInvocationEnd)
	end := in.expectedEnd(tale.outcomes[i])
	if end == "any" {
		return nil
	}
	if end == "unseen" {
		if len(records) > 0 {
			say("%d records in the spool, want none", len(records))
		}
		return wrong
	}
	if len(starts) != 1 {
		say("%d starts in the spool", len(starts))
	} else if part, _, ok := starts[0].Part(spool.PartEvent); !ok || part.Size != nil && *part.Size != int64(len(tale.events[i])) {
		say("the event of %d bytes is %+v", len(tale.events[i]), part)
	}
	if len(ends) > 1 || (end == "none") != (len(ends) == 0) {
		say("%d ends in the spool, want it to be %s", len(ends), end)
		return wrong
	}
	if len(ends) == 0 {
		return wrong
	}
	if failed := ends[0].Error != nil; failed != (end == "error") {
		say("ended with %+v, want %s", ends[0].Error, end)
	} else if want := tale.outcomes[i].thrown(); failed && want != "" && ends[0].Error.Type != want {
		say("ended with %s, its caller was told %s", ends[0].Error.Type, want)
	}
	if in.Status != 0 && ends[0].Status != in.Status {
		say("status %d in the spool, want %d", ends[0].Status, in.Status)
	}
	return wrong
}

// expectedEnd is what the spool has to say of an invocation's end. One whose process ended need not have been seen to.
func (in invocation) expectedEnd(o outcome) string {
	switch {
	case in.End != "":
		return in.End
	case o.Error == "":
		return "ok"
	case o.thrown() == "":
		return "any"
	default:
		return "error"
	}
}

// thrown is the type of the error that the function has thrown, by what its caller was told; "" if it was none of the function's own.
func (o outcome) thrown() string {
	var told struct{ ErrorType string }
	if o.Error == "" || json.Unmarshal([]byte(o.Payload), &told) != nil || strings.HasPrefix(told.ErrorType, "Runtime.") || strings.HasPrefix(told.ErrorType, "Sandbox.") {
		return ""
	}
	return told.ErrorType
}

// checkHeaders looks for the headers of every call that got an answer among those that arrived, in that order. Some may be missing, which a library adds
// when the hook has already looked; those that the story gives may not.
func checkHeaders(s story, tale telling) (wrong []string) {
	var arrived []string
	for _, o := range tale.outcomes {
		for _, c := range o.Received.Connections {
			arrived = append(arrived, heads(c)...)
		}
	}
	if len(arrived) == 0 {
		return nil
	}
	for i, in := range s.told() {
		records := of(tale.spooled, tale.ids[i])
		answered, sent := map[string]bool{}, map[string][][2]string{}
		for _, r := range kind(records, spool.KindCallEnd) {
			answered[r.Call], sent[r.Call] = r.Status > 0, r.SentHeaders()
		}
		given, starts := in.headers(), kind(records, spool.KindCallStart)
		for i, r := range starts {
			if len(sent[r.Call]) > 0 {
				starts[i].Headers = sent[r.Call]
			}
		}
		for _, r := range starts {
			if answered[r.Call] && !slices.ContainsFunc(arrived, func(have string) bool { return within(have, head(r, path(r.URL))) || within(have, head(r, r.URL)) }) {
				wrong = append(wrong, fmt.Sprintf("the headers of a call are none of those that arrived:\n%.500s\nbut:\n%.2000s", head(r, path(r.URL)), strings.Join(arrived, "\n")))
			}
		}
		for _, h := range given {
			has := func(r spool.Record) bool {
				return slices.ContainsFunc(r.Headers, func(have [2]string) bool { return strings.EqualFold(have[0], h[0]) && have[1] == h[1] })
			}
			if len(starts) > 0 && !slices.ContainsFunc(starts, has) {
				wrong = append(wrong, fmt.Sprintf("no call has the header %.80q", h))
			}
		}
	}
	return wrong
}

// within tells whether the lines of a text are all in another one, in the same order.
func within(whole, part string) bool {
	lines := strings.Split(whole, "\n")
	for _, line := range strings.Split(part, "\n") {
		at := slices.Index(lines, line)
		if at < 0 {
			return false
		}
		lines = lines[at+1:]
	}
	return true
}

// headers gives those that the steps of an invocation give, unless they are more than hooks keep.
func (in invocation) headers() (given [][2]string) {
	size := 0
	for _, step := range in.Steps {
		var s struct {
			Call struct{ Headers [][2]string }
		}
		if json.Unmarshal(step, &s) != nil {
			continue
		}
		for _, h := range s.Call.Headers {
			given, size = append(given, h), size+len(h[0])+len(h[1])
		}
	}
	if size > headersKept {
		return nil
	}
	return given
}

// headersKept is the budget of headers unless a setting says otherwise (settings/table.go).
const headersKept = 16384

// head writes a call's method, target and headers as they are sent: to a proxy the target is the whole URL.
func head(r spool.Record, target string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\n", r.Method, target)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	return framing.ReplaceAllString(b.String(), "")
}

var framing = regexp.MustCompile(`(?mi)^(host|connection|content-length|transfer-encoding|keep-alive): .*\n`)

// path gives that of a URL, with its query.
func path(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return rest
}

// heads gives those of the requests in a connection's bytes.
func heads(bytes string) (found []string) {
	for _, piece := range requestLine.FindAllStringIndex(bytes, -1) {
		if text, _, whole := strings.Cut(bytes[piece[0]:], "\r\n\r\n"); whole {
			found = append(found, framing.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n")+"\n", ""))
		}
	}
	return found
}
