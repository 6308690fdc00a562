package faults

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/spool"
)

// Processes of files that rows write themselves: the one that runs the handler, and the first of its children.
const (
	handlerPID = 17
	childPID   = 1000
)

// litterFiles are how many files that are nobody's stand in the spool, and in the row that takes long. A million takes the function half a minute to make.
const (
	litterFiles = 20_000
	million     = 1_000_000
)

// A file is one of the spool's that a row composes.
type file struct {
	name spool.Name
	data []byte
	ends []int // of its records, the first one being the description of its process
}

// compose makes a file.
// The start and the end of an invocation have a body, as those of hooks have.
func compose(name spool.Name, records ...spool.Header) file {
	f := file{name: name}
	mark := spool.NewMark()
	process := spool.Header{Kind: spool.KindProcess, Invocation: name.Invocation, Time: time.Now().UnixMicro(),
		Process: &spool.Process{PID: name.PID, Runtime: "python", Version: "3.13.1", Hook: "0.1.0"}}
	f.data = spool.AppendHead(nil, mark)
	for _, h := range append([]spool.Header{process}, records...) {
		var err error
		var bodies [][]byte
		if len(h.Parts) > 0 {
			bodies = append(bodies, []byte(`{"n":1}`))
		}
		if f.data, err = spool.AppendRecord(f.data, mark, h, bodies...); err != nil {
			panic(err) // it is far below the format's limits
		}
		f.ends = append(f.ends, len(f.data))
	}
	return f
}

// cut cuts a file at a byte and says how many records and pieces are left: every record that is whole, and what is behind the last one.
func (f file) cut(at int) (file, int) {
	n := 0
	whole := at == 0 || at == bytes.IndexByte(f.data, '\n')+1 // the head alone
	for i, end := range f.ends {
		if end <= at && i > 0 {
			n++
		}
		whole = whole || end == at
	}
	if !whole {
		n++
	}
	f.data = f.data[:at]
	if at%2 == 0 {
		f.name.State = spool.StateOpen // its process was killed
	}
	return f, n
}

// handled is the file of an invocation that has ended, by the process that runs the handler.
func handled(n int) file {
	id, now := requestID(n), time.Now()
	return compose(spool.Name{Invocation: id, PID: handlerPID, Number: n + 2, State: spool.StateDone},
		spool.Header{Kind: spool.KindInvocationStart, Invocation: id, Time: now.UnixMicro(), Cold: n == 0, Parts: []spool.Part{{Of: spool.PartEvent}}},
		spool.Header{Kind: spool.KindInvocationEnd, Invocation: id, Time: now.Add(time.Millisecond).UnixMicro(), Duration: 1000, Parts: []spool.Part{{Of: spool.PartResponse}}})
}

// called are the records of calls of an invocation.
func called(n, pid, calls int) []spool.Header {
	id, now := requestID(n), time.Now()
	var records []spool.Header
	for c := range calls {
		call := fmt.Sprintf("%d-%d", pid, c+1)
		records = append(records,
			spool.Header{Kind: spool.KindCallStart, Invocation: id, Call: call, Time: now.UnixMicro(), Library: "http.client", Method: "GET", URL: "https://shop.example.com/"},
			spool.Header{Kind: spool.KindCallEnd, Invocation: id, Call: call, Time: now.Add(time.Millisecond).UnixMicro(), Duration: 1000, Status: 200})
	}
	return records
}

// child is the file of a process that the handler's has started.
func child(n, pid, calls int) file {
	return compose(spool.Name{Invocation: requestID(n), PID: pid, Number: 1, State: spool.StateDone}, called(n, pid, calls)...)
}

// hold puts files where the function finds them, and gives the step by which it puts them into the spool.
func (s *stage) hold(files ...file) step {
	if s.set.files == nil {
		s.set.files = map[string][]byte{}
	}
	dir := fmt.Sprintf("held-%d", len(s.set.files))
	for _, f := range files {
		s.set.files[path.Join(dir, f.name.String())] = f.data
	}
	return step{"copy", "/var/task/" + dir, spoolDir}
}

// alive is what the hook writes when the environment begins.
func alive() file {
	return compose(spool.Name{Invocation: spool.InvocationInit, PID: handlerPID, Number: 1, State: spool.StateDone})
}

