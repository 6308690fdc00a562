package export

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// TestAheadIsAGuess: whatever was compressed before, what arrives is what Send was given.
func TestAheadIsAGuess(t *testing.T) {
	a, b, other := text(200_000), text(3_000), text(5_000)
	both := append(bytes.Clone(a), b...)
	tests := map[string]struct {
		ahead [][]byte
		sent  map[string][]byte // by signal, metrics first
	}{
		"as guessed":                 {[][]byte{a, b}, map[string][]byte{otlplog.Traces: both}},
		"more follows":               {[][]byte{a}, map[string][]byte{otlplog.Traces: both}},
		"less":                       {[][]byte{a, b}, map[string][]byte{otlplog.Traces: a}},
		"another order":              {[][]byte{b, a}, map[string][]byte{otlplog.Traces: both}},
		"something else":             {[][]byte{a}, map[string][]byte{otlplog.Traces: other}},
		"something small":            {[][]byte{a}, map[string][]byte{otlplog.Traces: []byte("abc")}},
		"another signal before":      {[][]byte{a}, map[string][]byte{otlplog.Metrics: other, otlplog.Traces: both}},
		"a small one of it before":   {[][]byte{a}, map[string][]byte{otlplog.Metrics: []byte("abc"), otlplog.Traces: both}},
		"another signal, and no end": {[][]byte{a}, map[string][]byte{otlplog.Metrics: other}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[string][]byte{}
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got[r.URL.Path] = unzipped(t, r) }))
			defer s.Close()
			c, err := New(map[string]Endpoint{otlplog.Traces: {URL: s.URL + "/traces", Compress: true}, otlplog.Metrics: {URL: s.URL + "/metrics", Compress: true}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for range 2 { // what is left of the first must not be in the second
				for _, piece := range test.ahead {
					c.Ahead(otlplog.Traces, piece)
				}
				for _, signal := range []string{otlplog.Metrics, otlplog.Traces} {
					payload, ok := test.sent[signal]
					if !ok {
						continue
					}
					if _, err := c.Send(t.Context(), signal, payload); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got["/"+signal], payload) {
						t.Errorf("%s: %d bytes arrived that are not the %d that were sent", signal, len(got["/"+signal]), len(payload))
					}
				}
			}
		})
	}
}

// TestAheadIsUsed: the bytes are changed afterwards, which nobody may, and what arrives is what they were.
func TestAheadIsUsed(t *testing.T) {
	var got []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = unzipped(t, r) }))
	defer s.Close()
	c := client(t, Endpoint{URL: s.URL, Compress: true})
	piece := text(100_000)
	before := bytes.Clone(piece)
	c.Ahead(otlplog.Traces, piece)
	piece[0]++
	if _, err := c.Send(t.Context(), piece); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, before) {
		t.Error("it was compressed again")
	}
}

// TestPieces arrive as one, and those that were compressed ahead are not compressed again: their bytes are changed afterwards, which nobody may.
func TestPieces(t *testing.T) {
	a, b, c := text(100_000), text(3_000), text(2_000)
	tests := map[string]struct {
		compress bool
		ahead    int // pieces that were
		used     bool
	}{
		"as they are":   {false, 0, false},
		"compressed":    {true, 0, false},
		"one ahead":     {true, 1, true},
		"all ahead":     {true, 3, true},
		"too many were": {true, 4, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []byte
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = unzipped(t, r) }))
			defer s.Close()
			client := client(t, Endpoint{URL: s.URL, Compress: test.compress})
			first := bytes.Clone(a)
			pieces := [][]byte{first, b, c}
			for _, piece := range append(pieces[:3:3], b)[:test.ahead] {
				client.Ahead(otlplog.Traces, piece)
			}
			first[0]++
			want := bytes.Join(pieces, nil)
			if test.used {
				want[0]--
			}
			if _, err := client.SendPieces(t.Context(), otlplog.Traces, pieces); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes arrived that are not the %d expected", len(got), len(want))
			}
		})
	}
}

// TestAheadOfWhatIsNotCompressed does nothing, nor does it for a signal that goes nowhere.
func TestAheadOfWhatIsNotCompressed(t *testing.T) {
	c := client(t, Endpoint{URL: "http://127.0.0.1:1"})
	c.Ahead(otlplog.Traces, text(10))
	c.Ahead(otlplog.Metrics, text(10))
	if c.zip != nil || c.ahead.of != nil {
		t.Error("something was compressed")
	}
}

// text is of a length, and unlike any other.
func text(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = 'a' + b[i]%16
	}
	return b
}

// unzipped reads a request's body.
func unzipped(t *testing.T, r *http.Request) []byte {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return nil
		}
		body = zip
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	return b
}
