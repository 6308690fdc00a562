package nethttp

import (
	"net/http"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/http2"
)

// RoundTripper gives one that sees what goes through base, or through http.DefaultTransport as it is at the time, if that is nil.
func RoundTripper(h *hook.Hook, base http.RoundTripper) http.RoundTripper {
	return &http2.Transport{
		Trip: func(req *http.Request) (*http.Response, error) {
			t := orDefault(base)
			copied, c := Begin(h, req, t)
			if c == nil {
				return t.RoundTrip(copied)
			}
			defer c.Left()
			return c.Answer(t.RoundTrip(copied))
		},
		CloseIdle: func() {
			if closer, ok := orDefault(base).(interface{ CloseIdleConnections() }); ok {
				closer.CloseIdleConnections()
			}
		},
	}
}

func orDefault(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		return http.DefaultTransport
	}
	return base
}

// A Doer sends requests. *http.Client is one, and what the AWS SDK for Go, version 2, takes for its client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// A Client sees what a Doer does.
type Client struct {
	hook *hook.Hook
	doer Doer
}

// NewClient gives a Doer that sees what another one does.
func NewClient(h *hook.Hook, doer Doer) *Client { return &Client{h, doer} }

// Do implements Doer.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	copied, call := Begin(c.hook, req, nil)
	if call == nil {
		return c.doer.Do(copied)
	}
	defer call.Left()
	return call.Answer(c.doer.Do(copied))
}
