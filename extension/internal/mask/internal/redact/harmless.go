package redact

import (
	"hash/maphash"
	"strings"
)

// Most short texts of an invocation are those of the one before: names of headers and their usual values, methods, regions, queues. A work remembers those in
// which nothing had to be hidden. It remembers the text itself, since a hash alone might be that of another one.
const (
	longestHarmless = 64
	harmlessTexts   = 512 // some 30 KiB at most
)

// A harmless is what is remembered of the texts that fall to its place.
type harmless struct {
	hash uint64 // of the last text; it was seen once if text is another one. Most ids are never seen again, and no memory is taken for them
	text string
}

// isHarmless tells whether a text was found to hold nothing that is hidden. If it was not it may be worth to be remembered, at place.
func (w *work) isHarmless(text string) (harmless bool, place *harmless) {
	if len(text) > longestHarmless {
		return false, nil
	}
	hash := maphash.String(w.seed, text)
	place = &w.harmless[hash%harmlessTexts]
	switch {
	case place.hash != hash:
		place.hash = hash
		return false, nil
	case place.text == text:
		return true, place
	}
	return false, place
}

// remember keeps a text that was found to be harmless: a copy, since it may be part of something large.
func (h *harmless) remember(text string) { h.text = strings.Clone(text) }
