package settings

import (
	"slices"
	"strings"
)

const (
	// prefix begins the names of our own settings, otlp those of OpenTelemetry's that say where to export to and how.
	prefix, otlp = "AFTERGLOW_", "OTEL_EXPORTER_OTLP_"
	// aggregation is the one of these in OpenTelemetry's specification that is not followed, but for the value that is its default.
	aggregation, explicit = otlp + "METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram"
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
		name, value, _ := strings.Cut(entry, "=")
		begin := prefixOf(name)
		if _, ok := Lookup(name); ok || begin == "" || isOthers(name, value) {
			continue
		}
		if len(errs) == mostUnknown {
			break
		}
		err := &Error{Name: tellable(name, begin), Value: "…", Problem: "there is no such setting", Remedy: remedyFor(name, begin)}
		if name == aggregation {
			err.Problem, err.Remedy = "Afterglow's histograms have explicit bounds and no others", "leave it out, or set "+explicit
		}
		errs = append(errs, err)
	}
	return errs
}

// prefixOf gives with what a name of a setting begins, "" if it begins like none.
func prefixOf(name string) string {
	for _, begin := range [...]string{prefix, otlp} {
		if strings.HasPrefix(name, begin) {
			return begin
		}
	}
	return ""
}

// isOthers tells whether a variable of OpenTelemetry's says nothing to this exporter, by its specification (opentelemetry.io/docs/specs/otel/protocol/exporter/): insecure is for gRPC
// alone, profiles are a signal that nobody makes here.
func isOthers(name, value string) bool {
	return strings.HasPrefix(name, otlp) && (strings.HasSuffix(name, "INSECURE") || strings.HasPrefix(name, otlp+"PROFILES_") || name == aggregation && value == explicit)
}

// remedyFor names the nearest setting, if any is near.
func remedyFor(name, begin string) string {
	const see = "see docs/settings.md for the names"
	if len(name) > longestName {
		return see
	}
	nearest, least := "", 1+(len(name)-len(begin))/2 // half of it is too much for a slip
	for _, s := range table() {
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
func tellable(name, begin string) string {
	if len(name) <= longestName && !slices.ContainsFunc([]byte(name), func(c byte) bool { return !isAlphanumeric(c) && c != '_' }) {
		return name
	}
	return begin + "…"
}
