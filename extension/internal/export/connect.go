package export

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
)

// A connecting is the part of a request until it has its connection. http.Transport lets dials, CONNECTs and TLS handshakes go on when their
// request has ended, for the next one to use; with a peer that accepts and never speaks they would add up, a connection and two goroutines
// for each attempt, until the peer or the environment is gone.
type connecting struct {
	end  context.CancelFunc
	over func(do func()) (stop func() bool) // has something done when the request is over

	mu    sync.Mutex
	stops []func() bool
	has   bool // a connection
}

type connectingKey struct{}

// newConnecting makes the context of a request. end must be called when the request is over.
func newConnecting(ctx context.Context) (context.Context, *connecting) {
	c := &connecting{}
	ctx, c.end = context.WithCancel(ctx)
	c.over = func(do func()) func() bool { return context.AfterFunc(ctx, do) }
	return context.WithValue(ctx, connectingKey{}, c), c // values are all that reaches a dial of the request's context
}

// done says that the request has a connection, which is the transport's to close from now on.
func (c *connecting) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, stop := range c.stops {
		stop()
	}
	c.stops, c.has = nil, true
}

// OnConnection has something called when a request of the context has its connection, with the handshake done.
func OnConnection(ctx context.Context, do func()) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { do() }})
}

// dial connects, and closes the connection if its request ends before it could use it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, ok := ctx.Value(connectingKey{}).(*connecting)
	if !ok {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	// Whatever else ctx may end with, it does not outlive the request.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.over(cancel)()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has { // one that another request left; the transport may have given this one to a third, whose answer must not be lost by our end
		return conn, nil
	}
	c.stops = append(c.stops, c.over(func() { _ = conn.Close() })) // nothing can be done about an error
	return conn, nil
}
