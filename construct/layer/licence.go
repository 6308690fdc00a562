package layer

import (
	"path"
	"slices"
	"strings"
)

// A licenceText is how a licence is known by its text.
type licenceText struct {
	id      string   // of the SPDX licence list (spdx.org/licenses)
	phrases []string // all in it, in small letters with single spaces
	most    int      // bytes of it with some lines of copyright: what is longer says something else too
}

var licenceTexts = []licenceText{
	{"Apache-2.0", []string{"apache license version 2.0, january 2004", "terms and conditions for use, reproduction, and distribution"}, 12_000},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms, with or without modification, are permitted", "neither the name of"}, 1_800},
	{"ISC", []string{"permission to use, copy, modify, and", "distribute this software for any purpose with or without fee is hereby granted", "appear in all copies"}, 1_000},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright notice and this permission notice shall be included"}, 1_400},
}

// licenceOf gives the licence that a text plainly is, and no more than it; else noAssertion.
func licenceOf(text string) string {
	plain := strings.ToLower(strings.Join(strings.Fields(text), " "))
	found := noAssertion
	for _, l := range licenceTexts {
		if slices.ContainsFunc(l.phrases, func(phrase string) bool { return !strings.Contains(plain, phrase) }) {
			continue
		}
		if found != noAssertion || len(plain) > l.most {
			return noAssertion
		}
		found = l.id
	}
	return found
}

// licencesIn reads notices again: the licences of each module, by its path and version, as SPDX writes several that all hold.
func licencesIn(notices string) map[string]string {
	all := map[string]string{}
	for _, module := range strings.Split(notices, moduleHead)[1:] {
		texts := strings.Split(module, textHead)
		var found []string
		for _, text := range texts[1:] {
			name, text, _ := strings.Cut(text, "\n")
			if kind, _, _ := strings.Cut(strings.ToUpper(path.Base(name)), "."); kind == "NOTICE" || kind == "PATENTS" { // which licences go with
				continue
			}
			found = append(found, licenceOf(text))
		}
		slices.Sort(found)
		found = slices.Compact(found)
		if head := strings.TrimSpace(texts[0]); !slices.Contains(found, noAssertion) && len(found) > 0 {
			all[head] = strings.Join(found, " AND ")
		}
	}
	return all
}
