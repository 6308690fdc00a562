package deliver

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// telling is a batch whose first span tells of losses.
func telling(name string) Batch {
	spans := []otlp.Span{
		{Name: name, Attributes: []otlp.KeyValue{otlp.Int("afterglow.lost.torn.records", 3), otlp.Int("afterglow.lost.torn.bytes", 90), otlp.Int("afterglow.dropped.calls", 2)}},
		{Name: name + "-call", Attributes: []otlp.KeyValue{otlp.String("afterglow.library", "undici")}},
	}
	return Batch{Signal: otlplog.Traces, Payload: otlp.AppendRequest(nil, otlp.ResourceSpans{Spans: spans}), Records: 2}
}

// TestLossesAreToldAgain: a request that nobody takes takes the counts in it along, and so may one of which a part is rejected.
func TestLossesAreToldAgain(t *testing.T) {
	for name, test := range map[string]struct {
		status      int
		rejected    int64
		want, again string
	}{
		"accepted":       {0, 0, "", ""},
		"refused":        {http.StatusUnauthorized, 0, "refused:2", "dropped-calls:2 torn:3"},
		"refused halves": {http.StatusBadRequest, 0, "refused:2", "dropped-calls:2 torn:3"},
		"rejected":       {0, 1, "refused:1", "dropped-calls:2 torn:3"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			if test.status != 0 {
				f.answer = refuse(test.status, "a", "a-call")
			}
			if test.rejected > 0 {
				f.answer = func(context.Context, int, string, []byte) (export.Result, error) {
					return export.Result{Rejected: test.rejected}, nil
				}
			}
			s := newStand(t, nil, one(f))
			s.Add(telling("a"))
			s.flush(false)
			s.wantLost(test.want)
			s.wantAgain(test.again)
		})
	}
}

func TestLossesAreToldAgainWhereThereIsNoRoom(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Bytes = block }, one(&fake{answer: nobody}))
	s.Add(telling("a"))
	s.flush(false)
	s.add("b")
	s.flush(true)
	s.wantLost("outbox-full:2")
	s.wantAgain("dropped-calls:2 torn:3")
}

func TestLossesAreToldAtTheEnd(t *testing.T) {
	s := newStand(t, nil, one(&fake{answer: nobody}))
	s.Add(telling("a"))
	s.flush(true)
	s.Abandon(t.Context(), false)
	for _, want := range []string{`"traces":2`, `"torn":3`, `"dropped-calls":2`} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("said %s", s.log.String())
		}
	}
}
