package functionurl

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// patience bounds waiting for what nobody reads.
const patience = 20 * time.Second

// A client that sends a request and never reads does not hold the function's stream longer than the function's time:
// with what the connection's buffers take it is dropped.
func TestAClientThatNeverReadsIsDropped(t *testing.T) {
	for _, contentType := range []string{"text/plain", lambdalocal.HTTPIntegration} {
		t.Run(contentType, func(t *testing.T) {
			ended := make(chan error, 1)
			address := serve(t, URL{Stream: true}, func(in lambdalocal.Invocation) (lambdalocal.Result, error) {
				w := in.Stream(lambdalocal.StreamHead{
					ContentType: contentType, Streaming: true, Deadline: time.Now().Add(200*time.Millisecond - writeMargin),
				})
				_, err := io.WriteString(w, `{"statusCode":200}`+"\x00\x00\x00\x00\x00\x00\x00\x00")
				for piece := bytes.Repeat([]byte("x"), 1<<20); err == nil; {
					_, err = w.Write(piece)
				}
				ended <- err
				return lambdalocal.Result{}, nil
			})
			client, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("the function's stream is held by a client that does not read")
			}
		})
	}
}

// What a function's stream still writes when its request has been answered goes nowhere: the connection serves another
// request by then.
func TestAStreamEndsWithItsRequest(t *testing.T) {
	streams := make(chan io.Writer, 1)
	begin := make(chan func(lambdalocal.StreamHead) io.Writer, 1)
	address := serve(t, URL{Stream: true}, func(in lambdalocal.Invocation) (lambdalocal.Result, error) {
		begin <- in.Stream
		streams <- in.Stream(lambdalocal.StreamHead{ContentType: "text/plain"})
		return lambdalocal.Result{}, nil
	})
	do(t, "GET", address, "", nil)
	if _, err := io.WriteString(<-streams, "late"); err == nil {
		t.Error("a piece was taken after the answer")
	}
	if _, err := io.WriteString((<-begin)(lambdalocal.StreamHead{}), "late"); err == nil {
		t.Error("a stream began after the answer")
	}
}