func spoolRows() []row {
	own := setting{unhooked: true}
	return []row{
		{name: "files by hand", does: "Nothing, for comparison with the rows that have no hook and write files of their own.", set: own, story: func(s *stage) {
			first, second := s.hold(alive(), handled(0), child(0, childPID, 3)), s.hold(handled(1))
			s.begin()
			s.invoke(first)
			s.invoke(second)
			s.records += 6
		}},
		{name: "a file cut at every byte", does: "A file with two calls, once for every byte that it has, cut there; half of them as their process left them, half renamed.",
			set: own, lost: []string{"torn"}, story: cutEverywhere},
		{name: "garbage", does: "Random bytes under names of the spool's, an empty file, garbage between records, a header that is no JSON, a record of a kind that nobody knows.",
			set: own, lost: []string{"corrupt-file", "corrupt-record", "torn", "unknown-kind"}, story: garbage},
		{name: "a newer version", does: "A file of the format's next version.", set: own, lost: []string{"newer-version"}, story: func(s *stage) {
			f := child(0, childPID, 2)
			f.data = bytes.Replace(f.data, []byte("afterglow-spool 1 "), []byte("afterglow-spool 2 "), 1)
			write := s.hold(alive(), handled(0), f, child(0, childPID+1, 1))
			s.begin()
			s.invoke(write)
			s.records += 1 + 2 // nobody can know what is in the newer one: it is one piece
		}},
		{name: "a file that cannot be read", does: "Its mode is 0.", set: own, lost: []string{"unreadable"}, story: func(s *stage) {
			f := child(0, childPID, 2)
			write := s.hold(alive(), f)
			after := s.hold(handled(0))
			s.begin()
			s.invoke(write, step{"chmod", path.Join(spoolDir, f.name.String()), 0}, after)
			s.records++
		}},
		{name: "links, pipes and folders", does: "They have names of the spool's files.", story: func(s *stage) {
			name := func(pid int) string {
				return path.Join(spoolDir, spool.Name{Invocation: requestID(0), PID: pid, Number: 1, State: spool.StateDone}.String())
			}
			s.begin()
			s.invoke(get("/a"), step{"mkdir", spoolDir}, step{"link", "/etc/passwd", name(childPID)}, step{"pipe", name(childPID + 1)}, step{"mkdir", name(childPID + 2)}, step{"link", "/nowhere", name(childPID + 3)}, get("/b"))
			s.busy(2)
		}},
		{name: "many files of nobody's", does: fmt.Sprintf("%d files that are not the spool's stand in its directory.", litterFiles), story: littered(litterFiles)},
		{name: "a million files of nobody's", does: "The same with a million.", slow: true, mayLose: []string{"late-invocation"}, data: "at SHUTDOWN", story: littered(million)},
		{name: "several processes", does: "The function makes child processes, each of which calls somebody.", story: func(s *stage) {
			s.begin()
			s.invoke(get("/a"), step{"fork", "/b"}, step{"fork", "/c"})
			s.invoke(step{"fork", "/d"}, get("/e"))
			s.busy(1)
		}},
		{name: "10,000 calls in one invocation", does: "The function makes 10,000 calls in one invocation.", lost: []string{"dropped-calls", "too-many-calls"}, mayLose: []string{"invocation-full"},
			set: setting{timeout: 2 * long}, story: func(s *stage) {
				s.begin()
				s.busy(1)
				s.invoke(step{"many", "/a", 10_000})
				s.busy(1)
			}},
		{name: "huge bodies", does: "Requests and responses of several megabytes.", story: func(s *stage) {
			s.begin()
			s.invoke(post("/a", 3<<20), get("/bytes/5000000"), post("/b", 1<<20))
			s.busy(1)
		}},
		{name: "huge bodies, kept", does: "The same with AFTERGLOW_CAPTURE_BODY_BYTES=1048576, until an invocation's share of the spool is used up.", lost: []string{"invocation-full"},
			set: setting{env: map[string]string{"AFTERGLOW_CAPTURE_BODY_BYTES": "1048576"}}, story: func(s *stage) {
				s.begin()
				var steps []step
				for range 20 {
					steps = append(steps, post("/a", 1<<20))
				}
				s.invoke(steps...)
				s.busy(1)
			}},
		{name: "no headers", does: "AFTERGLOW_CAPTURE_HEADER_BYTES is 0.", set: setting{env: map[string]string{"AFTERGLOW_CAPTURE_HEADER_BYTES": "0"}}, story: func(s *stage) {
			s.begin()
			s.busy(2)
		}, check: droppedHeaders(false)},
		{name: "few headers", does: "AFTERGLOW_CAPTURE_HEADER_BYTES is 40, which is too little.", set: setting{env: map[string]string{"AFTERGLOW_CAPTURE_HEADER_BYTES": "40"}},
			data: "`afterglow.dropped.headers` tells what was left out of it", story: func(s *stage) {
				s.begin()
				s.busy(2)
			}, check: droppedHeaders(true)},
		{name: "more than is kept of an invocation", does: "The function makes 40 calls of a megabyte each and raises an error, and the settings let all of it into the spool: of what is beyond 24 MiB the beginnings of bodies are kept.",
			set: setting{env: map[string]string{"AFTERGLOW_CAPTURE_BODY_BYTES": "1048576", "AFTERGLOW_SPOOL_INVOCATION_BYTES": "67108864"}}, story: func(s *stage) {
				s.begin()
				var steps []step
				for range 40 {
					steps = append(steps, post("/a", 1<<20))
				}
				s.invoke(append(steps, step{"fail", "behind it all"})...)
				s.busy(1)
			}, check: func(s *stage, a account) {
				for _, span := range a.spans {
					if span.Kind == otlptest.Server && span.Attributes["faas.invocation_id"] == requestID(0) && span.Attributes["error.type"] != "ValueError" {
						s.Errorf("the error did not arrive: %v", span.Attributes)
					}
				}
			}},
	}
}

