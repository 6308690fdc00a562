//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// The report has a line for each memory, with its median and its most beside the target.
func TestReport(t *testing.T) {
	got := write([]shares{{1769, []float64{0.9, 1.01, 0.7}}, {128, []float64{0.07}}}, 2*time.Second, 1)
	for _, want := range []string{"| 1769 | 1.000 | 0.900 | 0.90 | 1.010 | 1.01 |\n", "| 128 | 0.072 | 0.070 | 0.97 | 0.070 | 0.97 |\n", "3 runs of 2s"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Work is given as much as it takes, and says so.
func TestWork(t *testing.T) {
	if share := work(50 * time.Millisecond); share <= 0 {
		t.Errorf("it had %v cores", share)
	}
}
