package deliver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// left has an earlier life leave those spans in the outbox, a file each, a second apart.
func left(t *testing.T, f *fake, names ...string) *stand {
	t.Helper()
	s := newStand(t, nil, one(f))
	f.answer = nobody
	for _, name := range names {
		s.invoke(name)
		time.Sleep(time.Second)
	}
	s.wantFiles(len(names))
	f.answer, f.sends = nil, 0
	s.reset()
	time.Sleep(time.Minute)
	return s
}

func TestFilesArePrivate(t *testing.T) {
	s := newStand(t, nil, one(&fake{answer: nobody}))
	s.invoke("a")
	for path, want := range map[string]os.FileMode{s.o.Dir: 0o700 | os.ModeDir, filepath.Join(s.o.Dir, s.files()[0]): 0o600} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestNothingIsWrittenThatNeedNotBe(t *testing.T) {
	s := newStand(t, nil, one(&fake{}))
	s.invoke("a")
	s.Owe(nil)
	s.Owed()
	if _, err := os.Lstat(s.o.Dir); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

// TestWhatAnEarlierLifeLeft: oldest first, each once, whatever else lies around.
func TestWhatAnEarlierLifeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := left(t, f, "a", "b", "c")
		half := s.files()[0] + tempSuffix
		for name, content := range map[string]string{half: "AFTERGLOW-OUTBOX/1 ot", "README": "x", "1-x.otlp": "x", "9-x.otlp.traces.otlp.more": ""} {
			if err := os.WriteFile(filepath.Join(s.o.Dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.invoke("d")
		s.want(f, "a b c d")
		s.wantLost("")
		s.wantFiles(3) // what nobody here wrote
		if strings.Contains(strings.Join(s.files(), " "), tempSuffix) {
			t.Errorf("files %q", s.files())
		}
	})
}

// TestFilesThatAreNotAsTheyWereWritten: each is counted, and nothing else is lost for it.
func TestFilesThatAreNotAsTheyWereWritten(t *testing.T) {
	swap := func(t *testing.T, path string, make func() error) {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(change func(b []byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name  string
		spoil func(t *testing.T, path string)
		lost  string
		files int
	}{
		{"a byte is another", edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), "outbox-damaged:1", 0},
		{"cut", edit(func(b []byte) []byte { return b[:len(b)-1] }), "outbox-damaged:1", 0},
		{"longer", edit(func(b []byte) []byte { return append(b, 'x') }), "outbox-damaged:1", 0},
		{"empty", edit(func([]byte) []byte { return nil }), "outbox-damaged:1", 0},
		{"garbage", edit(func([]byte) []byte { return bytes.Repeat([]byte("garbage "), 1000) }), "outbox-damaged:1", 0},
		{"of a newer version", edit(func(b []byte) []byte { return append([]byte("AFTERGLOW-OUTBOX/2"), b[len(fileLine):]...) }), "", 1},
		{"of another exporter", edit(func(b []byte) []byte { return bytes.Replace(b, []byte(" otlp "), []byte(" xray "), 1) }), "outbox-damaged:1", 0},
		{"a link", func(t *testing.T, path string) {
			t.Helper()
			swap(t, path, func() error { return os.Symlink("/etc/passwd", path) })
		}, "", 1},
		{"a pipe", func(t *testing.T, path string) {
			t.Helper()
			swap(t, path, func() error { return syscall.Mkfifo(path, 0o600) })
		}, "", 1},
		{"a directory", func(t *testing.T, path string) {
			t.Helper()
			swap(t, path, func() error { return os.Mkdir(path, 0o700) })
		}, "", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				s := left(t, f, "a", "b")
				test.spoil(t, filepath.Join(s.o.Dir, s.files()[0]))
				s.invoke("c")
				s.want(f, "b c")
				s.wantLost(test.lost)
				s.wantFiles(test.files)
			})
		})
	}
}

// TestAPipeInAFilesPlace: it came there after the directory was read, and is not waited for.
func TestAPipeInAFilesPlace(t *testing.T) {
	f := &fake{answer: nobody}
	s := newStand(t, nil, one(f))
	s.invoke("a")
	path := filepath.Join(s.o.Dir, s.files()[0])
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f.answer = nil
	s.flush(true)
	s.wantLost("outbox-damaged:1")
}

