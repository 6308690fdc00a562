package layer

import (
	"strings"
	"testing"
)

// The words by which the licences are known, with the rest of them left out.
const (
	apache = "Apache License\n  Version 2.0, January 2004\n\nTERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION\n"
	bsd    = "Copyright (c) Somebody\n\nRedistribution and use in source and binary forms, with or without\nmodification, are permitted\n"
	isc    = "Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted … appear in all copies."
	mit    = "Permission is hereby granted, free of charge, to any person obtaining a copy … The above copyright notice and this\npermission notice shall be included …"
)

func TestLicenceOf(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"Apache", apache, "Apache-2.0"},
		{"three clauses", bsd + "   * Neither the name of Somebody", "BSD-3-Clause"},
		{"two clauses", bsd, noAssertion},
		{"ISC", isc, "ISC"},
		{"MIT, with other ends of lines", strings.ReplaceAll(mit, "\n", "\r\n"), "MIT"},
		{"MIT without its condition", mit[:80], noAssertion},
		{"two in one file", mit + apache, noAssertion},
		{"one with more", mit + strings.Repeat("Not for the weak. ", 100), noAssertion},
		{"none", "All rights reserved.", noAssertion},
		{"nothing", "", noAssertion},
	} {
		if got := licenceOf(c.text); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLicencesIn(t *testing.T) {
	head := func(module string, texts ...string) string {
		return moduleHead + module + "\n" + strings.Join(texts, "")
	}
	text := func(name, text string) string { return textHead + name + "\n\n" + text + "\n" }
	got := licencesIn("Compiled from these.\n" +
		head("example.com/one v1.0.0", text("LICENSE", apache), text("NOTICE.txt", "by Somebody"), text("part/LICENSE", mit)) +
		head("example.com/two v2.0.0", text("LICENSE.md", mit), text("LICENSE-OTHER", "of nobody knows what")) +
		head("example.com/three v3.0.0", text("COPYING", isc), text("PATENTS", "granted")))
	for module, want := range map[string]string{"example.com/one v1.0.0": "Apache-2.0 AND MIT", "example.com/two v2.0.0": "", "example.com/three v3.0.0": "ISC"} {
		if got[module] != want {
			t.Errorf("%s has %q, want %q", module, got[module], want)
		}
	}
}
