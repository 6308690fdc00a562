package conformance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// compare gives everything that the world could tell the two runs of a story apart by.
func compare(t *testing.T, language string, s story, plain, hooked telling) []string {
	t.Helper()
	var found []string
	for i, want := range plain.outcomes {
		if d := differences(s.plainly(t, language, want), s.plainly(t, language, hooked.outcomes[i])); d != "" {
			found = append(found, fmt.Sprintf("Afterglow changed invocation %d:\n%s", i+1, d))
		}
	}
	return found
}

// plainly writes an outcome down without what may differ.
func (s story) plainly(t *testing.T, language string, o outcome) string {
	t.Helper()
	fields := map[string][]*string{
		"payload": {&o.Payload, &o.ErrorType}, "stdout": all(&o.Lines.Stdout), "stderr": all(&o.Lines.Stderr), "frames": all(&o.Lines.Frames),
		"requests": append(all(&o.Received.Order), all(&o.Received.Connections)...),
	}
	for _, name := range []string{"payload", "stdout", "stderr", "frames"} {
		fields["answer and log"] = append(fields["answer and log"], fields[name]...)
	}
	for _, d := range s.Differs {
		if len(d.On) > 0 && !slices.Contains(d.On, language) {
			continue
		}
		pattern := regexp.MustCompile(d.Pattern)
		for _, text := range fields[d.In] {
			rest := pattern.ReplaceAllString(*text, "") // one of the runs may not have it
			if rest == "" && pattern.MatchString(*text) {
				rest = gone
			}
			*text = rest
		}
	}
	o.Payload = strings.Trim(o.Payload, gone)
	for _, list := range []*[]string{&o.Lines.Stdout, &o.Lines.Stderr, &o.Lines.Frames} {
		if *list = slices.DeleteFunc(*list, func(line string) bool { return line == gone }); len(*list) == 0 {
			*list = nil
		}
	}
	b, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// gone is what is left of a line that may differ as a whole: such a one may not be there at all.
const gone = "\x00"

// all makes a copy of a list of texts and gives where they are.
func all(list *[]string) []*string {
	*list = slices.Clone(*list)
	var pointers []*string
	for i := range *list {
		pointers = append(pointers, &(*list)[i])
	}
	return pointers
}

// differences gives the lines that two texts do not share, shortened to where they begin to differ.
func differences(a, b string) string {
	if a == b {
		return ""
	}
	const most = 10 // after so many every line is another
	left, right := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out strings.Builder
	told := 0
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		if l != r && told < most {
			told++
			fmt.Fprintf(&out, "without: %s\nwith:    %s\n", window(l, r), window(r, l))
		}
	}
	return out.String()
}

// window cuts a text to where it begins to differ from another one.
func window(text, other string) string {
	const shown = 600
	same := 0
	for same < min(len(text), len(other)) && text[same] == other[same] {
		same++
	}
	from := max(0, same-shown/2)
	return text[min(from, len(text)):min(len(text), from+shown)]
}
