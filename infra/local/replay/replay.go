// Package replay sends on what an extension wrote into a log: the exporter "log", and AFTERGLOW_UNDELIVERED=log.
//
// It takes logs in any shape that keeps a line's text in one piece (plain, behind a time, in JSON, gzipped, several events in one line, in any order and
// twice), gives requests of OpenTelemetry's protocol to a collector, and tells what was not whole. It promises that each batch is posted once, and
// only if it is byte for byte what was written.
package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

const (
	// longestLine is what is read of a log as one line: a page of CloudWatch's answers (1 MB, before JSON escapes it) many times over.
	longestLine = 64 << 20
	// mostTries are made of a batch that is to be sent again, with pauses of a second, two, four, eight, or what Retry-After says, up to longestPause.
	mostTries    = 5
	firstPause   = time.Second
	longestPause = time.Minute
	// timeout bounds one request. Nobody is billed for it.
	timeout = 30 * time.Second
	// mostAnswer is what is read of an answer, and mostSaid what is shown of it.
	mostAnswer = 64 << 10
	mostSaid   = 200
)

// Read gives each batch of a log to take, as soon as it is complete. d holds the parts of those that are not, which may be in the next log. An error of take
// ends it.
func Read(log io.Reader, d *otlplog.Decoder, take func(otlplog.Batch) error) error {
	plain, err := decompressed(log)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		// One line may hold several events: JSON that is not indented.
		for n, text := range strings.Split(lines.Text(), otlplog.Mark) {
			if n == 0 {
				continue
			}
			b, err := d.Decode(otlplog.Mark + text)
			if err != nil || b == nil { // the decoder counts what is damaged
				continue
			}
			if err := take(*b); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	return nil
}

// decompressed reads what is gzipped, as CloudWatch's exports to S3 are.
func decompressed(log io.Reader) (io.Reader, error) {
	peeked := bufio.NewReader(log)
	if magic, err := peeked.Peek(2); err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return peeked, nil //nolint:nilerr // shorter than two bytes is not gzipped; what is wrong else is found by reading on
	}
	z, err := gzip.NewReader(peeked)
	if err != nil {
		return nil, fmt.Errorf("read gzipped log: %w", err)
	}
	return z, nil
}

// A Collector is where batches go.
type Collector struct {
	base   *url.URL
	header http.Header
	client *http.Client
}

// NewCollector takes the base URL of a collector, to which /v1/traces and the like are appended, and headers as name=value.
func NewCollector(endpoint string, headers []string) (*Collector, error) {
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("the endpoint is not an http or https URL: write one like http://127.0.0.1:4318") // the error of url.Parse would show credentials in it
	}
	header := http.Header{}
	for n, h := range headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("header %d is not name=value", n+1) // it may be a key in the wrong place
		}
		header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return &Collector{base: base, header: header, client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a key is for whom it was meant
	}}, nil
}

// Post sends a batch, again where the collector says that this may help. rejected is how many records of a batch that was accepted were not, and why.
func (c *Collector) Post(ctx context.Context, b otlplog.Batch) (rejected int64, reason string, err error) {
	pause := firstPause
	for try := 1; ; try++ {
		var after time.Duration
		var again bool
		rejected, reason, after, again, err = c.post(ctx, b)
		if err == nil || !again || try == mostTries {
			return rejected, reason, err
		}
		if after < 0 {
			after, pause = pause, 2*pause
		}
		select {
		case <-time.After(min(after, longestPause)):
		case <-ctx.Done():
			return 0, "", err
		}
	}
}

// post makes one request. after is what Retry-After says, less than zero if it says nothing.
func (c *Collector) post(ctx context.Context, b otlplog.Batch) (rejected int64, reason string, after time.Duration, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("v1", b.Signal).String(), bytes.NewReader(b.Payload))
	if err != nil {
		return 0, "", -1, false, errors.New("post batch: the endpoint is not a URL")
	}
	request.Header = c.header.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := c.client.Do(request)
	if err != nil {
		var shown *url.Error
		if errors.As(err, &shown) {
			err = shown.Err // without the URL, which may hold a key
		}
		return 0, "", -1, ctx.Err() == nil, fmt.Errorf("post batch: %w", err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, mostAnswer)) // the status tells what became of it
	if response.StatusCode/100 == 2 {
		rejected, reason = partialSuccess(answer)
		return rejected, reason, -1, false, nil
	}
	after = -1
	if s, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && s >= 0 {
		after = time.Duration(s) * time.Second
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return 0, "", after, again, fmt.Errorf("post batch: the collector answered %d%s", response.StatusCode, said(answer))
}

// said makes a readable end of a sentence of an answer: google.rpc.Status { 2: message }, or a page.
func said(answer []byte) string {
	if m, ok := field(answer, 2); ok {
		answer = m
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "")), " ")
	if text == "" {
		return ""
	}
	return ": " + strings.ToValidUTF8(text[:min(len(text), mostSaid)], "")
}

// partialSuccess reads Export*ServiceResponse { 1: partial_success { 1: rejected, 2: error_message } }.
func partialSuccess(answer []byte) (rejected int64, reason string) {
	partial, ok := field(answer, 1)
	if !ok {
		return 0, ""
	}
	message, _ := field(partial, 2)
	for b := partial; len(b) > 0; {
		number, kind, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(number, kind, b[max(0, n):])
		if n < 0 || m < 0 {
			break
		}
		if number == 1 && kind == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(b[n:])
			rejected = max(0, int64(v)) //nolint:gosec // what is beyond an int64 is none
		}
		b = b[n+m:]
	}
	return rejected, string(message)
}

// field gives the last field of that number that holds bytes.
func field(b []byte, want protowire.Number) (value []byte, found bool) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		m := protowire.ConsumeFieldValue(number, kind, b[n:])
		if m < 0 {
			break
		}
		if number == want && kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(b[n:])
			found = true
		}
		b = b[n+m:]
	}
	return value, found
}
