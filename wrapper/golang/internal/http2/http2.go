// Package http2 has a round tripper that a client's timeout cuts by the request's context.
//
// An http.Client with a Timeout cancels a request by its context if it knows that the round tripper heeds it, and in an old way if it does not: with a
// goroutine for each request, and with another text in the error if that comes first. It knows net/http's own, and whatever prints as *http2.Transport,
// which is meant to be golang.org/x/net's (knownRoundTripperImpl in net/http/client.go). What is made here hands every request on to such a round tripper
// with its context, so it is in its right to be called that.
//
// It takes a function and gives a round tripper that calls it. It promises nothing of its own.
package http2

import (
	"errors"
	"net"
	"net/http"
)

// A Transport is a round tripper.
type Transport struct {
	Trip      func(*http.Request) (*http.Response, error)
	CloseIdle func()            // may be nil
	Before    http.RoundTripper // in whose place it stands; may be nil
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) { return t.Trip(req) }

// CloseIdleConnections is what an http.Client looks for in its round tripper.
func (t *Transport) CloseIdleConnections() {
	if t.CloseIdle != nil {
		t.CloseIdle()
	}
}

// NewClientConn is what http.Transport.NewClientConn looks for in the round tripper that makes its HTTP/2.
func (t *Transport) NewClientConn(conn net.Conn, internalStateHook func()) (http.RoundTripper, error) {
	maker, ok := t.Before.(interface {
		NewClientConn(net.Conn, func()) (http.RoundTripper, error)
	})
	if !ok {
		return nil, errors.New("http: HTTP/2 implementation does not support NewClientConn")
	}
	return maker.NewClientConn(conn, internalStateHook)
}
