package faults

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// answers is the story of a collector that answers everything alike.
func answers(a otlptest.Answer) func(*stage) {
	return func(s *stage) {
		s.collector.Otherwise(a)
		s.begin()
		s.busy(3)
	}
}

// meanwhile is the story of one that does so for some invocations, and then is well again.
func meanwhile(a otlptest.Answer) func(*stage) {
	return func(s *stage) {
		s.begin()
		s.busy(1)
		s.collector.Otherwise(a)
		s.busy(3)
		s.collector.Otherwise(otlptest.Answer{})
		s.busy(1)
	}
}

func collectorRows() []row {
	rows := []row{
		{name: "nothing is broken", does: "Nothing, for comparison.", story: answers(otlptest.Answer{})},
		{name: "nothing is broken, Node.js", does: "Nothing, for comparison.", set: setting{runtime: node}, story: answers(otlptest.Answer{})},
		{name: "refuses", does: "Nobody listens at its port.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.set.endpoint = "http://" + s.nobody()
			s.begin()
			s.busy(3)
		}},
		{name: "hangs", does: "Takes requests and never answers.", lost: []string{"undelivered"}, story: answers(otlptest.Answer{Hang: true})},
		{name: "hangs, Node.js", does: "Takes requests and never answers.", set: setting{runtime: node}, lost: []string{"undelivered"}, story: answers(otlptest.Answer{Hang: true})},
		{name: "takes no bytes", does: "Takes the connection and reads nothing of it.", lost: []string{"undelivered"}, story: func(s *stage) {
			done := make(chan bool)
			s.Cleanup(func() { close(done) })
			s.raw(func(net.Conn) { <-done })
			s.begin()
			s.busy(3)
		}},
		{name: "resets in the middle", does: "Reads a hundred bytes of the request and resets the connection.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.raw(func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 100)) })
			s.begin()
			s.busy(3)
		}},
		{name: "resets instead of an answer", does: "Reads the request and resets the connection, for some invocations.", story: meanwhile(otlptest.Answer{Reset: true})},
		{name: "speaks no HTTP", does: "Answers every connection with a line of something else.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.raw(func(c net.Conn) {
				_, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n")
				_, _ = io.Copy(io.Discard, c)
			})
			s.begin()
			s.busy(3)
		}},
		{name: "accepts and hangs", does: "Takes the data, and the answer never comes, for some invocations.", repeats: true, story: meanwhile(otlptest.Answer{Hang: true, Keep: true})},
		{name: "is slow", does: "Answers after 300 ms.", repeats: true, story: answers(otlptest.Answer{Slow: 300 * time.Millisecond})},
		{name: "drips its answer", does: "Accepts, and sends a byte of its answer a second.", story: answers(otlptest.Answer{Drip: time.Second, Message: "one byte at a time"})},
		{name: "never ends its answer", does: "Accepts, and its answer goes on for ever.", story: endless},
		{name: "redirects", does: "Answers 307 with another collector's address.", lost: []string{"refused"}, story: redirects},
		{name: "refuses a part", does: "Answers partial success three times: the first span of the request, which tells of the one before, is rejected.", lost: []string{"refused"},
			set: setting{env: map[string]string{"AFTERGLOW_FLUSH": "end"}}, story: func(s *stage) {
				s.begin()
				s.busy(1)
				s.collector.Otherwise(otlptest.Answer{PartialRejected: 1, Message: "one is too many"})
				s.busy(3)
				s.collector.Otherwise(otlptest.Answer{})
				s.busy(2)
			}},
		{name: "takes small requests only", does: "Answers 413 to requests of more than 4,000 bytes.", story: func(s *stage) {
			s.in(func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
				if len(body) > 4000 {
					w.WriteHeader(http.StatusRequestEntityTooLarge)
				}
				return len(body) > 4000
			})
			s.begin()
			s.busy(3)
		}},
		{name: "TLS, all is well", does: "Nothing, for comparison: a private authority that the settings name.", story: func(s *stage) {
			s.secured(true, nil)
			s.begin()
			s.busy(2)
		}},
		{name: "TLS, wrong name", does: "Its certificate is another host's.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.secured(true, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example.com"} })
			s.begin()
			s.busy(2)
		}},
		{name: "TLS, expired", does: "Its certificate was valid until yesterday.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.secured(true, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-24 * time.Hour) })
			s.begin()
			s.busy(2)
		}},
		{name: "TLS, unknown authority", does: "Nobody that the function trusts has signed its certificate.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.secured(false, nil)
			s.begin()
			s.busy(2)
		}},
		{name: "its name is gone", does: "Its host name does not exist.", lost: []string{"undelivered"}, story: func(s *stage) {
			s.set.endpoint = "http://collector.invalid:4318"
			s.begin()
			s.busy(2)
		}},
		{name: "comes back", does: "Nobody listens for three invocations; then it is there again, at the same address.", story: func(s *stage) {
			address := s.nobody()
			s.set.endpoint = "http://" + address
			s.begin()
			s.busy(3)
			s.collector = s.receive(otlptest.Options{Addr: address})
			s.busy(1)
		}},
		{name: "dies for good", does: "Is gone after the first invocation.", lost: []string{"undelivered"}, story: diesForGood},
		{name: "dies for good, with the log", does: "The same, with AFTERGLOW_UNDELIVERED=log.", inLog: true, set: setting{env: map[string]string{"AFTERGLOW_UNDELIVERED": "log"}}, story: diesForGood},
	}
	return slices.Concat(rows, keyRows(), statusRows())
}

