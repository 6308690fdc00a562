package conformance

import "regexp"

// python is told by AWS's own runtime client, awslambdaric.
func python() actor {
	return actor{
		language:  "python",
		versions:  []string{"python3.13", "python3.9", "python3.10", "python3.11", "python3.12", "python3.14"},
		handlers:  map[string]string{"": "app.handler"},
		libraries: []string{"http.client", "urllib"},
		build:     asItIs,
		noise:     []*regexp.Regexp{regexp.MustCompile(`\[\d{13}\]`)}, // the time, where the client logs
	}
}
