package faults

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// A row is one fault.
type row struct {
	name string
	does string // what is done, for docs/faults.md
	data string // what becomes of the telemetry, for docs/faults.md, beside what lost says
	// meant is what becomes of the function, for docs/faults.md, in rows that have a judge of their own.
	meant string
	set   setting
	// story breaks what is to be broken and has the function invoked. It need not shut the environment down.
	story func(*stage)
	// lost are the reasons under which records have to be counted: each of them, and no other one. nil: everything arrives.
	lost []string
	// mayLose are reasons under which records may be counted besides, because a race of the row's own making decides.
	mayLose []string
	// cutShort: a full disk cuts writes short. The hook counts the record and the reader the piece, so each of them is one more that was produced.
	cutShort bool
	// untold: what the hook could tell nobody by the end, and says in the function's log, counts as well.
	untold bool
	// repeats: spans may come twice, with the same ids, because nobody can know whether they were accepted.
	repeats bool
	// inLog: what did not arrive stands in the function's log and is replayed.
	inLog bool
	// check asserts more than what every row does.
	check func(*stage, account)
	// judge replaces stage.check in rows that break the extension itself.
	judge func(*stage)
	// unlisted rows do not stand in docs/faults.md: one sentence tells of all.
	unlisted bool
	// slow rows run in CI, and with -full.
	slow bool
	// root: the row needs a disk of its own for /tmp, which takes root on Linux.
	root bool
}

// A group is a part of the table.
type group struct {
	name string
	rows []row
}

// settingsGroup is the group whose rows are made of the table of settings.
const settingsGroup = "Settings"

// table is all of it.
func table() []group {
	return []group{
		{"The collector", collectorRows()},
		{"/tmp", diskRows()},
		{"The spool", spoolRows()},
		{"Life and death", lifeRows()},
		{"Losses", lossRows()},
		{settingsGroup, settingRows()},
	}
}

func TestFaults(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: hooks in a layer need a file system of the function's own, which the local Lambda has on Linux alone")
	}
	w := newWorld(t)
	for _, g := range table() {
		t.Run(strings.NewReplacer(" ", "-", "/", "").Replace(g.name), func(t *testing.T) {
			for _, r := range g.rows {
				t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
					if r.slow && !*full && os.Getenv("CI") != "true" {
						t.Skip("NOT TESTED: runs in CI, and with -full")
					}
					if r.root && os.Getuid() != 0 {
						missing(t, "/tmp is no disk of its own for an ordinary user")
					}
					t.Parallel()
					r.run(t, w)
				})
			}
		})
	}
}

// run runs a row and asserts what every row has to.
func (r row) run(t *testing.T, w *world) {
	set := r.set
	set.env = maps.Clone(set.env)
	if set.env == nil {
		set.env = map[string]string{}
	}
	s := newStage(t, w, set)
	r.story(s)
	s.end()
	if r.judge != nil {
		r.judge(s)
	} else {
		s.check()
	}
	a := s.account()
	if r.cutShort {
		a.produced += a.counted["torn"]
	}
	if r.untold {
		a.hook(s.said(lambdalocal.SourceFunction))
	}
	ok, why := a.balanced()
	if !ok {
		t.Errorf("delivered + counted is not produced: %s", why)
	}
	t.Log(why)
	for _, reason := range r.lost {
		if a.counted[reason] == 0 {
			t.Errorf("nothing was counted as %s: %v", reason, a.counted)
		}
	}
	for reason := range a.counted {
		if !slices.Contains(r.lost, reason) && !slices.Contains(r.mayLose, reason) {
			t.Errorf("%d records were counted as %s, which nothing in this row should make", a.counted[reason], reason)
		}
	}
	if !slices.ContainsFunc(r.lost, func(reason string) bool { return slices.Contains(ofSpans, reason) }) {
		s.eachOnce(a)
	}
	if len(a.repeated) > 0 && !r.repeats {
		t.Errorf("accepted and sent again: %v", a.repeated)
	}
	if r.check != nil {
		r.check(s, a)
	}
}

// eachOnce asserts that every invocation has one span, whatever became of its hook: Lambda has told of it.
func (s *stage) eachOnce(a account) {
	s.Helper()
	seen := map[any]int{}
	for _, span := range a.spans {
		if span.Kind == otlptest.Server {
			seen[span.Attributes["faas.invocation_id"]]++
		}
	}
	for n := range s.calls {
		if seen[requestID(n)] != 1 {
			s.Errorf("invocation %d has %d spans", n, seen[requestID(n)])
		}
	}
}

// code gives the folder that becomes /var/task: that of testdata, or one that has a row's own files as well.
func code(t *testing.T, runtime string, files map[string][]byte) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", strings.TrimRight(runtime, "0123456789.x")))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(runtime, "nodejs") {
		dir = filepath.Join(filepath.Dir(dir), "node")
	}
	if len(files) == 0 {
		return dir
	}
	own := t.TempDir()
	if err := os.CopyFS(own, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		path := filepath.Join(own, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return own
}
