// Command cat prints a spool for a human: go run ./spool/cat DIR-or-FILE …
//
// It reads and changes nothing. What it prints is unmasked: it is meant for a spool of your own machine.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/spool"
)

// bodyShown is how much of a part one line shows; a human who wants all of it opens the file.
const bodyShown = 120

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintf(stderr, "usage: go run ./spool/cat DIR-or-FILE …\nPrints the spool files of a directory (usually %s), or the files named.\n", "/tmp/afterglow")
		return 2
	}
	code := 0
	for _, arg := range args {
		if err := show(stdout, arg); err != nil {
			fmt.Fprintf(stderr, "cat: %v\n", err)
			code = 1
		}
	}
	return code
}

// show prints a file, or every spool file of a directory.
func show(w io.Writer, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return showFile(w, path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var errs []error
	shown, others := 0, 0
	sort.Slice(entries, func(i, j int) bool { return modified(entries[i]).Before(modified(entries[j])) })
	for _, e := range entries {
		if _, ok := spool.ParseName(e.Name()); !ok || !e.Type().IsRegular() {
			others++
			continue
		}
		shown++
		errs = append(errs, showFile(w, filepath.Join(path, e.Name())))
	}
	if shown == 0 {
		fmt.Fprintf(w, "%s holds no spool files", path)
	} else {
		fmt.Fprintf(w, "%d spool files", shown)
	}
	if others > 0 {
		fmt.Fprintf(w, " (%d other entries)", others)
	}
	fmt.Fprintln(w)
	return errors.Join(errs...)
}

func modified(e os.DirEntry) time.Time {
	info, err := e.Info()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func showFile(w io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s · %d bytes\n", filepath.Base(path), len(data))
	s, err := spool.Read(data, func(r spool.Record) error { return showRecord(w, r) })
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, bad := range []struct {
		n    int
		what string
	}{{s.Torn, "torn"}, {s.Corrupt, "corrupt"}, {s.Unknown, "of an unknown kind"}} {
		if bad.n > 0 {
			fmt.Fprintf(w, "  ! %d %s\n", bad.n, bad.what)
		}
	}
	if tail := int64(len(data)) - s.TailStart; tail > 0 {
		fmt.Fprintf(w, "  ! %d bytes of an incomplete record at the end\n", tail)
	}
	fmt.Fprintln(w)
	return nil
}

func showRecord(w io.Writer, r spool.Record) error {
	at := time.UnixMicro(r.Time).UTC().Format("15:04:05.000000")
	fmt.Fprintf(w, "  %s %-16s %s\n", at, r.Kind, headline(r))
	for _, h := range r.Headers {
		fmt.Fprintf(w, "      %s: %s\n", h[0], oneLine([]byte(h[1])))
	}
	if e := r.Error; e != nil {
		fmt.Fprintf(w, "      error %s: %s\n", e.Type, oneLine([]byte(e.Message)))
		for _, line := range strings.Split(strings.TrimSpace(e.Stack), "\n") {
			fmt.Fprintf(w, "      | %s\n", line)
		}
	}
	for _, p := range r.Parts {
		_, body, ok := r.Part(p.Of)
		if !ok {
			fmt.Fprintf(w, "      %s: reaches beyond the body\n", p.Of)
			continue
		}
		fmt.Fprintf(w, "      %s (%s): %s\n", p.Of, partSize(p), oneLine(body))
	}
	return nil
}

// headline is what tells one record from the next.
func headline(r spool.Record) string {
	var f []string
	add := func(format string, v any) { f = append(f, fmt.Sprintf(format, v)) }
	switch r.Kind {
	case spool.KindProcess:
		if p := r.Process; p != nil {
			add("pid %d", p.PID)
			add("%s", strings.TrimSpace(p.Runtime+" "+p.Version))
			if env, err := json.Marshal(p.Env); err == nil && len(p.Env) > 0 {
				add("%s", env)
			}
		}
	case spool.KindLoss:
		add("%s", r.Reason)
		add("%d records", r.Records)
		add("%d bytes", r.Bytes)
	default:
		for _, s := range []string{r.Call, r.Library, r.Method, r.URL, r.ARN, r.Handler, r.Trace} {
			if s != "" {
				f = append(f, s)
			}
		}
		if r.Status != 0 {
			add("status %d", r.Status)
		}
		if r.Cold {
			f = append(f, "cold")
		}
		if r.Duration != 0 {
			add("took %v", time.Duration(r.Duration)*time.Microsecond)
		}
		if r.Partial {
			f = append(f, "not read to the end")
		}
	}
	if r.Invocation == spool.InvocationInit || r.Invocation == spool.InvocationNone {
		add("[%s]", r.Invocation)
	}
	return strings.Join(f, " · ")
}

func partSize(p spool.Part) string {
	s := fmt.Sprintf("%d bytes", p.Len)
	if p.Size != nil && *p.Size != p.Len {
		s += fmt.Sprintf(" of %d", *p.Size)
	}
	switch {
	case p.Shortened:
		s += ", shortened"
	case p.Truncated:
		s += ", cut"
	}
	return s
}

// oneLine shows bytes in one line, escaped where a terminal would take them for more than text.
func oneLine(b []byte) string {
	cut := ""
	if len(b) > bodyShown {
		b, cut = b[:bodyShown], "…"
	}
	if utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
		return string(b) + cut
	}
	q := fmt.Sprintf("%q", b)
	return q[1:len(q)-1] + cut
}
