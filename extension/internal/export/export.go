// Package export sends encoded spans, metrics and log records to where the user wants them: to a collector by OTLP over HTTP with protobuf, as
// opentelemetry.io/docs/specs/otlp/#otlphttp has it, to AWS X-Ray's OTLP endpoint, or into the function's log.
//
// It takes the bytes of a request and gives back what became of them: accepted, partly refused, refused for good, or not delivered and
// worth another try. It promises that a Send ends when its context does, and with it whatever it began; that it never follows a redirect;
// and that the user's credentials are in no error and no Result, even if a collector sends them back.
//
// What to do about an answer, and when to ask again, is deliver's to decide. For it requests can be counted, halved and cut to a receiver's limits.
package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// smallest is the size from which compressing is worth its time: what fits into one packet arrives no sooner when it is smaller.
	smallest = 1200
	// stale is how long a connection may have been idle. Load balancers forget a connection after a minute, NAT gateways after six, and a frozen
	// environment notices neither; its first packet would be answered by nobody.
	stale = 30 * time.Second
	// maxAnswer bounds what is read of an answer: a handful of numbers, or an error page.
	maxAnswer = 64 << 10
	// longestAnswer is how long the rest of an answer is waited for once its status is known. All it can tell then is how many records were refused.
	longestAnswer = time.Second
	// longestPause is the longest Retry-After that is believed.
	longestPause = 10 * time.Minute
)

// An Endpoint says where and how to send one signal.
type Endpoint struct {
	URL       string
	Headers   map[string]string
	Compress  bool
	Timeout   time.Duration // of one Send; 0: the context's alone
	UserAgent string

	CertificateFile       string // PEM: the only authorities that are trusted; "": the system's
	ClientCertificateFile string // PEM: shown to a collector that asks for one; with its key, or neither
	ClientKeyFile         string

	Authorize Authorizer // adds further headers to each request; nil: none

	Variables Variables

	proxy func(*http.Request) (*url.URL, error) // nil: what the environment's variables say
}

func (e Endpoint) throughProxy() func(*http.Request) (*url.URL, error) {
	if e.proxy != nil {
		return e.proxy
	}
	return http.ProxyFromEnvironment
}

// proxyOf gives the proxy on the way to a URL; nil if there is none.
func (e Endpoint) proxyOf(to *url.URL) *url.URL {
	proxy, err := e.throughProxy()(&http.Request{URL: to})
	if err != nil { // which the first request will say, without what is in it
		return nil
	}
	return proxy
}

// Variables are where an Endpoint's values were set, which errors name; "" where nobody knows.
type Variables struct{ URL, Headers, Certificate, ClientCertificate, ClientKey string }

// zipLevel is the one that takes the least time for what spans are like, of which most repeats: 40 % of what the standard library takes at its quickest, for
// half as many bytes (docs/decisions/0014-gzip-of-another.md).
const zipLevel = 3

// A Client sends to one collector. It may send several signals at a time, but not one of them twice.
type Client struct {
	ways map[string]*way // by signal

	mu    sync.Mutex
	zip   *gzip.Writer // made when first needed: it takes more than a megabyte
	ahead ahead
}

// A way is what is known of one signal's endpoint.
type way struct {
	url     *url.URL
	header  http.Header
	auth    Authorizer
	secrets secrets

	compress bool
	timeout  time.Duration
	line     *line
	zipped   bytes.Buffer
	// writing counts the connections that may still read what is in zipped: an answer may come before its request was read to the end, as of what is too large,
	// and net/http goes on writing then.
	writing *atomic.Int64
}

// A line is the connection to a host, which all signals that go there share.
type line struct {
	*http.Transport
	mu       sync.Mutex
	used     time.Time // wall clock; the monotonic one may stand still in a freeze
	underWay int       // requests
}

// New makes a client of the endpoints of the signals that it is to send. Nothing is looked up or connected before the first Send.
func New(endpoints map[string]Endpoint) (*Client, error) {
	type destination struct{ scheme, host, authorities, certificate, key string }
	c, lines := &Client{ways: map[string]*way{}}, map[destination]*line{}
	for signal, e := range endpoints {
		w, err := newWay(e)
		if err != nil {
			return nil, fmt.Errorf("make exporter: %w", err)
		}
		to := destination{w.url.Scheme, w.url.Host, e.CertificateFile, e.ClientCertificateFile, e.ClientKeyFile}
		if lines[to] == nil {
			if lines[to], err = newLine(e); err != nil {
				return nil, fmt.Errorf("make exporter: %w", err)
			}
		}
		w.line = lines[to]
		c.ways[signal] = w
	}
	return c, nil
}

