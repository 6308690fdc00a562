package hook

import (
	"fmt"
	"strings"
	"testing"
)

// A taken message is what came of one.
type taken struct {
	line, body, field, trailer string
	heads, ends                int
	state                      state
}

// take passes a text through a message in pieces of the sizes given, over and over.
func take(text string, sizes ...int) (got taken, rest string) {
	m := &message{}
	m.onHead = func() { got.heads++ }
	m.onBody = func(p []byte) { got.body += string(p) }
	m.onEnd = func() { got.ends++ }
	for i := 0; text != ""; i++ {
		n := min(len(text), max(1, sizes[i%len(sizes)]))
		rest += string(m.add([]byte(text[:n])))
		text = text[n:]
	}
	got.line, got.state = m.line, m.state
	if m.fields != nil {
		got.field = m.fields.Get("Lambda-Runtime-Aws-Request-Id")
	}
	if m.trailer != nil {
		got.trailer = m.trailer.Get(TrailerError)
	}
	return got, rest
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 100000)
	for _, c := range []struct {
		name, text string
		want       taken
		rest       string
	}{
		{"next", "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n", taken{line: "GET /2018-06-01/runtime/invocation/next HTTP/1.1", heads: 1, ends: 1, state: ended}, ""},
		{"an event", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nlambda-runtime-aws-request-id:  one \r\n\r\n{\"a\":1}", taken{line: "HTTP/1.1 200 OK", body: `{"a":1}`, field: "one", heads: 1, ends: 1, state: ended}, ""},
		{"a chunked event", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n", taken{line: "HTTP/1.1 200 OK", body: `{"a":1}`, heads: 1, ends: 1, state: ended}, ""},
		{"a response with its trailer", "POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\nA\r\n0123456789\r\n0\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n", taken{line: "POST /r HTTP/1.1", body: "0123456789", trailer: "e30=", heads: 1, ends: 1, state: ended}, ""},
		{"what is behind it", "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}HTTP", taken{line: "HTTP/1.1 202 Accepted", body: "{}", heads: 1, ends: 1, state: ended}, "HTTP"},
		{"nothing in it", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", taken{line: "HTTP/1.1 202 Accepted", heads: 1, ends: 1, state: ended}, ""},
		{"a long field behind what matters", "POST /r HTTP/1.1\r\nContent-Length: 1\r\nLambda-Runtime-Function-Xray-Error-Cause: " + long + "\r\n\r\ne", taken{line: "POST /r HTTP/1.1", body: "e", heads: 1, ends: 1, state: ended}, ""},
		{"no end but the connection's", "HTTP/1.1 200 OK\r\n\r\nabc", taken{line: "HTTP/1.1 200 OK", heads: 1, state: odd}, "abc"},
		{"a chunk of nonsense", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", taken{line: "HTTP/1.1 200 OK", heads: 1, state: odd}, "abc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, sizes := range [][]int{{1 << 20}, {1}, {2, 3}, {7}, {4096}} {
				got, rest := take(c.text, sizes...)
				if got != c.want || rest != c.rest {
					t.Errorf("in pieces of %v: %+v %q, want %+v %q", sizes, got, rest, c.want, c.rest)
				}
			}
		})
	}
}

// FuzzMessage: however it comes in pieces, it is the same message.
func FuzzMessage(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3, 1)
	f.Add("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcdefgh", 2, 50)
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc", 1, 1)
	f.Fuzz(func(t *testing.T, text string, a, b int) {
		whole, rest := take(text, len(text)+1)
		pieces, restOfPieces := take(text, a&0xff, b&0xff)
		if whole != pieces || rest != restOfPieces {
			t.Errorf("%+v %q\n%+v %q", whole, rest, pieces, restOfPieces)
		}
	})
}

func ExampleHandler_Exchange() {
	h := &Handler{}
	for _, request := range [][2]string{{"GET", "/2018-06-01/runtime/invocation/next"}, {"POST", "/2018-06-01/runtime/invocation/one/response"},
		{"POST", "/2018-06-01/runtime/invocation/one/error"}, {"POST", "/2018-06-01/runtime/init/error"}, {"POST", "/2020-01-01/extension/register"}} {
		event, outcome := h.Exchange(request[0], request[1], "")
		fmt.Println(event != nil, outcome != nil && outcome.ID == "one", outcome != nil && outcome.Failed)
	}
	// Output:
	// true false false
	// false true false
	// false true true
	// false false false
	// false false false
}
