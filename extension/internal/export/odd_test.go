package export

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOddAnswers: whatever a collector, or what stands before it, writes on a connection that it then keeps open, a Send ends, and at the latest when its context does.
func TestOddAnswers(t *testing.T) {
	const success = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for name, test := range map[string]struct {
		answer string
		status int  // of the error; 0 if there is none, or none of a collector's
		retry  bool // the error says so
	}{
		"early hints before it":               {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + success, 0, false},
		"hints without end":                   {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000), 0, true},
		"another protocol":                    {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 101, false},
		"another protocol, and bytes of it":   {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\x00\x00\x00", 101, false},
		"chunks that do not end":              {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\x00\x00\x00\r\n", 0, false},
		"a chunk of a size that is none":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 0, false},
		"less than it says":                   {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", 0, false},
		"two answers":                         {success + success, 0, false},
		"a refusal that does not end":         {"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nno", 400, false},
		"a head that does not end":            {"HTTP/1.1 200 O", 0, true},
		"a head that is larger than anything": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 8*maxAnswer), 0, true},
		"what is no HTTP":                     {"220 mail.example.com ESMTP\r\n", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, Endpoint{URL: "http://" + saying(t, test.answer)})
			most := 10 * time.Second // which none needs that has an answer
			if test.retry {
				most = 100 * time.Millisecond
			}
			for range 2 { // the second one, too, whatever the first has left behind
				ctx, cancel := context.WithTimeout(t.Context(), most)
				defer cancel()
				ended := make(chan error, 1)
				go func() {
					_, err := c.Send(ctx, []byte("x"))
					ended <- err
				}()
				select {
				case err := <-ended:
					var e *Error
					if is := errors.As(err, &e); is && (e.Status != test.status || e.Retry != test.retry) || is != (test.status != 0 || test.retry) {
						t.Errorf("got %#v", err)
					}
				case <-time.After(60 * time.Second):
					t.Fatal("it has not ended long after its context")
				}
			}
		})
	}
}

// saying is a server that answers each request with the same bytes, and leaves the connection open.
func saying(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					request, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					_, _ = io.WriteString(conn, answer)
				}
			}()
		}
	}()
	return l.Addr().String()
}
