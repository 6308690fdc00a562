package settings

import (
	"slices"
	"strings"
)

const (
	prefix = "AFTERGLOW_"
	// mostUnknown bounds how many names are told: a program may have a prefix of its own that begins like ours.
	mostUnknown = 8
	// longestName is how much of one is told: a few times the longest of ours.
	longestName = 100
)

// Unknown gives an error for each variable of an environment, as os.Environ gives it, that is named like a setting and is none: most are
// misspelt, and what they were to do does not happen. Each is an *Error.
func Unknown(environ []string) []error {
	var errs []error
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if _, ok := Lookup(name); ok {
			continue
		}
		if len(errs) == mostUnknown {
			break
		}
		errs = append(errs, &Error{Name: tellable(name), Value: "…", Problem: "there is no such setting", Remedy: remedyFor(name)})
	}
	return errs
}

// remedyFor names the nearest setting, if any is near.
func remedyFor(name string) string {
	const see = "see docs/settings.md for the names"
	if len(name) > longestName {
		return see
	}
	nearest, least := "", 1+(len(name)-len(prefix))/2 // half of it is too much for a slip
	for _, s := range Table() {
		if d := distance(name, s.Name); d < least {
			nearest, least = s.Name, d
		}
	}
	if nearest == "" {
		return see
	}
	return "perhaps " + nearest + " is meant; " + see
}

// distance counts the letters to insert, to leave out or to change that lead from one text to the other (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// tellable is a name as a line of a log may have it.
func tellable(name string) string {
	if len(name) <= longestName && !slices.ContainsFunc([]byte(name), func(c byte) bool { return !isAlphanumeric(c) && c != '_' }) {
		return name
	}
	return prefix + "…"
}
