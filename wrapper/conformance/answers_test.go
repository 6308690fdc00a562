package conformance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pace is the time between two pieces of a slow answer: long enough that each is a read of its own.
const pace = 5 * time.Millisecond

// An exchange is one request and its answer.
type exchange struct {
	peer    *peer
	request *http.Request
	in      *bufio.Reader
	out     io.Writer
	spoken  spoken
}

// answers are the paths that the peer knows. Each gives whether the connection goes on. README.md describes them.
func answers() map[string]func(*exchange) bool {
	return map[string]func(*exchange) bool{
		"/text":     func(x *exchange) bool { return x.whole(200, "some text") },
		"/unicode":  func(x *exchange) bool { return x.whole(200, "grüße, мир, 世界 \u2028 \U0001F980") },
		"/binary":   func(x *exchange) bool { return x.whole(200, string(pattern(x.number("n", 256)))) },
		"/large":    func(x *exchange) bool { return x.whole(200, strings.Repeat("L", x.number("n", 100000))) },
		"/status":   func(x *exchange) bool { return x.whole(x.number("code", 200), "") },
		"/failing":  func(x *exchange) bool { return x.whole(500, `{"message":"it failed"}`) },
		"/echo":     (*exchange).echo,
		"/chunked":  func(x *exchange) bool { return x.pieces(0, "first ", "zwöl", "f\n", "last") },
		"/slow":     func(x *exchange) bool { return x.pieces(pace, "a", "b", "c", "d", "e") },
		"/trickle":  func(x *exchange) bool { return x.pieces(0, repeat("drop ", x.number("n", 2000))...) },
		"/huge":     func(x *exchange) bool { return x.pieces(0, repeat(strings.Repeat("H", 65536), x.number("n", 320))...) },
		"/events":   (*exchange).events,
		"/gzip":     (*exchange).gzip,
		"/trailers": (*exchange).trailers,
		"/unending": (*exchange).untilClosed,
		"/redirect": (*exchange).redirect,
		"/retry":    (*exchange).retry,
		"/refuse":   (*exchange).refuse,
		"/hints":    (*exchange).hints,
		"/streamed": (*exchange).streamed,
		"/after":    (*exchange).after,
		"/never":    (*exchange).never,
		"/hangup":   (*exchange).hangup,
		"/cut":      func(x *exchange) bool { return x.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this") },
		"/cutchunk": func(x *exchange) bool {
			return x.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n64\r\nno")
		},
		"/garbage": func(x *exchange) bool { return x.raw("this is no HTTP\r\n\r\n") },
		"/early": func(x *exchange) bool {
			return x.raw("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much")
		},
	}
}

// answer answers a request. What it left of the request's body is read.
func (x *exchange) answer() bool {
	reply, ok := answers()[x.request.URL.Path]
	if strings.HasPrefix(x.request.URL.Path, "/aws") {
		reply, ok = (*exchange).aws, true
	}
	if !ok {
		return x.whole(404, "no such path: "+x.request.URL.Path)
	}
	if !reply(x) {
		return false
	}
	_, err := io.Copy(io.Discard, x.request.Body)
	return err == nil && x.keeps()
}

// keeps tells whether the connection stays. It does so only where the request says keep: what a client does with one that is idle depends on time.
func (x *exchange) keeps() bool { return x.request.URL.Query().Has("keep") }

func (x *exchange) number(name string, preset int) int {
	n, err := strconv.Atoi(x.request.URL.Query().Get(name))
	if err != nil {
		return preset
	}
	return n
}

// head writes a status line and headers.
func (x *exchange) head(status int, headers ...string) bool {
	return x.raw(x.heading(status, headers...))
}

func (x *exchange) heading(status int, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nX-Peer: %s\r\n", status, http.StatusText(status), x.request.Method)
	if !x.keeps() {
		b.WriteString("Connection: close\r\n")
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func (x *exchange) raw(text string) bool {
	_, _ = x.spoken.response.Write([]byte(text)) // it cannot fail
	_, err := io.WriteString(x.out, text)
	return err == nil
}

// whole answers with a body of known length, after the request's was read: a client that still sends might get a reset instead.
func (x *exchange) whole(status int, body string) bool {
	if _, err := x.body(); err != nil {
		return false
	}
	length := fmt.Sprintf("Content-Length: %d", len(body))
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return x.head(status)
	}
	if x.request.Method == http.MethodHead {
		body = ""
	}
	return x.raw(x.heading(status, "Content-Type: text/plain; charset=utf-8", length) + body)
}

// body reads the request's body, having asked for it if the client waits for that.
func (x *exchange) body() ([]byte, error) {
	if strings.EqualFold(x.request.Header.Get("Expect"), "100-continue") && !x.raw("HTTP/1.1 100 Continue\r\n\r\n") {
		return nil, io.ErrClosedPipe
	}
	return io.ReadAll(x.request.Body) //nolint:wrapcheck // only asked whether there is one
}

func (x *exchange) echo() bool {
	body, err := x.body()
	if err != nil {
		return false
	}
	return x.head(200, fmt.Sprintf("Content-Length: %d", len(body))) && x.raw(string(body))
}

// pieces answers in chunks, each a write of its own.
func (x *exchange) pieces(pause time.Duration, all ...string) bool {
	if _, err := x.body(); err != nil || !x.head(200, "Transfer-Encoding: chunked") {
		return false
	}
	for _, piece := range all {
		if !x.raw(fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)) {
			return false
		}
		time.Sleep(pause)
	}
	return x.raw("0\r\n\r\n")
}

func (x *exchange) events() bool {
	if !x.head(200, "Content-Type: text/event-stream", "Transfer-Encoding: chunked") {
		return false
	}
	for i := range 5 {
		event := fmt.Sprintf("id: %d\nevent: tick\ndata: {\"n\":%d}\n\n", i, i)
		if !x.raw(fmt.Sprintf("%x\r\n%s\r\n", len(event), event)) {
			return false
		}
		time.Sleep(pace)
	}
	return x.raw("0\r\n\r\n")
}

// aws is as much of AWS as its SDKs need to be content: SQS takes a message, S3 has an object, DynamoDB refuses.
func (x *exchange) aws() bool {
	body, err := x.body()
	if err != nil {
		return false
	}
	answer := func(status int, text string) bool {
		return x.raw(x.heading(status, "X-Amzn-RequestId: REQUEST", "Content-Type: application/x-amz-json-1.0", fmt.Sprintf("Content-Length: %d", len(text))) + text)
	}
	switch target := x.request.Header.Get("X-Amz-Target"); {
	case target == "AmazonSQS.SendMessage":
		var message struct{ MessageBody string }
		if err := json.Unmarshal(body, &message); err != nil {
			return answer(400, `{"__type":"SerializationException"}`)
		}
		return answer(200, fmt.Sprintf(`{"MessageId":"message-1","MD5OfMessageBody":"%x"}`, md5.Sum([]byte(message.MessageBody))))
	case strings.Contains(target, "DynamoDB"):
		return answer(400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"there is no such table"}`)
	case x.request.Method == http.MethodGet:
		return answer(200, "an object")
	default:
		return answer(200, "")
	}
}

func (x *exchange) gzip() bool {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, strings.Repeat("packed ", x.number("n", 100)))
	z.Close()
	return x.head(200, "Content-Encoding: gzip", fmt.Sprintf("Content-Length: %d", b.Len())) && x.raw(b.String())
}

func (x *exchange) trailers() bool {
	return x.head(200, "Transfer-Encoding: chunked", "Trailer: X-Sum") && x.raw("4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n")
}

// untilClosed has no length: the end of the connection is that of the body.
func (x *exchange) untilClosed() bool {
	x.raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nas much as there is")
	return false
}

func (x *exchange) redirect() bool {
	if _, err := x.body(); err != nil {
		return false
	}
	to := x.request.URL.Query().Get("to")
	if n := x.number("times", 1); n > 1 {
		to = fmt.Sprintf("/redirect?times=%d", n-1)
	} else if to == "" {
		to = "/text"
	}
	// In one piece: how much a library sees of it that does not read it is no matter of time then.
	return x.raw(x.heading(x.number("code", 302), "Location: "+to, "Content-Length: 5") + "moved")
}

// retry fails twice and then succeeds.
func (x *exchange) retry() bool {
	if x.peer.count(x.request.URL.Path) < 3 {
		return x.whole(503, "not yet")
	}
	return x.whole(200, "at last")
}

// refuse answers a client that asks whether it may send its body: no.
func (x *exchange) refuse() bool {
	x.raw("HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	return false
}

// hangup closes the connection once the request is there: what is left unread of it would make a reset of it, or not.
func (x *exchange) hangup() bool {
	_, _ = x.body()
	return false
}

func (x *exchange) hints() bool {
	return x.raw("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n") && x.whole(200, "after the hints")
}

// streamed answers once the caller of the invocation has got so many bytes of a streamed response.
func (x *exchange) streamed() bool {
	want := x.number("bytes", 1)
	x.peer.await(func() bool { return x.peer.streamed >= want })
	return x.whole(200, "arrived")
}

// after answers once another path was answered since the story began.
func (x *exchange) after() bool {
	path := x.request.URL.Query().Get("path")
	x.peer.await(func() bool { return x.peer.answered[path] })
	return x.whole(200, "some text")
}

// never does not answer, and waits until the client has gone.
func (x *exchange) never() bool {
	io.Copy(io.Discard, x.request.Body)
	io.Copy(io.Discard, x.in)
	return false
}

// pattern is bytes that are neither text nor all alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func repeat(piece string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = piece
	}
	return all
}
