package front

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// endless is a function that writes for as long as somebody takes it, and then one piece more, after its end.
type endless struct {
	ended chan error
	late  chan io.Writer
}

func (e endless) Invoke(_ context.Context, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	// The time of the function is over already, but for a little of the limit's margin.
	w := in.Stream(lambdalocal.StreamHead{ContentType: "text/plain", Deadline: time.Now().Add(-time.Second)})
	var err error
	for piece := bytes.Repeat([]byte("x"), 1<<20); err == nil; {
		_, err = w.Write(piece)
	}
	e.ended <- err
	e.late <- w
	return lambdalocal.Result{}, nil
}

// A client that sends a request and never reads is dropped when the function's time is over, however it came to the
// function; nothing of the function's stream is written after that.
func TestAClientThatNeverReadsIsDropped(t *testing.T) {
	const url = "abc.lambda-url.us-east-1.on.aws"
	for _, test := range []struct{ name, request string }{
		{"by the API", "POST /2021-11-15/functions/orders/response-streaming-invocations HTTP/1.1\r\nHost: lambda\r\nContent-Length: 2\r\n\r\n{}"},
		{"by a function URL", "GET / HTTP/1.1\r\nHost: " + url + "\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			function := endless{ended: make(chan error, 1), late: make(chan io.Writer, 1)}
			f, _ := later(t, &settingsOf{reserved: -1, url: functionurl.URL{Host: url, Function: "orders", Stream: true}}, function, nil)
			client, err := net.Dial("tcp", strings.TrimPrefix(f.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := io.WriteString(client, test.request); err != nil {
				t.Fatal(err)
			}
			select {
			case <-function.ended:
			case <-time.After(patience):
				t.Fatal("the function's stream is held by a client that does not read")
			}
			if _, err := io.WriteString(<-function.late, "late"); err == nil {
				t.Error("a piece was taken of a stream that had failed")
			}
		})
	}
}
