package conformance

import "regexp"

// node is told by AWS's own runtime client, aws-lambda-ric.
func node() actor {
	return actor{
		language:  "node",
		versions:  []string{"nodejs22.x", "nodejs20.x", "nodejs24.x"},
		handlers:  map[string]string{"": "app.handler", "stream": "app.stream", "callback": "app.callback"},
		libraries: []string{"http", "fetch"},
		build:     asItIs,
		noise:     []*regexp.Regexp{regexp.MustCompile(`\(node:\d+\)`)}, // the process
	}
}
