package otelcol

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Counters gives what the Collector says of itself, summed over labels: otelcol_receiver_accepted_spans and its like,
// https://opentelemetry.io/docs/collector/internal-telemetry/
func (c *Collector) Counters(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.metrics+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("read the Collector's counters: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the Collector's counters: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	counters, err := sumSamples(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the Collector's counters: %w", err)
	}
	return counters, nil
}

// sumSamples reads Prometheus' text format: name{labels} value. Labels may hold spaces, a value not.
func sumSamples(r io.Reader) (map[string]float64, error) {
	sums := map[string]float64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || space < 0 {
			continue
		}
		name, _, _ := strings.Cut(line[:space], "{")
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
		sums[name] += value
	}
	return sums, lines.Err()
}
