package faults

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// hog is the file that takes all of /tmp.
const hog = "/tmp/hog"

// large bodies do not fit into what a file that was begun has left of its last block.
const large = 20_000

// quiet asserts that nobody complains of where the spool is.
func quiet(s *stage, _ account) {
	s.Helper()
	for _, line := range append(s.said(lambdalocal.SourceExtension), s.said(lambdalocal.SourceFunction)...) {
		if strings.Contains(line, "spool") || strings.Contains(line, "outbox") || strings.Contains(line, "SPOOL") {
			s.Errorf("somebody says: %s", line)
		}
	}
}

// Of other files in the spool's place.
const elsewhere = "/tmp/elsewhere"

func diskRows() []row {
	return []row{
		{name: "is full for a while", does: "The function fills it to the last byte, is invoked twice, and makes room again.", root: true, cutShort: true, lost: []string{"write-failed"}, mayLose: []string{"torn"}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"fill", hog}, get("/b"))
			s.busy(2)
			s.invoke(get("/a"), step{"remove", hog}, get("/b"))
			s.busy(1)
		}},
		{name: "is full for a while, and nobody collects", does: "The same, and the collector answers 503 meanwhile.", root: true, cutShort: true, lost: []string{"write-failed"}, mayLose: []string{"torn"}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.collector.Otherwise(otlptest.Answer{Status: 503})
			s.busy(1)
			s.invoke(get("/a"), step{"fill", hog}, get("/b"))
			s.busy(1)
			s.invoke(get("/a"), step{"remove", hog}, get("/b"))
			s.collector.Otherwise(otlptest.Answer{})
			s.busy(1)
		}},
		{name: "is full until the end", does: "The function fills it to the last byte, and leaves it so.", root: true, cutShort: true, untold: true, lost: []string{"untold"}, mayLose: []string{"write-failed", "orphan-end", "torn"}, story: func(s *stage) {
			s.begin()
			s.busy(1)
			for range 2 {
				s.invoke(get("/a"), step{"fill", hog}, post("/b", large))
			}
		}},
		{name: "is full when the environment begins", does: "What an earlier life left fills it: a reset after it was filled.", root: true, cutShort: true, lost: []string{"write-failed"}, mayLose: []string{"orphan-end", "torn"}, story: func(s *stage) {
			s.begin()
			s.invoke(get("/a"), step{"fill", hog}, step{"kill"})
			s.invoke(step{"fill", hog}, post("/a", large))
			s.invoke(step{"remove", hog}, get("/a"))
			s.busy(1)
		}},
		{name: "cannot be written", does: "AFTERGLOW_SPOOL_DIR is on a file system that is read-only.", untold: true, lost: []string{"untold"},
			set: setting{env: map[string]string{"AFTERGLOW_SPOOL_DIR": "/var/task/spool"}}, story: unrecorded},
		{name: "is the spool as a whole", does: "AFTERGLOW_SPOOL_DIR is /tmp; the collector answers 503 at first, and the function is killed meanwhile.", set: setting{env: map[string]string{"AFTERGLOW_SPOOL_DIR": "/tmp"}}, story: func(s *stage) {
			s.collector.Otherwise(otlptest.Answer{Status: 503})
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"kill"})
			s.collector.Otherwise(otlptest.Answer{})
			s.busy(1)
		}, check: quiet},
		{name: "has the spool far below", does: "AFTERGLOW_SPOOL_DIR is /tmp/a/b/c, and there is no /tmp/a.", set: setting{env: map[string]string{"AFTERGLOW_SPOOL_DIR": "/tmp/a/b/c"}}, story: func(s *stage) {
			s.begin()
			s.busy(2)
		}, check: quiet},
		{name: "is cleaned by the function", does: "Each invocation ends by deleting everything in /tmp.", lost: []string{"deleted"}, story: func(s *stage) {
			s.begin()
			for range 3 {
				s.invoke(get("/a"), step{"clear", "/tmp"})
			}
			s.busy(1)
		}},
		{name: "is cleaned at the start", does: "Each invocation begins by deleting everything in /tmp, while the collector answers 503 at first. AFTERGLOW_FLUSH is end: what nobody has read before it is deleted is not there to be counted.",
			lost: []string{"deleted", "outbox-gone"}, set: setting{env: map[string]string{"AFTERGLOW_FLUSH": "end"}}, story: func(s *stage) {
				s.collector.Otherwise(otlptest.Answer{Status: 503})
				s.begin()
				s.busy(2)
				for range 2 {
					s.invoke(step{"clear", "/tmp"}, get("/a"))
				}
				s.collector.Otherwise(otlptest.Answer{})
				s.busy(1)
			}},
		{name: "has a file where the spool was", does: "The function puts a file into the spool's place, and later takes it away.", lost: []string{"deleted", "write-failed"}, story: replaced(step{"put", spoolDir})},
		{name: "has a pipe where the spool was", does: "The same with a named pipe, which nobody opens at its other end.", lost: []string{"deleted", "write-failed"}, story: replaced(step{"pipe", spoolDir})},
		{name: "has a dead link where the spool was", does: "The same with a link to nowhere.", lost: []string{"deleted", "write-failed"}, story: replaced(step{"link", "/tmp/nowhere/at/all", spoolDir})},
		{name: "has the spool elsewhere", does: "The function moves the spool and puts a link to it into its place.", story: func(s *stage) {
			s.begin()
			s.busy(1)
			s.invoke(get("/a"), step{"mkdir", spoolDir}, step{"rename", spoolDir, elsewhere}, step{"link", elsewhere, spoolDir}, get("/b"))
			s.busy(2)
		}},
		{name: "the spool is a file from the start", does: "AFTERGLOW_SPOOL_DIR is a file.", untold: true, lost: []string{"untold"},
			set: setting{env: map[string]string{"AFTERGLOW_SPOOL_DIR": "/var/task/app.py"}}, story: unrecorded},
	}
}

// replaced is the story of a function that puts something into the spool's place.
func replaced(by step) func(*stage) {
	return func(s *stage) {
		s.begin()
		s.busy(1)
		s.invoke(get("/a"), step{"remove", spoolDir}, by, get("/b"))
		s.busy(1)
		s.invoke(get("/a"), step{"remove", spoolDir}, get("/b"))
		s.busy(1)
	}
}

// unrecorded is the story of a function whose hook can write nothing from the start.
func unrecorded(s *stage) {
	s.begin()
	s.busy(2)
}