// TestFilesThatSomebodyRemoved: all of them, in the middle of a life.
func TestFilesThatSomebodyRemoved(t *testing.T) {
	f := &fake{answer: nobody}
	s := newStand(t, nil, one(f))
	s.invoke("a")
	if err := os.RemoveAll(s.o.Dir); err != nil {
		t.Fatal(err)
	}
	s.invoke("b")
	if !s.last.Safe {
		t.Errorf("%+v", s.last)
	}
	f.answer = nil
	s.flush(true)
	s.want(f, "b")
	s.wantLost("outbox-gone:1")
}

// TestAnOutboxThatIsNone: memory stands in, and it is said once.
func TestAnOutboxThatIsNone(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, o *Options)
	}{
		{"a file", func(t *testing.T, o *Options) {
			t.Helper()
			if err := os.WriteFile(o.Dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"a link", func(t *testing.T, o *Options) {
			t.Helper()
			if err := os.Symlink(t.TempDir(), o.Dir); err != nil {
				t.Fatal(err)
			}
		}},
		{"somebody else's", func(t *testing.T, o *Options) {
			t.Helper()
			if os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			if err := os.Mkdir(o.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(o.Dir, 12345, 12345); err != nil {
				t.Fatal(err)
			}
		}},
		{"nowhere", func(_ *testing.T, o *Options) { o.Dir = "/proc/nowhere/outbox" }},
		{"a socket", func(t *testing.T, o *Options) {
			t.Helper()
			l, err := net.Listen("unix", o.Dir)
			if err != nil {
				t.Skip(err) // a path that is too long for one
			}
			t.Cleanup(func() { l.Close() })
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{answer: nobody}
			s := newStand(t, func(o *Options) { test.prepare(t, o) }, one(f))
			s.invoke("a")
			s.invoke("b")
			if s.last.Safe || s.last.Kept == 0 || strings.Count(s.log.String(), "outbox cannot be used") != 1 {
				t.Errorf("%+v, log: %s", s.last, s.log.String())
			}
			for range 10 {
				s.Add(Batch{Signal: otlplog.Traces, Payload: request(mostMemory/4, "large"), Records: 1})
			}
			s.flush(false)
			s.wantLost("queue-full:9")
			f.answer = nil
			s.flush(true)
			s.want(f, "large large large")
			if !s.last.Safe {
				t.Errorf("%+v", s.last)
			}
		})
	}
}

// TestWhatIsInMemoryGoesToTheDiskWhenItCan.
func TestWhatIsInMemoryGoesToTheDiskWhenItCan(t *testing.T) {
	s := newStand(t, nil, one(&fake{answer: nobody}))
	if err := os.WriteFile(s.o.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.invoke("a")
	if err := os.Remove(s.o.Dir); err != nil {
		t.Fatal(err)
	}
	s.invoke("b")
	if !s.last.Safe {
		t.Errorf("%+v", s.last)
	}
	s.wantFiles(1)
}

func TestADirectoryThatOthersMayEnterIsClosed(t *testing.T) {
	s := newStand(t, nil, one(&fake{answer: nobody}))
	if err := os.Mkdir(s.o.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.invoke("a")
	if info, err := os.Lstat(s.o.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestTheOutboxIsBounded(t *testing.T) {
	t.Run("in bytes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answer: nobody}
			s := newStand(t, func(o *Options) { o.Bytes = 10 * block }, one(f))
			for n := range 15 {
				s.invoke(fmt.Sprint(n))
				time.Sleep(time.Second)
			}
			s.wantFiles(10)
			s.wantLost("outbox-full:5")
			f.answer = nil
			s.flush(true)
			s.want(f, "5 6 7 8 9 10 11 12 13 14")
		})
	})
	t.Run("in files", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, func(o *Options) { o.Bytes = 1 << 30 }, one(&fake{answer: nobody}))
			for range mostFiles + 5 {
				s.invoke("x")
			}
			s.wantFiles(mostFiles)
			s.wantLost("outbox-full:5")
		})
	})
	t.Run("in age", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{}
			s := left(t, f, "a", "b")
			time.Sleep(s.o.Age - time.Minute - time.Second)
			s.invoke("c")
			s.want(f, "b c")
			s.wantLost("outbox-age:1")
			s.wantFiles(0)
		})
	})
	t.Run("over a reset, in bytes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{}
			s := left(t, f, "a", "b", "c")
			f.answer = nobody
			s.o.Bytes = block
			s.reset()
			s.flush(false)
			s.wantFiles(1)
			s.wantLost("outbox-full:2")
		})
	})
	t.Run("at nothing", func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, func(o *Options) { o.Bytes = 0 }, one(f))
		s.invoke("a")
		kept := s.Owe(losses{{Reason: "torn", Records: 1}})
		if _, err := os.Lstat(s.o.Dir); kept || !os.IsNotExist(err) || s.last.Safe || s.last.Kept != 1 || s.Owed() != nil {
			t.Errorf("%+v, %v", s.last, err)
		}
		f.answer = nil
		s.flush(true)
		s.want(f, "a")
	})
}

