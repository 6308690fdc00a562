package deployed

import (
	"slices"
	"testing"
)

func TestUndisguise(t *testing.T) {
	const proxied = `"MINISTACK_LAMBDA_PROXY_URL":"http://127.0.0.1:1/_afterglow/proxy/orders?timeout=7s"`
	tests := []struct {
		name, answer, want string
		published          []string
	}{
		{"a configuration", `{"FunctionName":"orders","Version":"$LATEST","Timeout":67,"Environment":{"Variables":{"A":"b",` + proxied + `}},"CodeSize":12345678901}`,
			`{"CodeSize":12345678901,"Environment":{"Variables":{"A":"b"}},"FunctionName":"orders","Timeout":7,"Version":"$LATEST"}`, nil},
		{"no other variable", `{"Timeout":67,"Environment":{"Variables":{` + proxied + `}}}`, `{"Timeout":7}`, nil},
		{"a published version", `{"FunctionName":"orders","Version":"3","Timeout":67,"Environment":{"Variables":{` + proxied + `}}}`,
			`{"FunctionName":"orders","Timeout":7,"Version":"3"}`, []string{"orders:3"}},
		{"further inside", `{"Functions":[{"Timeout":67,"Environment":{"Variables":{` + proxied + `}}}]}`, `{"Functions":[{"Timeout":7}]}`, nil},
		{"nothing of ours", `{"b":1, "a":2}`, `{"b":1, "a":2}`, nil},
		{"no JSON", `MINISTACK_LAMBDA_PROXY_URL`, `MINISTACK_LAMBDA_PROXY_URL`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, published := Undisguise([]byte(test.answer)); string(got) != test.want || !slices.Equal(published, test.published) {
				t.Errorf("got %s, %v", got, published)
			}
		})
	}
}
