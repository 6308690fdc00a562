package export

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// leastText is what is left of an attribute's text that is shortened to fit.
	leastText = 1 << 10
	ellipsis  = "…"
	// Names of attributes that package span writes: of content, and of what says that it is not the whole.
	contentSuffix, truncatedSuffix = ".content", ".truncated"
	// counts are tags, and 32 bits in 7 a byte, of what was dropped of each kind.
	counts = 3 * (1 + 5)
)

// shrink makes a span fit: it shortens the longest texts of attributes, and then takes the largest attributes, events and links out and counts them where the protocol
// counts what was dropped. ok is false if that was not enough.
func shrink(span []byte, limit int) (smaller []byte, ok bool) {
	if within(len(span), limit) {
		return span, true
	}
	all, ok := fields(span)
	if !ok {
		return nil, false
	}
	s := shrinking{all: all, size: len(span) + counts, limit: limit, dropped: map[protowire.Number]uint64{}}
	s.uncount()
	s.shorten()
	if !s.drop() {
		return nil, false
	}
	return s.bytes(), true
}

// A shrinking is a span that is made smaller.
type shrinking struct {
	all         []fieldOf
	size, limit int
	dropped     map[protowire.Number]uint64 // by the number of what was dropped
}

func isPart(number protowire.Number) bool {
	return number == fieldAttribute || number == fieldEvent || number == fieldLink
}

// uncount takes out the counts of what was dropped before.
func (s *shrinking) uncount() {
	for n, f := range s.all {
		if isPart(f.number - 1) {
			_, _, tag := protowire.ConsumeTag(f.all)
			before, _ := protowire.ConsumeVarint(f.all[tag:])
			s.dropped[f.number-1] += before
			s.all[n].all = nil
		}
	}
}

// largest gives the places of parts, the largest first.
func (s *shrinking) largest() (places []int) {
	for n, f := range s.all {
		if isPart(f.number) {
			places = append(places, n)
		}
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(len(s.all[b].all), len(s.all[a].all)) })
	return places
}

// shorten shortens texts of attributes, and says of content that it is not the whole any more.
func (s *shrinking) shorten() {
	for _, n := range s.largest() {
		f := &s.all[n]
		if s.size <= s.limit {
			return
		}
		key, text, ok := textOf(f.content)
		if f.number != fieldAttribute || !ok || len(text) <= leastText {
			continue
		}
		name, isContent := strings.CutSuffix(key, contentSuffix)
		var flag []byte
		if name += truncatedSuffix; isContent && !s.has(name) {
			flag = bytesField(nil, fieldAttribute, boolean(name))
		}
		keep := max(leastText, len(text)-(s.size+len(flag)-s.limit)) - len(ellipsis)
		for keep > 0 && !utf8.RuneStart(text[keep]) {
			keep--
		}
		shorter := append(bytesField(nil, fieldAttribute, withText(key, text[:keep]+ellipsis)), flag...)
		s.size += len(shorter) - len(f.all)
		f.all = shorter
	}
}

// drop takes parts out. It returns false if that was not enough.
func (s *shrinking) drop() bool {
	for _, n := range s.largest() {
		if s.size <= s.limit {
			break
		}
		s.size -= len(s.all[n].all)
		s.dropped[s.all[n].number]++
		s.all[n].all = nil
	}
	return s.size <= s.limit
}

func (s *shrinking) bytes() (span []byte) {
	for _, f := range s.all {
		span = append(span, f.all...)
	}
	for _, number := range [...]protowire.Number{fieldAttribute, fieldEvent, fieldLink} {
		if n := s.dropped[number]; n > 0 {
			span = protowire.AppendVarint(protowire.AppendTag(span, number+1, protowire.VarintType), n)
		}
	}
	return span
}

// has tells whether there is an attribute of that name.
func (s *shrinking) has(name string) bool {
	return slices.ContainsFunc(s.all, func(f fieldOf) bool {
		is := false
		if f.number == fieldAttribute {
			each(f.content, fieldKey, func(key []byte) { is = is || string(key) == name })
		}
		return is
	})
}

// textOf reads an attribute that is a text.
func textOf(attribute []byte) (key, text string, ok bool) {
	each(attribute, fieldKey, func(b []byte) { key = string(b) })
	each(attribute, fieldValue, func(value []byte) {
		each(value, fieldStringValue, func(b []byte) { text, ok = string(b), true })
	})
	return key, text, ok
}

func withText(key, text string) []byte {
	value := bytesField(nil, fieldStringValue, []byte(text))
	return bytesField(bytesField(nil, fieldKey, []byte(key)), fieldValue, value)
}

// boolean is an attribute that is true.
func boolean(key string) []byte {
	value := protowire.AppendVarint(protowire.AppendTag(nil, fieldBoolValue, protowire.VarintType), 1)
	return bytesField(bytesField(nil, fieldKey, []byte(key)), fieldValue, value)
}
