// Package export sends encoded spans to where the user wants them: to a collector by OTLP over HTTP with protobuf, as
// opentelemetry.io/docs/specs/otlp/#otlphttp has it, to AWS X-Ray's OTLP endpoint, into the function's log, or to several of them.
//
// It takes the bytes of a request and gives back what became of them: accepted, partly refused, refused for good, or not delivered and
// worth another try. It promises that a Send ends when its context does, and with it whatever it began; that it never follows a redirect;
// and that the user's credentials are in no error and no Result, even if a collector sends them back.
package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// smallest is the size from which compressing is worth its time: what fits into one packet arrives no sooner when it is smaller.
	smallest = 1200
	// stale is how long a connection may have been idle. Load balancers forget a connection after a minute, NAT gateways after six, and a frozen
	// environment notices neither; its first packet would be answered by nobody.
	stale = 30 * time.Second
	// maxAnswer bounds what is read of an answer: a handful of numbers, or an error page.
	maxAnswer = 64 << 10
	// longestAnswer is how long the rest of an answer is waited for once its status is known. All it can tell then is how many spans were refused.
	longestAnswer = time.Second
	// longestPause is the longest Retry-After that is believed.
	longestPause = 10 * time.Minute
)

// Options say where and how to send.
type Options struct {
	URL       string // of the endpoint for traces
	Headers   map[string]string
	Compress  bool
	Timeout   time.Duration // of one Send; 0: the context's alone
	UserAgent string

	CertificateFile       string // PEM: the only authorities that are trusted; "": the system's
	ClientCertificateFile string // PEM: shown to a collector that asks for one; with its key, or neither
	ClientKeyFile         string

	Authorize Authorizer // adds further headers to each request; nil: none
}

// A Client sends to one collector. It is not safe for concurrent use.
type Client struct {
	url       *url.URL
	header    http.Header
	compress  bool
	timeout   time.Duration
	transport *http.Transport
	secrets   secrets
	auth      Authorizer
	zip       *gzip.Writer // made when first needed: it takes most of a megabyte
	zipped    bytes.Buffer
	used      time.Time // wall clock; the monotonic one may stand still in a freeze
}

// New makes a client. Nothing is looked up or connected before the first Send.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("make exporter: the endpoint is not a URL") // url.Parse's error would show credentials in it
	}
	header := http.Header{}
	for k, v := range o.Headers {
		if !isToken(k) || !isValue(v) {
			return nil, errors.New("make exporter: a header is none: its name or value has characters that are not allowed") // it may be a key in the wrong place
		}
		header.Set(k, v)
	}
	if u.User != nil && header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		r := http.Request{Header: header}
		r.SetBasicAuth(u.User.Username(), password)
	}
	config, err := tlsConfig(o)
	if err != nil {
		return nil, fmt.Errorf("make exporter: %w", err)
	}
	secrets := secretsOf(header, u)
	u.User = nil
	header.Set("Content-Type", "application/x-protobuf")
	header.Set("User-Agent", o.UserAgent)
	return &Client{
		url: u, header: header, compress: o.Compress, timeout: o.Timeout, secrets: secrets, auth: o.Authorize,
		// HTTP/1.1 only: an HTTP/2 connection that died in a freeze is found out by pings, which take longer than an invocation has left.
		transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dial,
			TLSClientConfig:        config,
			Protocols:              http1(),
			DisableCompression:     true,
			MaxIdleConns:           1,
			MaxResponseHeaderBytes: maxAnswer,
		},
	}, nil
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// An Error says that nothing was accepted, or, of a Group, not by every exporter.
type Error struct {
	Status int           // of HTTP; 0 if there was no answer
	Retry  bool          // the same bytes may be accepted later
	After  time.Duration // how long the collector asked to wait; 0 if it did not
	Text   string        // what the collector said, or why there was no answer; shortened, without credentials
	Partly bool          // of a Group: only some of the exporters lack something, and nobody need wait for them
	Paused bool          // of a Group: those that lack something were not asked this time
	cause  error
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return "export spans: " + e.Text
	}
	return fmt.Sprintf("export spans: collector answered %d: %s", e.Status, e.Text)
}

func (e *Error) Unwrap() error { return e.cause }

// A Result is what the collector said about what it accepted.
type Result struct {
	Rejected int64 // spans
	Text     string
}

