package lambdaapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/nonblock"
)

// dialTimeout bounds connecting, which on Lambda never leaves the machine. Waiting for an answer has no bound.
const dialTimeout = 2 * time.Second

// maxAnswer bounds what is read of an answer. An event of an extension has no payload in it and is below 2 KiB.
const maxAnswer = 256 << 10

// A Client is one extension's side of the Extensions API. It is not safe for concurrent use: there is only ever one request.
//
// It writes and reads HTTP over a connection of its own. http.Transport would do, but it repeats a GET by itself when a connection breaks,
// looks for proxies, and costs an extension a good part of the time to its first Next.
type Client struct {
	address    string
	identifier string
	next       []byte // the request for the next event; nil before it was made
	conn       net.Conn
	reader     *bufio.Reader
	asked      bool // the request for the next event is on its way, by Ask
}

// New makes a client for the API at address, host:port.
func New(address string) *Client { return &Client{address: address} }

type answer struct {
	status int
	header http.Header
	body   []byte
}

// request writes a request. The one for the next event is the same each time, and so is written once.
func (c *Client) request(method, path string, header http.Header, body []byte) []byte {
	var b bytes.Buffer
	b.WriteString(method + " " + path + " HTTP/1.1\r\nHost: " + c.address + "\r\n")
	_ = header.Write(&b) // a buffer takes everything
	if len(body) > 0 {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// do sends a request once, unless Ask did, and reads the answer. The error is an *Error if there was an answer other than 2xx.
func (c *Client) do(ctx context.Context, method string, request []byte) (answer, error) {
	sent := c.asked
	c.asked = false
	if !sent {
		if err := c.connect(ctx); err != nil {
			return answer{}, err
		}
	}
	conn := c.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it fails only for a connection that is closed
	a, keep, err := c.roundTrip(method, request, sent)
	if !stop() || !keep || err != nil {
		c.Close()
	}
	if err != nil {
		return answer{}, errors.Join(ctx.Err(), err)
	}
	if a.status/100 != 2 {
		return answer{}, parseError(a.status, a.body)
	}
	return a, nil
}

func (c *Client) roundTrip(method string, request []byte, sent bool) (a answer, keep bool, err error) {
	if !sent {
		if _, err := c.conn.Write(request); err != nil {
			return answer{}, false, fmt.Errorf("send request: %w", err)
		}
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method}) // which is all that it looks at
	if err != nil {
		return answer{}, false, fmt.Errorf("read answer: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, false, fmt.Errorf("read answer: %w", err)
	}
	if len(content) > maxAnswer {
		return answer{}, false, &Error{Status: response.StatusCode, Message: fmt.Sprintf("an answer of more than %d bytes", maxAnswer)}
	}
	return answer{response.StatusCode, response.Header, content}, !response.Close, nil
}

// connect makes sure of a connection. One that Lambda closed meanwhile must be found out before a request is written to it: afterwards
// nobody can say whether the request arrived.
func (c *Client) connect(ctx context.Context) error {
	if c.conn != nil && nonblock.IsIdle(c.conn) {
		return nil
	}
	c.Close()
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("connect to lambda: %w", err)
	}
	c.conn = nonblock.Conn(conn)
	c.reader = bufio.NewReaderSize(c.conn, 4<<10)
	return nil
}

// Close closes the connection. The client stays usable.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing can be done about it
		c.conn, c.reader, c.asked = nil, nil, false
	}
}

func parseError(status int, body []byte) error {
	var w struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(body, &w) != nil {
		w.ErrorMessage = "an answer that is not JSON"
	}
	return &Error{Status: status, Type: w.ErrorType, Message: w.ErrorMessage}
}