// cutEverywhere needs no rule for where to cut: a thousand files are nothing.
func cutEverywhere(s *stage) {
	files := []file{alive(), handled(0)}
	for at := range len(child(0, childPID, 2).data) + 1 { // ids of the same length make files of the same length
		f, n := child(0, childPID+at, 2).cut(at)
		files = append(files, f)
		s.records += n
	}
	write := s.hold(files...)
	s.begin()
	s.invoke(write)
}

// droppedHeaders checks whether headers are said to be missing.
func droppedHeaders(want bool) func(*stage, account) {
	return func(s *stage, a account) {
		s.Helper()
		for _, span := range a.spans {
			if n, _ := span.Attributes["afterglow.dropped.headers"].(int64); span.Kind == otlptest.Server && (n > 0) != want {
				s.Errorf("%d headers are said to be missing", n)
			}
		}
	}
}

func garbage(s *stage) {
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	named := func(pid int, data []byte) file {
		return file{name: spool.Name{Invocation: requestID(0), PID: pid, Number: 1, State: spool.StateDone}, data: data}
	}
	between := child(0, childPID+3, 1)
	between.data = bytes.Join([][]byte{between.data[:between.ends[1]], noise, between.data[between.ends[1]:]}, nil)
	noJSON := child(0, childPID+4, 1)
	noJSON.data = bytes.Replace(noJSON.data, []byte(`{"kind":"call.end"`), []byte(`<"kind":"call.end"`), 1)
	unknown := compose(spool.Name{Invocation: requestID(0), PID: childPID + 5, Number: 1, State: spool.StateDone},
		append(called(0, childPID+5, 1), spool.Header{Kind: "call.sigh", Invocation: requestID(0)})...)
	write := s.hold(alive(), handled(0), named(childPID, noise), named(childPID+1, nil), named(childPID+2, []byte(strings.Repeat("\n", 100))), between, noJSON, unknown)
	s.begin()
	s.invoke(write)
	s.records += 2 /* noise alone */ + 3 /* between */ + 2 /* no JSON */ + 3 /* unknown */
}

func littered(files int) func(*stage) {
	return func(s *stage) {
		s.set.timeout = patience
		s.begin()
		s.busy(1)
		s.invoke(get("/a"), step{"litter", spoolDir, files}, get("/b"))
		s.busy(2)
	}
}
