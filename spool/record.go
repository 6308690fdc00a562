// Package spool is the codec of Afterglow's spool files: the seam between the hooks in the function's process,
// which append records, and the extension, which reads them after the response has gone out.
//
// It takes and gives bytes. FORMAT.md in this directory is its specification; testdata/vectors holds the same cases for
// every language. The package knows nothing of what a record means to anyone: that is package event's business.
//
// It promises: whatever the bytes, Read returns every record that is whole, never one that is not, and counts the rest.
package spool

import (
	"strings"
	"unicode/utf8"
)

// Version is the version of the format that this package writes and the highest that it reads.
const Version = 1

// Limits of the format itself. A reader refuses what is beyond them, so that a damaged length cannot make it wait or allocate.
const (
	MaxBody   = 16 << 20  // one record's body; far above every capture budget
	MaxHeader = 256 << 10 // one record's header line: 16 KiB of headers, message and stack, each escaped at the worst
	// MaxRecord is all of a record: what stands before its header and behind its body, with a length of ten digits, included.
	MaxRecord = len("@") + markLen + len(" 0123456789 ") + MaxHeader + len("\n") + MaxBody + len("\n")
)

// Kinds of records.
const (
	KindProcess         = "process"
	KindInvocationStart = "invocation.start"
	KindInvocationEnd   = "invocation.end"
	KindInitError       = "init.error"
	KindCallStart       = "call.start"
	KindCallEnd         = "call.end"
	KindLoss            = "loss"
)

// Invocations that are none: work before the first invocation, and work of a process that cannot know its invocation.
const (
	InvocationInit = "init"
	InvocationNone = "none"
)

// Names of parts.
const (
	PartEvent    = "event"
	PartRequest  = "request"
	PartResponse = "response"
	PartHeaders  = "headers" // lines of a head, from which Read makes Headers
	PartSent     = "sent"    // of a call's end: lines of the request's head, for SentHeaders
)

// A Record is one thing that a hook saw: a header and the raw bytes that its parts name.
type Record struct {
	Header
	Body []byte // all parts, one after the other; aliases the bytes given to Read
}

// A Header is the JSON line of a record. Which fields are set depends on Kind; see FORMAT.md.
type Header struct {
	Kind       string `json:"kind"`
	Invocation string `json:"inv"`
	Time       int64  `json:"t"`              // µs since the Unix epoch, wall clock
	Duration   int64  `json:"dur,omitempty"`  // µs, monotonic
	FirstByte  int64  `json:"ttfb,omitempty"` // µs, monotonic

	Process *Process `json:"process,omitempty"`

	ARN       string `json:"arn,omitempty"`
	Deadline  int64  `json:"deadline,omitempty"` // ms since the Unix epoch, as Lambda gives it
	Trace     string `json:"trace,omitempty"`    // value of X-Amzn-Trace-Id
	Tenant    string `json:"tenant,omitempty"`
	Handler   string `json:"handler,omitempty"`
	Cold      bool   `json:"cold,omitempty"`
	Streaming bool   `json:"streaming,omitempty"`

	Call     string      `json:"call,omitempty"`
	Library  string      `json:"lib,omitempty"`
	Method   string      `json:"method,omitempty"`
	URL      string      `json:"url,omitempty"`
	Headers  [][2]string `json:"headers,omitempty"`
	Status   int         `json:"status,omitempty"`
	Protocol string      `json:"proto,omitempty"`
	Peer     string      `json:"peer,omitempty"`
	Resend   int         `json:"resend,omitempty"`
	Partial  bool        `json:"partial,omitempty"`
	Span     string      `json:"span,omitempty"` // that the request names as its parent, by a header of the hook's

	Error *Error `json:"error,omitempty"`

	Reason  string `json:"reason,omitempty"`
	Records int64  `json:"records,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`

	Parts []Part `json:"parts,omitempty"`
}

// A Process describes the process that wrote a file.
type Process struct {
	PID     int               `json:"pid"`
	Parent  int               `json:"ppid,omitempty"`
	Runtime string            `json:"runtime,omitempty"`
	Version string            `json:"version,omitempty"`
	Hook    string            `json:"hook,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
}

// An Error is what the user's code raised, or what a request failed with.
type Error struct {
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
	Stack   string `json:"stack,omitempty"`
}

// A Part names a piece of a record's body.
type Part struct {
	Of        string `json:"of"`
	Len       int64  `json:"len"`
	Size      *int64 `json:"size,omitempty"` // of the whole; nil when unknown
	Truncated bool   `json:"truncated,omitempty"`
	Shortened bool   `json:"shortened,omitempty"`
}

// Part returns the description and the bytes of the record's first part of that name. A part that reaches beyond the body is
// not there: its writer and this reader disagree, and its bytes could be another part's.
func (r Record) Part(of string) (Part, []byte, bool) {
	at := int64(0)
	for _, p := range r.Parts {
		if p.Len < 0 || p.Len > int64(len(r.Body))-at {
			return Part{}, nil, false
		}
		if p.Of == of {
			return p, r.Body[at : at+p.Len : at+p.Len], true
		}
		at += p.Len
	}
	return Part{}, nil, false
}

// headersOfPart makes Headers of the lines of a head, where a hook left them as they passed.
func (r *Record) headersOfPart() {
	_, part, ok := r.Part(PartHeaders)
	if !ok || r.Headers != nil {
		return
	}
	r.Headers = pairs(part)
}

// SentHeaders gives the request's headers as they went out, from the end of a call of which not all were known at its start; else nil.
func (r Record) SentHeaders() [][2]string {
	_, part, ok := r.Part(PartSent)
	if !ok {
		return nil
	}
	return pairs(part)
}

// pairs gives the names and values of the lines of a head.
func pairs(part []byte) [][2]string {
	lines := text(part)
	pairs := make([][2]string, 0, strings.Count(lines, "\n"))
	for line := range strings.Lines(lines) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			pairs = append(pairs, [2]string{name, strings.TrimSpace(value)})
		}
	}
	return pairs
}

// text gives bytes of a head as text: UTF-8, or else Latin-1, which HTTP once was in (RFC 9110, 5.5).
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