// TestFilesOfWhoIsNotAskedAnyMore: another exporter of the same environment was taken out of the settings.
func TestFilesOfWhoIsNotAskedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, nil, named("gone", f))
		s.Add(Batch{Signal: otlplog.Logs, Payload: request(1, "l"), Records: 1})
		s.invoke("a")
		other := &fake{}
		s.o.Exporters = []Exporter{one(other)}
		s.reset()
		s.invoke("b")
		s.want(other, "b")
		s.wantFiles(2)
		time.Sleep(s.o.Age + 1)
		s.flush(false)
		s.wantFiles(0)
		s.wantLost("logs-outbox-age:1 outbox-age:1")
	})
}

// TestSignalsThatAreNotTakenAnyMore: what was kept for an exporter that does not take it now is not sent to it.
func TestSignalsThatAreNotTakenAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, nil, named("otlp", f))
		s.Add(Batch{Signal: otlplog.Logs, Payload: request(1, "l"), Records: 1})
		s.flush(false)
		s.o.Exporters = []Exporter{one(f)}
		s.reset()
		f.answer = nil
		s.invoke("a")
		s.want(f, "a")
		s.wantFiles(1)
	})
}

// TestFilesAreCountedByTheirRecords: also those that are dropped unread.
func TestFilesAreCountedByTheirRecords(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		wait   time.Duration
		lost   string
	}{
		"too old":  {func(o *Options) { o.Age = time.Minute }, time.Hour, "outbox-age:7"},
		"too many": {func(o *Options) { o.Bytes = 1 }, 0, "outbox-full:7"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t, nil, one(&fake{answer: nobody}))
				s.Add(Batch{Signal: otlplog.Traces, Payload: request(1, numbered(7)...), Records: 7})
				s.flush(false)
				test.change(&s.o)
				s.o.Exporters = []Exporter{named("another", &fake{})} // so that nobody reads them
				s.reset()
				time.Sleep(test.wait)
				s.flush(false)
				s.wantLost(test.lost)
				s.wantFiles(0)
			})
		})
	}
}

// TestFilesOfANewerVersionAreBounded as all others are.
func TestFilesOfANewerVersionAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := left(t, f, "a")
		path := filepath.Join(s.o.Dir, s.files()[0])
		if err := os.WriteFile(path, []byte("AFTERGLOW-OUTBOX/2 whatever\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.invoke("b")
		s.want(f, "b")
		s.wantFiles(1)
		time.Sleep(s.o.Age)
		s.flush(false)
		s.wantFiles(0)
		s.wantLost("outbox-age:1")
	})
}

