package telemetry

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait: what has not come by then will not come.
const patience = 20 * time.Second

// post is one delivery as a listener's handler sees it.
type post struct {
	method, path, host, contentType, sequence string
	body                                      []byte
	records                                   []string
}

// server is an extension's listener, on real loopback.
type server struct {
	*httptest.Server
	posts chan post
}

// listen starts a listener whose answers are statuses, one after the other, and 200 after that. 0 hangs up.
func listen(t *testing.T, statuses ...int) *server {
	s := &server{posts: make(chan post, 100)}
	var mu sync.Mutex
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off by Close
		}
		p := post{r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("Content-Type"), r.Header.Get("Sequence-Id"), body, nil}
		var events []json.RawMessage
		if err := json.Unmarshal(body, &events); err != nil {
			t.Errorf("delivery is no array: %v", err)
		}
		for _, e := range events {
			p.records = append(p.records, recordOf(e))
		}
		s.posts <- p
		mu.Lock()
		defer mu.Unlock()
		if len(statuses) == 0 {
			return
		}
		status := statuses[0]
		statuses = statuses[1:]
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) port() string { return portOf(s.Listener) }

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (s *server) wait(t *testing.T) post {
	t.Helper()
	select {
	case p := <-s.posts:
		return p
	case <-time.After(patience):
		t.Fatal("no delivery came")
		return post{}
	}
}

// subscribeTo makes a stream with one subscriber.
func subscribeTo(t *testing.T, destination string) *Stream {
	t.Helper()
	s := NewStream(Options{})
	t.Cleanup(s.Close)
	body := request(`"types":["platform","function"],"buffering":{"timeoutMs":25},"destination":` + destination)
	if status, errorType, message := ask(s, "ext", body); status != 200 {
		t.Fatal(status, errorType, message)
	}
	return s
}

func byHTTP(port, path string) string {
	return fmt.Sprintf(`{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s%s"}`, port, path)
}

// Sources: TEL (POST of a JSON array to the URI, path included), RIE-LMI telemetry/internal/client.go (headers). The
// name leads to this machine's loopback, and no proxy of this process is asked.
func TestHTTP(t *testing.T) {
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	for path, want := range map[string]string{"": "/", "/": "/", "/a/b?c=d": "/a/b?c=d"} {
		l := listen(t)
		s := subscribeTo(t, byHTTP(l.port(), path))
		s.Emit(Event{Type: Start, Record: StartRecord{RequestID: "id"}})
		s.Emit(line("one"))
		s.Flush(t.Context())
		p := l.wait(t)
		hash := sha256.Sum256(p.body)
		if p.method != "POST" || p.path != want || p.host != "sandbox.localdomain:"+l.port() || p.contentType != "application/json" ||
			p.sequence != base64.StdEncoding.EncodeToString(hash[:]) {
			t.Errorf("%q: delivered by %s %s, host %s, %s, sequence %s", path, p.method, p.path, p.host, p.contentType, p.sequence)
		}
		if got := strings.Join(p.records, "|"); got != `platform.start {"requestId":"id"}|one` {
			t.Errorf("records are %s", got)
		}
	}
}

// Sources: TEL (a delivery that meets an error is made again), RIE-LMI (400 and more are errors).
func TestRefusedDelivery(t *testing.T) {
	for _, c := range []struct {
		status, deliveries int
	}{{200, 1}, {204, 1}, {302, 1}, {400, 2}, {404, 2}, {500, 2}, {503, 2}, {0, 2}} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			l := listen(t, c.status)
			s := subscribeTo(t, byHTTP(l.port(), ""))
			s.Emit(line("one"))
			s.Flush(t.Context())
			s.Emit(line("two"))
			s.Flush(t.Context())
			first := l.wait(t)
			for i := 1; i < c.deliveries; i++ {
				if again := l.wait(t); again.sequence != first.sequence || string(again.body) != string(first.body) {
					t.Errorf("the second attempt is %s %s, the first was %s %s", again.sequence, again.body, first.sequence, first.body)
				}
			}
			if p := l.wait(t); len(p.records) != 1 || p.records[0] != "two" {
				t.Errorf("then came %q", p.records)
			}
		})
	}
}

