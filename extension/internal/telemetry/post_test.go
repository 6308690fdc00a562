package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// talk sends bytes over a connection of its own and gives all that is answered until the connection ends or, if more is false, which ends the
// sending side, until everything is answered.
func talk(t *testing.T, l *Listener, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(answer)
}

// Sources: TEL ("HTTP", POST with a JSON array); RFC 9112 for the forms that a request may have; nobody has written down which the platform uses.
func TestFormsOfRequests(t *testing.T) {
	body := list(startOf("A", 1))
	half, rest := body[:10], body[10:]
	chunked := fmt.Sprintf("%x\r\n%s\r\n%X;ext=1\r\n%s\r\n0\r\n", len(half), half, len(rest), rest)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	tests := []struct {
		name, request string
		facts         int
		answers       int
	}{
		{"as a Go client", "POST / HTTP/1.1\r\nHost: sandbox.localdomain:4243\r\nUser-Agent: Go-http-client/1.1\r\n" + length + "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n" + body, 1, 1},
		{"with a path", "POST /a/b?c=d HTTP/1.1\r\n" + length + "\r\n" + body, 1, 1},
		{"names in lower case", "POST / HTTP/1.1\r\n" + strings.ToLower(length) + "\r\n" + body, 1, 1},
		{"bare line feeds", "POST / HTTP/1.1\n" + strings.ReplaceAll(length, "\r", "") + "\n" + body, 1, 1},
		{"HTTP/1.0", "POST / HTTP/1.0\r\n" + length + "\r\n" + body, 1, 1},
		{"in chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + "\r\n", 1, 1},
		{"in chunks, with a trailer", "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunked + "X: y\r\n\r\n", 1, 1},
		{"expects to be asked", "POST / HTTP/1.1\r\nExpect: 100-continue\r\n" + length + "\r\n" + body, 1, 2},
		{"closes", "POST / HTTP/1.1\r\nConnection: close\r\n" + length + "\r\n" + body + "POST / HTTP/1.1\r\n" + length + "\r\n" + list(startOf("B", 1)), 1, 1},
		{"two", "POST / HTTP/1.1\r\n" + length + "\r\n" + body + "POST / HTTP/1.1\r\n" + length + "\r\n" + list(startOf("B", 1)), 2, 2},
		{"two in chunks", strings.Repeat("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 2), 0, 2},
		{"nothing in it", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 0, 1},
		{"no body", "GET / HTTP/1.1\r\n\r\n", 0, 1},

		{"torn in the body", "POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n" + body, 0, 0},
		{"torn in a chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked[:20], 0, 0},
		{"torn behind the last chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, 0, 0},
		{"torn in the head", "POST / HTTP/1.1\r\nContent-Le", 0, 0},
		{"a length that is none", "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n" + body, 0, 0},
		{"a coding that is not known", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n" + body, 0, 0},
		{"not HTTP", body + "\r\n\r\n", 0, 0},
		{"a head over two lines", "POST / HTTP/1.1\r\nX: y\r\n z\r\n" + length + "\r\n" + body, 1, 1},
		{"a head that is long", "POST / HTTP/1.1\r\nX: " + strings.Repeat("y", maxHead/2) + "\r\n" + length + "\r\n" + body, 1, 1},
		{"a line without end", "POST / HTTP/1.1\r\nX: " + strings.Repeat("y", 2*maxHead) + "\r\n\r\n", 0, 0},
		{"lines without end", "POST / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", maxHead) + "\r\n", 0, 0},
		{"a header without a name", "POST / HTTP/1.1\r\nnothing\r\n\r\n", 0, 0},
		{"nothing at all", "", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := start(t, Options{Guarded: true})
			answer := talk(t, l, test.request)
			l.Close() // and all posts are worked on
			if got := len(l.Take()); got != test.facts {
				t.Errorf("%d facts, want %d", got, test.facts)
			}
			if got := strings.Count(answer, "HTTP/1.1 "); got != test.answers || strings.Count(answer, "HTTP/1.1 200 OK\r\n")+strings.Count(answer, "HTTP/1.1 100 ") != got {
				t.Errorf("answered %q", answer)
			}
		})
	}
}

// TestDamagedPosts: each is answered, and counted with what it holds that is not understood.
func TestDamagedPosts(t *testing.T) {
	good := startOf("A", 1)
	tests := []struct {
		name, post     string
		facts, damaged int64
	}{
		{"not JSON", "hello", 0, 1},
		{"a number", "5", 0, 1},
		{"torn", "[" + good + "," + good[:30], 1, 1},
		{"torn between events", "[" + good, 1, 1},
		{"torn behind a comma", "[" + good + ",", 1, 1},
		{"a wrong one among good ones", list(good, "5", `{"type":5}`, `{}`, `[]`, good), 2, 4},
		{"no record", list(`{"time":"2026-01-12T00:00:15.064Z","type":"platform.start"}`, good), 1, 1},
		{"a record of another kind", list(`{"type":"platform.start","record":"text"}`, `{"type":"function","record":7}`, good), 1, 2},
		{"one event", good, 1, 0},
		{"one a line", good + "\n" + good + "\n", 2, 0},
		{"empty", "[]", 0, 0},
		{"white space", " \n ", 0, 0},
		{"deep", strings.Repeat("[", 100_000), 0, 1},
		{"deep objects", "[" + strings.Repeat(`{"type":`, 50_000), 0, 1},
		{"a quote without end", `[{"type":"platform.start`, 0, 1},
		{"not UTF-8", "[\xff\xfe]", 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := start(t, Options{Lines: true})
			post(t, l, test.post)
			l.Close()
			facts, damaged := int64(0), int64(0)
			for _, f := range l.Take() {
				if f.Kind == event.FactDropped && f.Reason == event.DroppedDamaged {
					damaged += f.DroppedRecords
				} else {
					facts++
				}
			}
			if facts != test.facts || damaged != test.damaged {
				t.Errorf("%d facts and %d damaged, want %d and %d", facts, damaged, test.facts, test.damaged)
			}
		})
	}
}

// TestSlowPost comes byte by byte, and others meanwhile.
func TestSlowPost(t *testing.T) {
	l := start(t, Options{})
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	body := list(startOf("slow", 1))
	request := fmt.Sprintf("POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for i := range len(request) {
		if i == len(request)/2 {
			post(t, l, list(startOf("meanwhile", 1)))
			if f := take(t, l, 1); f[0].ID != "meanwhile" {
				t.Errorf("got %+v", f)
			}
		}
		if _, err := conn.Write([]byte{request[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if f := take(t, l, 1); f[0].ID != "slow" {
		t.Errorf("got %+v", f)
	}
}

// TestConnectionsAreBounded: the oldest gives way, and whoever comes then is served.
func TestConnectionsAreBounded(t *testing.T) {
	l := start(t, Options{})
	var held []net.Conn
	for range 5 * maxConnections {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.port)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held = append(held, conn)
	}
	post(t, l, list(startOf("A", 1)))
	take(t, l, 1)
	held[0].SetDeadline(time.Now().Add(patience))
	if n, err := held[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest connection is still there: %d %v", n, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) > maxConnections {
		t.Errorf("%d connections", len(l.conns))
	}
}

// TestLargestPost: what Lambda may send fits. Source: TEL "Buffering", twice maxBytes and the envelopes.
func TestLargestPost(t *testing.T) {
	l := start(t, Options{Lines: true})
	line := `{"time":"2026-01-12T00:00:15.064Z","type":"function","record":"` + strings.Repeat("x", 1000) + `"}`
	n := (2*256<<10 + 64<<10) / len(line)
	post(t, l, list(strings.Split(strings.Repeat(line+"\n", n), "\n")[:n]...))
	if got := len(take(t, l, n)); got != n {
		t.Errorf("%d lines, want %d", got, n)
	}
	exact := append(bytes.Repeat([]byte(" "), maxPost-len(list(startOf("A", 1)))), list(startOf("A", 1))...)
	post(t, l, string(exact))
	if f := take(t, l, 1); f[0].ID != "A" {
		t.Errorf("got %+v", f)
	}
}