func newWay(e Endpoint) (*way, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s is not a URL: write one like https://collector.example.com:4318", cmp.Or(e.Variables.URL, "the endpoint")) // url.Parse's error would show credentials in it
	}
	header := http.Header{}
	for k, v := range e.Headers {
		if !isToken(k) || !isValue(v) {
			// Which one is not told: it may be a key in the wrong place.
			return nil, fmt.Errorf("%s: a header's name or value has characters that are not allowed in one, such as the end of a line: leave them out", cmp.Or(e.Variables.Headers, "headers"))
		}
		header.Set(k, v)
	}
	if u.User != nil && header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		r := http.Request{Header: header}
		r.SetBasicAuth(u.User.Username(), password)
	}
	secrets := append(secretsOf(header, u), secretsOfProxy(e.proxyOf(u))...).sorted()
	u.User = nil
	header.Set("Content-Type", "application/x-protobuf")
	header.Set("User-Agent", e.UserAgent)
	return &way{url: u, header: header, auth: e.Authorize, secrets: secrets, compress: e.Compress, timeout: e.Timeout, writing: new(atomic.Int64)}, nil
}

// longestHandshake bounds a handshake that nobody waits for any more: net/http goes on with one whose request has got another connection, or was given up. Requests have shorter limits.
const longestHandshake = 30 * time.Second

func newLine(e Endpoint) (*line, error) {
	config, err := tlsConfig(e)
	if err != nil {
		return nil, err
	}
	// HTTP/1.1 only: an HTTP/2 connection that died in a freeze is found out by pings, which take longer than an invocation has left.
	return &line{Transport: &http.Transport{
		Proxy:                  e.throughProxy(),
		DialContext:            dial,
		TLSClientConfig:        config,
		Protocols:              http1(),
		DisableCompression:     true,
		TLSHandshakeTimeout:    longestHandshake,
		MaxIdleConnsPerHost:    1, // not MaxIdleConns: what is one too many of those is closed even if its answer has not been handed on yet
		MaxResponseHeaderBytes: maxAnswer,
	}}, nil
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// An Error says that nothing was accepted.
type Error struct {
	Status int           // of HTTP; 0 if there was no answer
	Retry  bool          // the same bytes may be accepted later
	After  time.Duration // how long the collector asked to wait; 0 if it did not
	Text   string        // what the collector said, or why there was no answer; shortened, without credentials
	cause  error
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return "export: " + e.Text
	}
	return fmt.Sprintf("export: collector answered %d: %s", e.Status, e.Text)
}

func (e *Error) Unwrap() error { return e.cause }

// A Result is what the collector said about what it accepted.
type Result struct {
	Rejected int64 // spans, data points or log records
	Text     string
}

// Send sends an encoded request of a signal: an ExportTraceServiceRequest for traces. The error is an *Error.
func (c *Client) Send(ctx context.Context, signal string, payload []byte) (Result, error) {
	return c.SendPieces(ctx, signal, [][]byte{payload})
}

// SendPieces is Send for a request in pieces: to put a megabyte together takes as long as to compress a part of it, and as much memory.
func (c *Client) SendPieces(ctx context.Context, signal string, pieces [][]byte) (Result, error) {
	w := c.ways[signal]
	if w == nil {
		err := fmt.Errorf("there is no endpoint for %s", signal)
		return Result{}, &Error{Text: err.Error(), cause: err}
	}
	if w.timeout > 0 {
		var limit *Limit
		ctx, limit = NewLimit(ctx, w.timeout)
		defer limit.Stop()
	}
	body, zipped, err := c.body(w, pieces)
	if err != nil {
		return Result{}, &Error{Text: err.Error(), cause: err}
	}
	w.header.Del("Content-Encoding")
	if zipped {
		w.header.Set("Content-Encoding", "gzip")
	}
	w.line.begin()
	defer w.line.end()
	made := time.Now().Round(0)
	result, err := w.attempt(ctx, body)
	if unauthorized(err) && w.auth != nil && w.auth.refused(made) && ctx.Err() == nil {
		result, err = w.attempt(ctx, body)
	}
	var e *Error
	if unauthorized(err) && w.auth != nil && errors.As(err, &e) {
		e.Retry = true // somebody else keeps the key or the role, and can mend it
	}
	return result, err
}

