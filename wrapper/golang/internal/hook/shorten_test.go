package hook

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func shortened(text string, budget int, sizes ...int) string {
	s := newShortener(budget)
	for i := 0; text != ""; i++ {
		n := min(len(text), max(1, sizes[i%len(sizes)]))
		s.add([]byte(text[:n]))
		text = text[n:]
	}
	return string(s.end())
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("l", 1000)
	for _, c := range []struct {
		name, text string
		budget     int
		want       string
	}{
		{"what is small stays", `{"a": [1, -2.5e3, true, null, "x\"\\\u00e9é"], "b": {}}`, 1000, `{"a":[1,-2.5e3,true,null,"x\"\\\u00e9é"],"b":{}}`},
		{"long strings are cut", `{"a":"` + long + `","b":1}`, 1000, `{"a":"` + long[:keptOfString] + `","b":1}`},
		{"and not within a character", `"` + strings.Repeat("€", 100) + `"`, 1000, `"` + strings.Repeat("€", keptOfString/3) + `"`},
		{"nor within an escape", `"` + long[:keptOfString-1] + `\u00e9x"`, 1000, `"` + long[:keptOfString-1] + `"`},
		{"what is beyond the room is left out", `{"a":[{"b":1},{"c":2},{"d":3}]}`, 22, `{"a":[{"b":1},{}]}`},
		{"with its name", `{"first":1,"second":2}`, 20, `{"first":1}`},
		{"a value alone", `12345678`, 100, `12345678`},
		{"no JSON", `]]]`, 100, `0`},
		{"no end", `{"a":{"b":[1,"x`, 100, `{"a":{"b":[1]}}`},
		{"no room", `{"a":1}`, 1, `0`},
		{"none at all", `{"a":1}`, 0, ``},
		{"deep", strings.Repeat("[", 100), 1000, strings.Repeat("[", mostDepth+1) + strings.Repeat("]", mostDepth+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, sizes := range [][]int{{1 << 20}, {1}, {2, 5}} {
				if got := shortened(c.text, c.budget, sizes...); got != c.want {
					t.Errorf("in pieces of %v: %s, want %s", sizes, got, c.want)
				}
			}
		})
	}
}

// TestIdsOfManyMessagesSurvive: it is for them that events are shortened and not cut.
func TestIdsOfManyMessagesSurvive(t *testing.T) {
	var records []string
	for i := range 100 {
		records = append(records, fmt.Sprintf(`{"messageId":"id-%d","body":"%s"}`, i, strings.Repeat("b", 10000)))
	}
	got := shortened(`{"Records":[`+strings.Join(records, ",")+`]}`, 64<<10, 4096)
	var batch struct{ Records []struct{ MessageID string } }
	if err := json.Unmarshal([]byte(got), &batch); err != nil || len(batch.Records) != 100 || batch.Records[99].MessageID != "id-99" {
		t.Errorf("%d messages of %d bytes, %v", len(batch.Records), len(got), err)
	}
}

// TestEventsAreTheSameHoweverAnnounced: what is kept depends on what has come, not on what was said of it.
func TestEventsAreTheSameHoweverAnnounced(t *testing.T) {
	large := `{"a":"` + strings.Repeat("a", 300) + `","b":[1,2,3]}`
	short := shortened(large, 200, len(large))
	for _, c := range []struct {
		name, event, announced string
		want                   string
		shortened              bool
	}{
		{"small", `{"a":1}`, "7", `{"a":1}`, false},
		{"small, of unknown size", `{"a":1}`, "", `{"a":1}`, false},
		{"as large as is kept", large[:200], "200", large[:200], false},
		{"large", large, fmt.Sprint(len(large)), short, true},
		{"large, of unknown size", large, "", short, true},
		{"larger than announced", large, "10", short, true},
		{"announced by no number", large, "much", short, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &Event{copy: NewCopy(200, 0)}
			e.Expect(c.announced)
			for at := 0; at < len(c.event); at += 7 {
				e.Add([]byte(c.event[at:min(at+7, len(c.event))]))
			}
			p, data := e.part()
			if string(data) != c.want || p.Len != int64(len(c.want)) || *p.Size != int64(len(c.event)) || p.Shortened != c.shortened || p.Truncated != c.shortened {
				t.Errorf("%+v of %d, %s, want %s", p, *p.Size, data, c.want)
			}
			e.free()
		})
	}
}

// FuzzShorten: what comes out of JSON is JSON, within the budget, the same however it came in pieces, and if there was nothing to leave out, the same value.
func FuzzShorten(f *testing.F) {
	f.Add(`{"a":[1,"x\u00e9",{}],"b":null}`, 20, 3)
	f.Add(`{"a":"`+strings.Repeat("é", 200)+`"}`, 300, 1)
	f.Add(`[[[[]]],{"":{"":[]}}]`, 9, 2)
	f.Fuzz(func(t *testing.T, text string, budget, size int) {
		budget &= 0xfff
		got := shortened(text, budget, len(text)+1)
		if pieces := shortened(text, budget, size&0xff); pieces != got {
			t.Errorf("in pieces %s, else %s", pieces, got)
		}
		if len(got) > budget {
			t.Errorf("%d bytes of %d", len(got), budget)
		}
		if !json.Valid([]byte(text)) || budget == 0 {
			return
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s\nbecomes %s", text, got)
		}
		if len(text)+4*strings.Count(text, "[")+4*strings.Count(text, "{")+8 > budget || len(text) > keptOfString-escapeBytes || strings.Count(text, "[")+strings.Count(text, "{") > mostDepth {
			return
		}
		var before, after any
		if json.Unmarshal([]byte(text), &before) == nil && (json.Unmarshal([]byte(got), &after) != nil || !reflect.DeepEqual(before, after)) {
			t.Errorf("%s\nbecomes %s", text, got)
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	for _, size := range []int{10 << 10, 1 << 20} {
		var event strings.Builder
		event.WriteString(`{"Records":[`)
		for i := 0; event.Len() < size; i++ {
			fmt.Fprintf(&event, `{"messageId":"059f36b4-87a3-44ab-83d2-%012d","body":"%s","attributes":{"ApproximateReceiveCount":"1"},"eventSource":"aws:sqs"},`, i, strings.Repeat("abcdefg ", 90))
		}
		text := []byte(strings.TrimSuffix(event.String(), ",") + "]}")
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				e := &Event{copy: NewCopy(64<<10, int64(len(text)))}
				for p := text; len(p) > 0; {
					n := min(4096, len(p))
					e.Add(p[:n])
					p = p[n:]
				}
				e.part()
				e.free()
			}
		})
	}
}
