package deployed

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A server that is no AWS is told of by what it answers.
func TestLookAtSomethingElse(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		says   []string
	}{
		{"a page", 200, "<html>welcome</html>", []string{"does not answer like Lambda's API", "200 OK", "<html>welcome</html>"}},
		{"nothing there", 404, "<html>not found</html>", []string{"does not answer like Lambda's API", "404 Not Found", "not found"}},
		{"other JSON", 200, `[1]`, []string{"does not answer like Lambda's API", "[1]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			client := NewClient(Endpoint{URL: server.URL, Region: "us-east-1", AccessKey: "a", SecretKey: "s", ReadOnly: true})
			defer client.Close()
			_, err := client.Look(t.Context())
			if err == nil {
				t.Fatal("got no error")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("it does not say %q: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "deserialization") {
				t.Errorf("it speaks of the SDK's parser: %v", err)
			}
		})
	}
}
