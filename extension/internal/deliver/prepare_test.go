package deliver

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A preparing exporter is told of requests before they are sent.
type preparing struct {
	fake
	told   []string
	pieces [][]byte // that it was told of
	sent   [][]byte // of the last request
	breaks bool
}

func (p *preparing) Ahead(_ string, payload []byte) {
	p.told = append(p.told, names(payload)...)
	p.pieces = append(p.pieces, payload)
	if p.breaks {
		panic("broken")
	}
}

func (p *preparing) SendPieces(ctx context.Context, signal string, pieces [][]byte) (export.Result, error) {
	p.sent = pieces
	return p.Send(ctx, signal, bytes.Join(pieces, nil))
}

// TestPrepareTellsTheBeginningOfTheNextRequest, where it is known which that will be.
func TestPrepareTellsTheBeginningOfTheNextRequest(t *testing.T) {
	tests := map[string]struct {
		before func(s *stand, p *preparing)
		want   string
	}{
		"an exporter that works":     {func(s *stand, _ *preparing) { s.invoke("a") }, "x y z"},
		"one that nobody knows yet":  {func(*stand, *preparing) {}, ""},
		"one that fails":             {func(s *stand, p *preparing) { s.invoke("a"); p.answer = nobody; s.invoke("b") }, ""},
		"one with something kept":    {func(s *stand, _ *preparing) { s.invoke("a"); s.lanes[0].items = []*item{{}} }, ""},
		"one whose requests are cut": {func(s *stand, _ *preparing) { s.invoke("a"); s.lanes[0].Limits = export.Limits{Bytes: 1} }, ""},
		"one that takes no more":     {func(s *stand, _ *preparing) { s.invoke("a"); s.lanes[0].most = len(request(10, "x")) }, "x"},
		"one that breaks":            {func(s *stand, p *preparing) { s.invoke("a"); p.breaks = true }, "x y z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := new(preparing)
			s := newStand(t, nil, Exporter{Name: "otlp", Signals: []string{otlplog.Traces, otlplog.Metrics}, Sender: p})
			test.before(s, p)
			s.add("x")
			s.Add(Batch{Signal: otlplog.Metrics, Payload: request(10, "m"), Records: 1})
			s.Prepare()
			s.add("y", "z")
			s.Prepare()
			s.Prepare()
			if got := strings.Join(p.told, " "); got != test.want {
				t.Errorf("told of %q, want %q", got, test.want)
			}
		})
	}
}

// TestPrepareBeginsAnew after each Flush.
func TestPrepareBeginsAnew(t *testing.T) {
	p := new(preparing)
	s := newStand(t, nil, Exporter{Name: "otlp", Signals: []string{otlplog.Traces}, Sender: p})
	s.invoke("a")
	for _, name := range []string{"x", "y"} {
		s.add(name)
		s.Prepare()
		s.flush(false)
	}
	if got := strings.Join(p.told, " "); got != "x y" {
		t.Errorf("told of %q", got)
	}
	s.want(&p.fake, "a x y")
}

// TestPiecesAreSentAsTheyWereTold: the same memory, so that nobody has to compare them.
func TestPiecesAreSentAsTheyWereTold(t *testing.T) {
	p := new(preparing)
	s := newStand(t, nil, Exporter{Name: "otlp", Signals: []string{otlplog.Traces}, Sender: p})
	s.invoke("a")
	s.add("x", "y")
	s.Prepare()
	s.invoke("z")
	if len(p.pieces) != 2 || len(p.sent) != 3 || &p.sent[0][0] != &p.pieces[0][0] || &p.sent[1][0] != &p.pieces[1][0] {
		t.Errorf("told of %d pieces, sent %d", len(p.pieces), len(p.sent))
	}
}