// Source: TEL ("retries … in the absence of a listener").
func TestListenerComesLater(t *testing.T) {
	spare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(spare)
	spare.Close()
	for _, c := range []struct{ name, destination string }{
		{"HTTP", byHTTP(port, "")}, {"TCP", fmt.Sprintf(`{"protocol":"TCP","port":%s}`, port)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := subscribeTo(t, c.destination)
			s.Emit(line("early"))
			eventually(t, "an attempt", func() bool {
				sub := s.subscribers[0]
				sub.mu.Lock()
				defer sub.mu.Unlock()
				return sub.taken > 0
			})
			late, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Skipf("somebody has taken the port: %v", err)
			}
			defer late.Close()
			late.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
			conn, err := late.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			for r := bufio.NewReader(conn); ; {
				text, err := r.ReadString('}')
				if err != nil {
					t.Fatalf("nothing came: %v", err)
				}
				if strings.Contains(text, "early") {
					return
				}
			}
		})
	}
}

// Source: TEL (TCP: NDJSON). After a connection is found broken, a new one is made.
func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	s := subscribeTo(t, fmt.Sprintf(`{"protocol":"TCP","port":%s}`, portOf(l)))
	s.Emit(line("one"))
	s.Emit(line("two\nlines"))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewScanner(conn)
	var got []string
	for len(got) < 3 && in.Scan() {
		got = append(got, recordOf(in.Bytes()))
		if len(got) == 2 {
			s.Emit(line("three")) // over the same connection
		}
	}
	if strings.Join(got, "|") != "one|two\nlines|three" {
		t.Errorf("lines are %q (%v)", got, in.Err())
	}
	conn.Close()
	// What is written before the end is noticed is lost, so go on until something comes again.
	again := make(chan string, 1)
	go func() {
		defer close(again)
		if conn, err := l.Accept(); err == nil {
			defer conn.Close()
			if in := bufio.NewScanner(conn); in.Scan() {
				again <- recordOf(in.Bytes())
			}
		}
	}()
	for end := time.After(patience); ; {
		s.Emit(line("four"))
		s.Flush(t.Context())
		select {
		case text := <-again:
			if text != "four" {
				t.Errorf("the new connection's first line is %q", text)
			}
			return
		case <-end:
			t.Fatal("no new connection was made")
		default:
		}
	}
}

// Nothing is left after Close, whatever the listeners are doing (issue: "leave no process, descriptor …").
func TestCloseLeavesNothing(t *testing.T) {
	var servers []*server
	stuck := make(chan struct{})
	blocked := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer blocked.Close()
	release := sync.OnceFunc(func() { close(stuck) })
	defer release()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes nothing out of its connections
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for range 3 {
		servers = append(servers, listen(t, 500, 500))
	}
	goroutines, descriptors := runtime.NumGoroutine(), countDescriptors(t)
	for range 5 {
		s := NewStream(Options{})
		var destinations []string
		for _, l := range servers {
			destinations = append(destinations, byHTTP(l.port(), ""))
		}
		destinations = append(destinations, byHTTP(portOf(blocked.Listener), ""), byHTTP("1", ""),
			fmt.Sprintf(`{"protocol":"TCP","port":%s}`, portOf(silent)), `{"protocol":"TCP","port":1}`)
		for i, d := range destinations {
			ask(s, fmt.Sprint(i), request(`"types":["function"],"buffering":{"timeoutMs":25},"destination":`+d))
		}
		for range 100 {
			s.Emit(line(strings.Repeat("x", 64<<10)))
		}
		for _, l := range servers {
			l.wait(t)
		}
		s.Close()
	}
	release()
	blocked.CloseClientConnections()
	defer func() {
		if t.Failed() {
			stacks := make([]byte, 1<<20)
			t.Logf("goroutines:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}()
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "as many descriptors as before", func() bool { return countDescriptors(t) <= descriptors })
}

// eventually waits for something that nothing announces.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come true", what)
		}
	}
}

// countDescriptors is 0 where they cannot be counted.
func countDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
