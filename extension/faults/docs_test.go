package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/settings"
)

// page is the page that is generated from the table.
var page = filepath.Join("..", "..", "docs", "faults.md")

// head is what stands before the table.
const head = `# What happens when something breaks

Each row is a test: the extension as it stands in the layer runs beside a real runtime with real hooks in the local Lambda ([local-lambda.md](local-lambda.md)), one thing is
broken, and three things are held.

1. **The function.** Its responses, errors and statuses are those that it has without Afterglow, byte for byte. No invocation ends for want of time that ended well without
   Afterglow, no environment is restarted because of the extension, and at SHUTDOWN the extension leaves with status 0, within its time. Where a row says otherwise, it says what.
2. **The telemetry.** *delivered + counted = produced*: what did not arrive is counted, by reason, in an attribute of the next span that does
   (` + "`afterglow.lost.<reason>.records`, `afterglow.dropped.calls`" + `) or, when there is no next one, in the last line that the extension logs. What the function itself
   takes away before anybody has read it is not there to be counted.
3. **Once.** Nothing that was accepted is sent again, but where a row says so.

What a reason means: [the table below](#reasons). Calls and bodies that were cut to a limit are not losses; see [settings.md](settings.md) for the limits.

This page is generated from the table in ` + "`extension/faults`" + ` (` + "`go test ./extension/faults -run Docs -update`" + `). Rows marked *full* take long: they run in CI, and
elsewhere with ` + "`-full`" + `.

Not here, but for deadlines by another clock: steps of the clock, because the wall clock is the whole machine's. They are put in where each package reads the time: in tests of lifecycle (when to flush), intake (what an earlier
life left) and deliver (pauses and ages).
`

// reasons says what each reason is that a row expects.
func reasons() [][2]string {
	return [][2]string{
		{"write-failed", "records that a hook could not write"},
		{"untold", "records of which the hook could tell nobody by the end; it says so in the function's log"},
		{"invocation-full", "records beyond AFTERGLOW_SPOOL_INVOCATION_BYTES"},
		{"orphan-end", "ends of calls whose starts were not written"},
		{"torn", "pieces of a file that are no whole record"},
		{"corrupt-file", "files that are none of the spool's in spite of their names"},
		{"corrupt-record", "records whose header makes no sense"},
		{"unknown-kind", "records of a kind that this version does not know"},
		{"newer-version", "files of a later version of the format"},
		{"unreadable", "files that may not be read"},
		{"too-many-calls", "records of calls beyond what one invocation can have"},
		{"file-too-large", "records of calls in a file of which more than 32 MiB would have to be kept"},
		{"late-invocation", "records of invocations whose span had gone out before, by Lambda's word"},
		{"dropped-calls", "calls that were left out to keep the invocation within AFTERGLOW_LIMIT_INVOCATION_BYTES"},
		{"deleted", "records in files of the spool that somebody deleted"},
		{"outbox-age", "spans that nobody took within AFTERGLOW_OUTBOX_AGE"},
		{"outbox-gone", "spans in files of the outbox that somebody deleted"},
		{"refused", "spans that the collector refused for good"},
		{"undelivered", "spans that nobody had taken when the environment ended: `traces` in the log's last line"},
	}
}

func markdown(t *testing.T) string {
	t.Helper()
	known := map[string]bool{}
	for _, r := range reasons() {
		known[r[0]] = true
	}
	var b strings.Builder
	b.WriteString(head)
	for _, g := range table() {
		fmt.Fprintf(&b, "\n## %s\n\n", g.name)
		if g.name == settingsGroup {
			fmt.Fprintf(&b, "Each of the %d settings but `OTEL_EXPORTER_OTLP_ENDPOINT`, without which nothing is exported, is set to values of the wrong kind, one at a time: nonsense, numbers out of bounds, bytes\n"+
				"that are no text, a thousand characters. Of each the first value is tried wherever these tests run, the others in CI and with `-full`. A wrong value\n"+
				"counts as unset (of masking, as the safer value) and is said in the log; everything arrives all the same. %s names something that does not exist then, whatever its value:\n"+
				"what it should have made possible is counted as undelivered.\n", len(settings.Table()), quote(obeyed))
		}
		var rows strings.Builder
		for _, r := range g.rows {
			for _, reason := range append(append([]string{}, r.lost...), r.mayLose...) {
				if !known[reason] {
					t.Errorf("%s: %s is not explained", r.name, reason)
				}
			}
			if r.unlisted {
				continue
			}
			name := r.name
			if r.slow {
				name += " *(full)*"
			}
			fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", name, r.does, r.telemetry(), r.function())
		}
		if rows.Len() > 0 {
			fmt.Fprintf(&b, "| fault | what is done | the telemetry | the function |\n|---|---|---|---|\n%s", rows.String())
		}
	}
	b.WriteString("\n## Reasons\n\n| reason | counts |\n|---|---|\n")
	for _, r := range reasons() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r[0], r[1])
	}
	return b.String()
}

// telemetry says what becomes of it.
func (r row) telemetry() string {
	var said []string
	switch {
	case len(r.lost) > 0:
		said = append(said, "what is missing is counted: "+quote(r.lost))
	case r.inLog:
		said = append(said, "all of it arrives or stands in the log, from where it can be replayed")
	default:
		said = append(said, "all of it arrives")
	}
	if r.repeats {
		said = append(said, "what was taken without an answer may come twice, with the same ids")
	}
	if r.data != "" {
		said = append(said, r.data)
	}
	return strings.Join(said, "; ")
}

func (r row) function() string {
	if r.meant != "" {
		return r.meant
	}
	return "as without Afterglow"
}

func quote(names []string) string {
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, "`"+n+"`")
	}
	return strings.Join(quoted, ", ")
}

// TestDocs: docs/faults.md is what the table says.
func TestDocs(t *testing.T) {
	want := markdown(t)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the table says (%v): run go test ./extension/faults -run Docs -update", page, err)
	}
}

// TestRowsAreTold: every row says what it does, and no two have one name.
func TestRowsAreTold(t *testing.T) {
	for _, g := range table() {
		names := map[string]bool{}
		for _, r := range g.rows {
			if r.name == "" || r.does == "" && !r.unlisted || r.story == nil || names[r.name] {
				t.Errorf("%s: the row %q is not complete, or there are two", g.name, r.name)
			}
			names[r.name] = true
		}
	}
}
