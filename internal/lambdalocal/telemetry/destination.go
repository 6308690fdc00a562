package telemetry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// listenerHost is where sandbox.localdomain leads: the environment's processes are on this machine's loopback.
const listenerHost = "127.0.0.1"

// maxAnswer is how much of a listener's answer is read, so that its connection can be used again.
const maxAnswer = 64 << 10

// destination takes batches. send returns nil only if the listener has accepted the whole batch.
type destination interface {
	send(ctx context.Context, batch [][]byte) error
	close()
}

// httpDestination posts batches as JSON arrays.
type httpDestination struct {
	url       string
	transport *http.Transport
}

func newHTTPDestination(u *url.URL) *httpDestination {
	address := net.JoinHostPort(listenerHost, u.Port())
	return &httpDestination{u.String(), &http.Transport{
		DisableCompression: true,
		// The name is only known inside the environment. There is no proxy on the way, whatever this
		// process's own environment says.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
	}}
}

// send has no time limit of its own: a listener that takes its time delays its own deliveries (TEL).
func (d *httpDestination) send(ctx context.Context, batch [][]byte) error {
	body := append(append([]byte("["), bytes.Join(batch, []byte(","))...), ']')
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make delivery: %w", err)
	}
	// As RIE-LMI telemetry/internal/client.go has them.
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sequence-Id", sequenceID(body))
	res, err := d.transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)); err != nil {
		return fmt.Errorf("read answer to delivery: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest { // as RIE-LMI's client
		return fmt.Errorf("deliver: listener answered %s", res.Status)
	}
	return nil
}

func (d *httpDestination) close() { d.transport.CloseIdleConnections() }

// sequenceID names a delivery by its content; a repeated delivery has the same one.
func sequenceID(body []byte) string {
	hash := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(hash[:])
}

// tcpDestination writes one event a line (TEL). Nobody acknowledges them: what was written before a
// connection was found broken may be lost, as on Lambda.
type tcpDestination struct {
	address string
	conn    net.Conn
}

func newTCPDestination(port int) *tcpDestination {
	return &tcpDestination{address: net.JoinHostPort(listenerHost, strconv.Itoa(port))}
}

func (d *tcpDestination) send(ctx context.Context, batch [][]byte) error {
	if d.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
		if err != nil {
			return fmt.Errorf("connect to listener: %w", err)
		}
		d.conn = conn
	}
	conn := d.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // makes Write fail
	defer stop()
	if _, err := conn.Write(append(bytes.Join(batch, []byte("\n")), '\n')); err != nil {
		d.close()
		return fmt.Errorf("write to listener: %w", err)
	}
	return nil
}

func (d *tcpDestination) close() {
	if d.conn != nil {
		_ = d.conn.Close() // nobody is left to be told
		d.conn = nil
	}
}
