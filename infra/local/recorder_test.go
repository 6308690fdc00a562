package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// recorder puts a raw TCP proxy in front of every address that functions and clients of the local run
// are given, and keeps the very bytes that went to the services.
type recorder struct {
	mu          sync.Mutex
	listeners   []net.Listener
	connections []*connection
	open        map[net.Conn]struct{}
}

// connection is what one client sent over one connection.
type connection struct {
	to   string // the service's address
	sent []byte
}

func newRecorder() *recorder {
	return &recorder{open: map[net.Conn]struct{}{}}
}

// through is cloud.Options.Through.
func (r *recorder) through(base string) (string, error) {
	target, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	r.listeners = append(r.listeners, listener)
	r.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go r.carry(client, target.Host)
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

func (r *recorder) carry(client net.Conn, to string) {
	defer client.Close()
	service, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer service.Close()
	kept := &connection{to: to}
	r.mu.Lock()
	r.connections = append(r.connections, kept)
	r.open[client], r.open[service] = struct{}{}, struct{}{}
	r.mu.Unlock()
	done := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(service, io.TeeReader(client, recording{r, kept}))
		_ = service.(*net.TCPConn).CloseWrite()
		done <- struct{}{}
	}()
	go func() {
		_, _ = io.Copy(client, service)
		_ = client.(*net.TCPConn).CloseWrite()
		done <- struct{}{}
	}()
	<-done
	<-done
	r.mu.Lock()
	delete(r.open, client)
	delete(r.open, service)
	r.mu.Unlock()
}

type recording struct {
	*recorder
	connection *connection
}

func (r recording) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connection.sent = append(r.connection.sent, p...)
	return len(p), nil
}

func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, listener := range r.listeners {
		_ = listener.Close()
	}
	for connection := range r.open {
		_ = connection.Close()
	}
}

// request is one request as it arrived: its bytes, and its parts for tests that look inside.
type request struct {
	raw    []byte
	parsed *http.Request
	body   []byte // decoded if it was chunked
}

// forget drops what was recorded so far; what comes over connections that stay open is kept from now on.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.connections {
		c.sent = nil
	}
}

// requests are the whole requests recorded since forget, connection by connection.
func (r *recorder) requests(t *testing.T) []request {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []request
	for _, c := range r.connections {
		requests, err := split(c.sent)
		if err != nil {
			t.Fatalf("cut what was sent to %s into requests: %v", c.to, err)
		}
		all = append(all, requests...)
	}
	return all
}

// split cuts a connection's bytes into requests. A request that has not arrived whole is left out.
func split(sent []byte) ([]request, error) {
	var all []request
	for rest := sent; len(rest) > 0; {
		counting := bytes.NewReader(rest)
		buffered := bufio.NewReaderSize(counting, 1)
		// bufio's least buffer is 16 bytes: what it has read ahead is known.
		parsed, err := http.ReadRequest(buffered)
		if err != nil {
			if strings.Contains(err.Error(), "EOF") {
				return all, nil
			}
			return nil, fmt.Errorf("%w in %q", err, rest[:min(len(rest), 200)])
		}
		body, err := io.ReadAll(parsed.Body)
		if err != nil {
			return all, nil //nolint:nilerr // not whole yet
		}
		used := len(rest) - counting.Len() - buffered.Buffered()
		all = append(all, request{raw: rest[:used], parsed: parsed, body: body})
		rest = rest[used:]
	}
	return all, nil
}