// begin counts a request, and gives up what was not used for too long. That is asked by the first of requests abreast alone: net/http counts a connection as idle before
// it hands on the answer that came over it, so to close what is idle may take the answer away from one that was accepted, which would then be sent twice.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Round(0); l.underWay == 0 && now.Sub(l.used) > stale {
		l.CloseIdleConnections()
	}
	l.underWay++
}

// end notes that it was used.
func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay--
	l.used = time.Now().Round(0)
}

// renew gives up idle connections where no other request may have its answer yet to come.
func (l *line) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.underWay == 1 {
		l.CloseIdleConnections()
	}
}

func unauthorized(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// attempt posts, and posts once more on a fresh connection if the kept one had died without telling. Spans have ids of their own: the same
// ones twice are the same ones.
func (w *way) attempt(ctx context.Context, body []byte) (Result, error) {
	result, dead, err := w.post(ctx, body)
	if dead && ctx.Err() == nil {
		w.line.renew()
		result, _, err = w.post(ctx, body)
	}
	return result, err
}

// Close gives up idle connections.
func (c *Client) Close() {
	for _, w := range c.ways {
		w.line.CloseIdleConnections()
	}
}

// request makes one, with what the Authorizer adds to it. known is what must not be shown of it.
func (w *way) request(ctx context.Context, body []byte) (r *http.Request, known secrets, err error) {
	r, err = http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, &Error{Text: "the endpoint is not a URL", cause: errors.New("the endpoint is not a URL")}
	}
	r.Header = w.header.Clone()
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if w.auth == nil {
		return r, w.secrets, nil
	}
	if err := w.auth.authorize(r, body); err != nil {
		return nil, nil, &Error{Retry: true, Text: w.secrets.readable([]byte(err.Error())), cause: err}
	}
	added := http.Header{}
	for name, values := range r.Header {
		if !slices.Equal(values, w.header[name]) {
			added[name] = values
		}
	}
	return r, append(secretsOf(added, &url.URL{}), w.secrets...).sorted(), nil
}

// post makes one request. dead tells that it failed on a connection which had been used before, without a byte of an answer: a connection
// that ends in the middle of an answer was alive, and so was whoever took the records.
func (w *way) post(ctx context.Context, body []byte) (result Result, dead bool, err error) {
	request, known, err := w.request(ctx, body)
	if err != nil {
		return Result{}, false, err
	}
	ctx, connecting := newConnecting(ctx)
	defer connecting.end()
	var reused, answered atomic.Bool
	writing := w.writing
	request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			connecting.done()
			reused.Store(i.Reused)
			writing.Add(1)
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { writing.Add(-1) }, // or failed to
		GotFirstResponseByte: func() { answered.Store(true) },
	}))
	// Not http.Client: it would follow redirects and put the URL, which may hold a key, into its errors.
	response, err := w.line.RoundTrip(request)
	if err != nil {
		if ended := context.Cause(ctx); ended != nil {
			err = ended // and not that its connection was closed
		}
		return Result{}, reused.Load() && !answered.Load(), &Error{Retry: true, Text: known.readable([]byte(err.Error())), cause: err}
	}
	defer response.Body.Close()
	timer := time.AfterFunc(longestAnswer, connecting.end)
	defer timer.Stop()
	// Whether it can be read or not: the status has told what became of the records. Sent again they would be there twice.
	answer, _ := readAnswer(response)
	if response.StatusCode/100 != 2 {
		e := refusal(response, answer, known)
		if e.IsNoEndpoint() { // what was asked for tells what is wrong
			e.Text = "POST " + known.readable([]byte(w.url.Scheme+"://"+w.url.Host+w.url.EscapedPath())) + ": " + e.Text
		}
		return Result{}, false, e
	}
	result = parseSuccess(answer)
	result.Text = known.readable([]byte(result.Text))
	return result, false, nil
}

// refusal tells by the rules of OTLP whether another try makes sense.
func refusal(r *http.Response, answer []byte, known secrets) *Error {
	e := &Error{Status: r.StatusCode, Text: known.readable(message(answer))}
	switch r.StatusCode {
	case http.StatusProxyAuthRequired: // a proxy's, which has not passed the records on
		e.Retry = true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Retry = true
		e.After = retryAfter(r.Header, time.Now())
	}
	return e
}