// TestAFileIsRewritten to what is left of it, or removed where that cannot be: what was accepted must not come again.
func TestAFileIsRewritten(t *testing.T) {
	for name, spoil := range map[string]bool{"rewritten": false, "the disk cannot": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: nobody}
				e := one(f)
				e.Limits = export.Limits{Records: 1}
				s := newStand(t, nil, e)
				s.Add(Batch{Signal: otlplog.Traces, Payload: request(1, "a", "b", "c"), Records: 3})
				s.flush(false)
				time.Sleep(firstBreak)
				f.answer = func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
					if n == 3 {
						return down(ctx, n, signal, payload)
					}
					return export.Result{}, nil
				}
				name := strings.Replace(s.files()[0], "-3.", "-2.", 1)
				if spoil {
					if err := os.Mkdir(filepath.Join(s.o.Dir, name+tempSuffix), 0o700); err != nil {
						t.Fatal(err)
					}
				}
				s.flush(false)
				if spoil {
					s.wantFiles(1) // the directory in the way
					if s.last.Safe {
						t.Error("what is in memory alone is said to be safe")
					}
				} else {
					if got := s.files(); len(got) != 1 || got[0] != name {
						t.Errorf("files %q", got)
					}
					s.reset()
				}
				time.Sleep(time.Minute)
				s.flush(false)
				s.want(f, "a b c")
				s.wantLost("")
			})
		})
	}
}

// TestNothingHalfWrittenStays where a file cannot get its name.
func TestNothingHalfWrittenStays(t *testing.T) {
	s := newStand(t, nil, one(&fake{}))
	if err := os.MkdirAll(filepath.Join(s.o.Dir, owedName, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if s.Owe(losses{{Reason: "torn", Records: 1}}) {
		t.Error("it says that they are kept")
	}
	s.wantFiles(1)
	if !strings.Contains(s.log.String(), "outbox cannot be used") {
		t.Errorf("log: %s", s.log.String())
	}
}

// TestManyNamesInTheDirectory: what is looked at is bounded.
func TestManyNamesInTheDirectory(t *testing.T) {
	s := newStand(t, nil, one(&fake{}))
	if err := os.Mkdir(s.o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for n := range mostEntries + 500 {
		if err := os.WriteFile(filepath.Join(s.o.Dir, fmt.Sprint(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.outbox.names(); err != nil || len(names) > mostEntries+256 {
		t.Errorf("%d names, %v", len(names), err)
	}
	s.invoke("a")
}

// TestEveryCutOfAFile: no part of a file is taken for the whole, and none is a panic.
func TestEveryCutOfAFile(t *testing.T) {
	payload := request(10, "a")
	whole := appendFile(nil, head{"otlp", "traces", 1, time.UnixMilli(12)}, payload)
	for n := range whole {
		if _, got, err := parseFile(whole[:n]); err == nil || got != nil {
			t.Fatalf("%d bytes of %d: %v", n, len(whole), err)
		}
	}
	h, got, err := parseFile(whole)
	if err != nil || !bytes.Equal(got, payload) || h != (head{"otlp", "traces", 1, time.UnixMilli(12)}) {
		t.Errorf("got %+v %v", h, err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(appendFile(nil, head{"otlp", "traces", 1, time.UnixMilli(12)}, request(10, "a")), "0000000000012-X-7-asked.otlp.traces.otlp")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		if h, payload, err := parseFile(b); err == nil && !bytes.Equal(appendFile(nil, h, payload), b) {
			t.Errorf("%q is not what was read out of it", b)
		}
		if h, random, doubtful, ok := parseFileName(name); ok && h.records < 0 {
			t.Errorf("%q has %+v, %q, %v", name, h, random, doubtful)
		}
	})
}

// TestAFileThatCannotBeRemoved is not sent again by the next life. The tests may run as root, who may do everything but empty a directory that is a file's place.
func TestAFileThatCannotBeRemoved(t *testing.T) {
	s := newStand(t, nil, one(&fake{}))
	it := &item{head: head{exporter: "x", signal: otlplog.Traces, records: 1, born: time.Now()}, payload: []byte("payload")}
	if err := s.outbox.write(it, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.outbox.path(it.name), []byte(gone), 0o600); err != nil {
		t.Fatal(err)
	}
	if items, err := s.outbox.open(); err != nil || len(items) != 0 {
		t.Errorf("%d items, %v", len(items), err)
	}
}
