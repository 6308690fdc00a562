package export

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

func TestTold(t *testing.T) {
	span := func(attributes ...otlp.KeyValue) []byte {
		return otlp.AppendRequest(nil, otlp.ResourceSpans{Spans: []otlp.Span{{Name: "f", Attributes: attributes}}})
	}
	lost := span(otlp.String("faas.trigger", "http"), otlp.Int("afterglow.lost.torn.records", 3), otlp.Int("afterglow.lost.torn.bytes", 90), otlp.Int("afterglow.dropped.calls", 2))
	for name, test := range map[string]struct {
		signal  string
		payload []byte
		want    string
	}{
		"nothing":                {otlplog.Traces, nil, ""},
		"no losses":              {otlplog.Traces, span(otlp.Int("afterglow.dropped.bytes", 1), otlp.Bool("afterglow.lost", true)), ""},
		"losses":                 {otlplog.Traces, lost, "dropped-calls 2 0, torn 0 90, torn 3 0"},
		"two requests in one":    {otlplog.Traces, append(slices.Clone(lost), span(otlp.Int("afterglow.lost.refused.records", 1))...), "dropped-calls 2 0, refused 1 0, torn 0 90, torn 3 0"},
		"a value that is a text": {otlplog.Traces, span(otlp.String("afterglow.lost.torn.records", "3")), "torn 0 0"},
		"another signal":         {otlplog.Metrics, lost, ""},
		"cut":                    {otlplog.Traces, lost[:len(lost)-1], ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			Told(test.signal, test.payload, func(reason string, records, bytes int64) {
				got = append(got, fmt.Sprint(reason, " ", records, " ", bytes))
			})
			slices.Sort(got)
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", strings.Join(got, ", "), test.want)
			}
		})
	}
}
