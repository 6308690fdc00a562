package conformance

import "regexp"

// ruby is told by AWS's own runtime client where this machine has it, else by ours, on Debian's Ruby 3.3, which is one of Lambda's.
func ruby() actor {
	return actor{
		language:  "ruby",
		versions:  []string{"ruby3.3"},
		handlers:  map[string]string{"": "app.handler"},
		libraries: []string{"net/http", "open-uri"},
		build:     asItIs,
		noise:     []*regexp.Regexp{regexp.MustCompile(`0x[0-9a-f]{8,}`), regexp.MustCompile(`#\d+\]`)}, // addresses; the process, where the client logs
	}
}
