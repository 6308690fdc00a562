package settings

import (
	"fmt"
	"strings"
)

// Markdown renders the table as docs/settings.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Settings

Every knob is an environment variable of the function. The construct sets them for you; set them yourself if you use the layer alone.
A wrong value is an error when the construct meets it, at synth. In a running function it is a warning in the log and the default is used, or the safer
value where masking is concerned: no setting can fail a function. A variable that begins with ` + "`AFTERGLOW_`" + ` and is none of these is a warning too.

This page is generated from the table in ` + "`settings/table.go`" + ` (` + "`go test ./settings -update`" + `).

| setting | type | default | read by | meaning |
|---|---|---|---|---|
`)
	for _, s := range table() {
		var readers []string
		for _, r := range s.Readers {
			readers = append(readers, string(r))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, s.describe(), code(s.Default), strings.Join(readers, ", "), s.Doc)
	}
	b.WriteString(`
| type | is |
|---|---|
| bool | ` + "`true` or `false`, `1` or `0`" + ` |
| bytes | a whole number of bytes |
| number | zero or more, with a point or an exponent |
| duration | ` + "`250ms`, `1.5s`, `2m`" + `; a bare number is milliseconds |
| list | entries separated by commas |
| keys, places, hosts | lists of keys, of places in documents, of hosts; a wrong entry is left out |
| set | some of the values, separated by commas; a wrong one is left out, where the meaning says nothing else |
| pairs | ` + "`key=value`" + ` separated by commas, percent-encoded |
| path | an absolute path |
| url | an absolute http or https URL |
`)
	return b.String()
}

func (s Setting) describe() string {
	switch {
	case s.Type == Set:
		return "set of " + strings.Join(s.Values, " · ")
	case s.Type == Enum:
		return strings.Join(s.Values, " · ")
	case s.Type == Bytes && s.Max > 0:
		return fmt.Sprintf("bytes, %d–%d", s.Min, s.Max)
	case s.Type == Duration && s.Max > 0:
		return fmt.Sprintf("duration, %d–%d ms", s.Min, s.Max)
	}
	return string(s.Type)
}

func code(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}
