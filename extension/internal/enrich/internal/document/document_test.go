package document

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestGet(t *testing.T) {
	tests := []struct {
		name, doc string
		path      []string
		want      string
		found     bool
	}{
		{"top", `{"a":"1"}`, []string{"a"}, "1", true},
		{"nested behind a container", `{"x":[{"a":"}"}],"b":{"c":"2"}}`, []string{"b", "c"}, "2", true},
		{"white space everywhere", " {\n \"a\" :\t{ \"b\" : \"3\" } }", []string{"a", "b"}, "3", true},
		{"byte order mark", "\xef\xbb\xbf{\"a\":\"1\"}", []string{"a"}, "1", true},
		{"escaped key", `{"\u0061":"1"}`, []string{"a"}, "1", true},
		{"escaped value", `{"a":"x\"\\\u00e9"}`, []string{"a"}, `x"\é`, true},
		{"backslash before the closing quote", `{"b":"\\","a":"1"}`, []string{"a"}, "1", true},
		{"first of two", `{"a":"1","a":"2"}`, []string{"a"}, "1", true},
		{"number is no text", `{"a":1}`, []string{"a"}, "", false},
		{"null is no text", `{"a":null}`, []string{"a"}, "", false},
		{"missing", `{"a":"1"}`, []string{"b"}, "", false},
		{"through a string", `{"a":"1"}`, []string{"a", "b"}, "", false},
		{"cut after the value", `{"a":"1"`, []string{"a"}, "1", true},
		{"cut in the value", `{"a":"12`, []string{"a"}, "", false},
		{"cut in an escape", `{"a":"12\`, []string{"a"}, "", false},
		{"cut in another value", `{"a":"1","b":{"c":[1,`, []string{"a"}, "1", true},
		{"broken escape", `{"a":"\q"}`, []string{"a"}, "", false},
		{"no colon", `{"a" "1"}`, []string{"a"}, "", false},
		{"not JSON", `hello`, []string{"a"}, "", false},
		{"empty", ``, []string{"a"}, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := Parse([]byte(test.doc)).Get(test.path...).Text()
			if got != test.want || found != test.found {
				t.Errorf("got %q, %v; want %q, %v", got, found, test.want, test.found)
			}
		})
	}
}

func TestFieldsTellsWhetherItSawTheEnd(t *testing.T) {
	for doc, want := range map[string]bool{
		`{}`: true, `{"a":1}`: true, `{"a":{"b":[1,2]} }`: true,
		`{`: false, `{"a"`: false, `{"a":`: false, `{"a":1`: false, `{"a":1,`: false, `{"a":[}`: false, `[]`: false, ``: false, `{1}`: false,
	} {
		if got := Parse([]byte(doc)).Fields(func([]byte, Value) bool { return true }); got != want {
			t.Errorf("%s: got %v, want %v", doc, got, want)
		}
	}
}

func TestItems(t *testing.T) {
	for doc, want := range map[string]struct {
		items string
		whole bool
	}{
		`["a","b"]`: {"a b", true}, `[]`: {"", true}, `["a",{"x":"]"},"b"`: {"a  b", false}, `["a","b`: {"a ", false},
		`[,]`: {"", false}, `["a":"b"]`: {"a", false}, `{}`: {"", false},
	} {
		var got []string
		whole := Parse([]byte(doc)).Items(func(v Value) bool { got = append(got, v.String()); return true })
		if strings.Join(got, " ") != want.items || whole != want.whole {
			t.Errorf("%s: got %q, %v; want %q, %v", doc, got, whole, want.items, want.whole)
		}
	}
}

func TestDeepNestingNeitherRecursesNorTakesLong(t *testing.T) {
	const depth = 1 << 20
	doc := `{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,"a":"1"}`
	if got := Parse([]byte(doc)).Get("a").String(); got != "1" {
		t.Errorf("got %q", got)
	}
	Parse([]byte(strings.Repeat(`{"a":`, depth))).Get("b")
}

// FuzzGet compares with encoding/json where that can read the document, and is content with not panicking where it cannot.
func FuzzGet(f *testing.F) {
	f.Add(`{"a":"1","b":{"a":"2"}}`)
	f.Add(`{"b":[{}],"a":"\u00e9\\"}`)
	f.Add(`{"a":"`)
	f.Fuzz(func(t *testing.T, doc string) {
		v := Parse([]byte(doc)).Get("a")
		got, ok := v.Text()
		v.Items(func(i Value) bool { i.Get("b").First(); return true })
		var whole map[string]json.RawMessage
		var want string
		if strings.Count(doc, `"a"`) != 1 || strings.Contains(doc, `\`) || json.Unmarshal([]byte(doc), &whole) != nil {
			return
		}
		if raw, there := whole["a"]; there && raw[0] == '"' && json.Unmarshal(raw, &want) == nil && strings.ToValidUTF8(got, "") == got {
			if !ok || got != want {
				t.Errorf("%q: got %q, %v; want %q", doc, got, ok, want)
			}
		}
	})
}
