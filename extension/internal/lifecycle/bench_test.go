//go:build linux

package lifecycle

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/stage"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

// BenchmarkStages leads invocations of ten calls from the spool to the bytes of a request, as a flush of a busy function does: fifty at a time.
func BenchmarkStages(b *testing.B) {
	b.Run("small", func(b *testing.B) { benchmarkStages(b, stage.SmallCalls()) })
	b.Run("45 KiB", func(b *testing.B) { benchmarkStages(b, stage.Calls()) })
}

func benchmarkStages(b *testing.B, calls []stage.Call) {
	const most = 50
	dir := b.TempDir()
	hook, err := stage.NewHook(dir)
	if err != nil {
		b.Fatal(err)
	}
	in := intake.New(dir, time.Now().Add(-time.Minute))
	stages := &Stages{Masker: mask.New(mask.Options{}), Limits: limit.Limits{FieldBytes: 2048, CallBytes: 65536, InvocationBytes: 524288}, Resource: span.Resource{Function: "bench"}}
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as package main does
	b.ReportAllocs()
	var spent time.Duration
	sent, zipped := 0, 0
	var payload []byte
	for n := 0; n < b.N; {
		b.StopTimer()
		for range min(most, b.N-n) {
			if err := hook.Invocation(fmt.Sprintf("6d68ca91-49c9-448d-89b8-%012x", n), calls); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.StartTimer()
		before := cpuTime()
		payload = payload[:0]
		for more := true; more; {
			round := in.Collect(false)
			for _, inv := range round.Invocations {
				for _, batch := range stages.Render(inv) {
					payload = append(payload, batch.Payload...)
				}
			}
			in.Release(round)
			more = round.More
		}
		spent += cpuTime() - before
		b.StopTimer()
		sent += len(payload)
		var z bytes.Buffer
		before = cpuTime()
		w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed)
		w.Write(payload)
		w.Close()
		gz := cpuTime() - before
		zipped += z.Len()
		if n >= b.N {
			b.ReportMetric(float64(gz.Microseconds())/float64(min(most, b.N)), "gzip-µs/op")
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(sent)/float64(b.N), "bytes/op")
	b.ReportMetric(float64(zipped)/float64(b.N), "zipped/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		panic("no rusage")
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
