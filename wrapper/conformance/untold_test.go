package conformance

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write untold/*.txt anew, for the stories that are told")

// untold holds a story that an actor can or cannot tell against the list of those that it cannot: what nobody looks at must not come to be left out. The
// lists are for the first version of each language.
func (w *world) untold(t *testing.T, name, not string) {
	t.Helper()
	if w.rt.Name != w.actor.versions[0] {
		return
	}
	file := filepath.Join("untold", w.actor.language+".txt")
	list := map[string]string{}
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		story, why, _ := strings.Cut(strings.TrimSpace(line), ": ")
		list[story] = why
	}
	if list[name] == not {
		return
	}
	if !*update {
		t.Errorf("%s has %q and the actor says %q: write it anew with -update if that is right", file, list[name], not)
		return
	}
	delete(list, name)
	if not != "" {
		list[name] = not
	}
	var out strings.Builder
	for _, story := range slices.Sorted(maps.Keys(list)) {
		fmt.Fprintf(&out, "%s: %s\n", story, list[story])
	}
	write(t, file, []byte(out.String()), 0o644)
}