// statusRows are the answers with a status that is no success.
func statusRows() []row {
	var rows []row
	for _, status := range []int{400, 401, 403, 413} {
		rows = append(rows, row{name: fmt.Sprintf("answers %d", status), does: fmt.Sprintf("Answers %d to everything.", status), lost: []string{"refused"}, story: answers(otlptest.Answer{Status: status, Message: "no"})})
	}
	for _, a := range []otlptest.Answer{{Status: 429, RetryAfter: "1"}, {Status: 500}, {Status: 503}, {Status: 503, RetryAfter: "1"}} {
		name, after := fmt.Sprintf("answers %d", a.Status), ""
		if a.RetryAfter != "" {
			name, after = name+" with Retry-After", ", Retry-After: "+a.RetryAfter
		}
		var lost []string
		if a.Status == http.StatusInternalServerError {
			lost = []string{"refused"} // not among those of which the protocol says that they pass
		}
		rows = append(rows, row{name: name + " for a while", lost: lost, does: fmt.Sprintf("Answers %d%s for some invocations.", a.Status, after), story: meanwhile(a)})
	}
	return append(rows, row{name: "answers 503 until the end", does: "Answers 503 to everything.", lost: []string{"undelivered"}, story: answers(otlptest.Answer{Status: 503})})
}

func diesForGood(s *stage) {
	s.begin()
	s.busy(1)
	if err := s.collector.Close(); err != nil {
		s.Fatal(err)
	}
	s.busy(2)
}

// endless answers for ever.
func endless(s *stage) {
	s.in(func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		accepted := httptest.NewRecorder()
		s.hand(accepted, r, body)
		w.Header().Set("Content-Type", "application/x-protobuf")
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return true
			}
		}
	})
	s.begin()
	s.busy(2)
}

// redirects sends requests elsewhere, where nobody may ever come: whoever answers must not choose who gets a function's data, and the headers with its keys.
func redirects(s *stage) {
	elsewhere := s.receive(otlptest.Options{})
	s.in(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		http.Redirect(w, r, elsewhere.URL()+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	s.begin()
	s.busy(2)
	s.end()
	if n := len(elsewhere.Requests()); n > 0 {
		s.Errorf("%d requests followed a redirect", n)
	}
}
