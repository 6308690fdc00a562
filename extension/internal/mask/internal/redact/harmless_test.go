package redact

import (
	"fmt"
	"testing"
)

// TestTextIsMaskedTheSameAgain: what is remembered of texts, and forgotten for others, changes no answer.
func TestTextIsMaskedTheSameAgain(t *testing.T) {
	texts := []string{"", "a", "application/json", "POST", "password=hunter2hunter2", "Bearer 0123456789abcdef", akid, jwt, github, `{"pin":1}`, "4111111111111111", "arn:aws:sqs:eu-west-1:123456789012:orders"}
	for n := range 3 * harmlessTexts {
		texts = append(texts, fmt.Sprintf("text %d", n), fmt.Sprintf("pin=%04d", n))
	}
	for name, rules := range map[string]*Rules{"default": New(Options{}), "strict": New(Options{Preset: Strict}), "off": New(Options{Preset: Off})} {
		want := New(rulesOf(name))
		for round := range 4 {
			for _, text := range texts {
				if got, want := rules.Text(text, 0), string(want.Content([]byte(text), 0)); got != want {
					t.Fatalf("%s, round %d: %q became %q, want %q", name, round, text, got, want)
				}
			}
		}
	}
}

func rulesOf(name string) Options {
	return map[string]Options{"strict": {Preset: Strict}, "off": {Preset: Off}}[name]
}

// TestTextIsRememberedTheSecondTime: most ids come once, and take no memory. What comes again costs no look at it.
func TestTextIsRememberedTheSecondTime(t *testing.T) {
	const text = "application/json"
	w := New(Options{}).get()
	for round, want := range []bool{false, true, true} {
		w.input, w.steps = w.input[:0], 0
		w.name(text)
		if _, place := w.isHarmless(text); (place.text == text) != want {
			t.Errorf("round %d: remembered is %q", round, place.text)
		}
		if looked := w.steps > 0; looked != (round < 2) {
			t.Errorf("round %d: %d steps", round, w.steps)
		}
	}
	w.input = w.input[:0]
	w.name("password=hunter2hunter2")
	w.input = w.input[:0]
	w.name("password=hunter2hunter2")
	for _, h := range w.harmless {
		if h.text != "" && h.text != text {
			t.Errorf("a secret is remembered: %q", h.text)
		}
	}
}