// Send sends an encoded ExportTraceServiceRequest. The error is an *Error.
func (c *Client) Send(ctx context.Context, payload []byte) (Result, error) {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	body, err := c.body(payload)
	if err != nil {
		return Result{}, &Error{Text: err.Error(), cause: err}
	}
	if now := time.Now().Round(0); now.Sub(c.used) > stale {
		c.transport.CloseIdleConnections()
	}
	result, err := c.attempt(ctx, body)
	if unauthorized(err) && c.auth != nil && c.auth.refused() && ctx.Err() == nil {
		result, err = c.attempt(ctx, body)
	}
	var e *Error
	if unauthorized(err) && c.auth != nil && errors.As(err, &e) {
		e.Retry = true // somebody else keeps the key or the role, and can mend it
	}
	c.used = time.Now().Round(0)
	return result, err
}

func unauthorized(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// attempt posts, and posts once more on a fresh connection if the kept one had died without telling. Spans have ids of their own: the same
// ones twice are the same ones.
func (c *Client) attempt(ctx context.Context, body []byte) (Result, error) {
	result, dead, err := c.post(ctx, body)
	if dead && ctx.Err() == nil {
		c.transport.CloseIdleConnections()
		result, _, err = c.post(ctx, body)
	}
	return result, err
}

// Close gives up the idle connection.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (c *Client) body(payload []byte) ([]byte, error) {
	c.header.Del("Content-Encoding")
	if !c.compress || len(payload) < smallest {
		return payload, nil
	}
	c.zipped.Reset()
	if c.zip == nil {
		zip, err := gzip.NewWriterLevel(&c.zipped, gzip.BestSpeed)
		if err != nil {
			return nil, fmt.Errorf("compress spans: %w", err)
		}
		c.zip = zip
	}
	c.zip.Reset(&c.zipped)
	if _, err := c.zip.Write(payload); err != nil {
		return nil, fmt.Errorf("compress spans: %w", err)
	}
	if err := c.zip.Close(); err != nil {
		return nil, fmt.Errorf("compress spans: %w", err)
	}
	c.header.Set("Content-Encoding", "gzip")
	return c.zipped.Bytes(), nil
}

// request makes one, with what the Authorizer adds to it. known is what must not be shown of it.
func (c *Client) request(ctx context.Context, body []byte) (r *http.Request, known secrets, err error) {
	r, err = http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, &Error{Text: "the endpoint is not a URL", cause: errors.New("the endpoint is not a URL")}
	}
	r.Header = c.header.Clone()
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if c.auth == nil {
		return r, c.secrets, nil
	}
	if err := c.auth.authorize(r, body); err != nil {
		return nil, nil, &Error{Retry: true, Text: c.secrets.readable([]byte(err.Error())), cause: err}
	}
	added := http.Header{}
	for name, values := range r.Header {
		if !slices.Equal(values, c.header[name]) {
			added[name] = values
		}
	}
	return r, append(secretsOf(added, &url.URL{}), c.secrets...).sorted(), nil
}

// post makes one request. dead tells that it failed on a connection which had been used before, without a byte of an answer: a connection
// that ends in the middle of an answer was alive, and so was whoever took the spans.
func (c *Client) post(ctx context.Context, body []byte) (result Result, dead bool, err error) {
	request, known, err := c.request(ctx, body)
	if err != nil {
		return Result{}, false, err
	}
	ctx, connecting := newConnecting(ctx)
	defer connecting.end()
	var reused, answered atomic.Bool
	request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			connecting.done()
			reused.Store(i.Reused)
		},
		GotFirstResponseByte: func() { answered.Store(true) },
	}))
	// Not http.Client: it would follow redirects and put the URL, which may hold a key, into its errors.
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		if ended := ctx.Err(); ended != nil {
			err = ended // and not that its connection was closed
		}
		return Result{}, reused.Load() && !answered.Load(), &Error{Retry: true, Text: known.readable([]byte(err.Error())), cause: err}
	}
	defer response.Body.Close()
	timer := time.AfterFunc(longestAnswer, connecting.end)
	defer timer.Stop()
	// Whether it can be read or not: the status has told what became of the spans. Sent again they would be there twice.
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 != 2 {
		return Result{}, false, refusal(response, answer, known)
	}
	result = parseSuccess(answer)
	result.Text = known.readable([]byte(result.Text))
	return result, false, nil
}

// refusal tells by the rules of OTLP whether another try makes sense.
func refusal(r *http.Response, answer []byte, known secrets) *Error {
	e := &Error{Status: r.StatusCode, Text: known.readable(message(answer))}
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Retry = true
		e.After = retryAfter(r.Header, time.Now())
	}
	return e
}

// retryAfter reads Retry-After, which is seconds or a date (RFC 9110, section 10.2.3). A date is taken by the clock that wrote it, if that one
// is told: a thawed environment's may be off.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(s, 0), int64(longestPause/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(until.Sub(now), 0), longestPause)
}
