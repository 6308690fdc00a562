//go:build linux

package stage

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// A Manner is how a collector behaves.
type Manner struct {
	Delay   time.Duration // before every answer
	Hangs   bool          // it takes requests and never answers
	Refuses bool          // nobody listens
}

// A Collector takes exports and counts them.
type Collector struct {
	server   *http.Server
	done     chan struct{}
	Endpoint string
	Requests atomic.Int64
	Bytes    atomic.Int64
}

// StartCollector starts one on loopback.
func StartCollector(ctx context.Context, m Manner) (*Collector, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start collector: %w", err)
	}
	c := &Collector{done: make(chan struct{}), Endpoint: "http://" + listener.Addr().String()}
	if m.Refuses {
		close(c.done)
		return c, listener.Close()
	}
	c.server = &http.Server{ReadHeaderTimeout: limit, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // what does not arrive is not counted
		c.Requests.Add(1)
		c.Bytes.Add(n)
		if m.Hangs {
			<-r.Context().Done()
			return
		}
		time.Sleep(m.Delay)
		w.Header().Set("Content-Type", "application/x-protobuf")
	})}
	go func() {
		defer close(c.done)
		_ = c.server.Serve(listener) // ends with ErrServerClosed, by Close
	}()
	return c, nil
}

// Close ends it.
func (c *Collector) Close() {
	if c.server != nil {
		_ = c.server.Close()
	}
	<-c.done
}
