package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkContent masks a megabyte of each kind; the mark is 200 MB/s on one core. Beside it stands how long that takes compared with the standard library's check that
// the same is JSON, in the same run: that says more than a number of a busy machine.
func BenchmarkContent(b *testing.B) {
	const size = 1 << 20
	repeat := func(format string) []byte {
		var doc bytes.Buffer
		doc.WriteByte('[')
		for n := 0; doc.Len() < size; n++ {
			if n > 0 {
				doc.WriteByte(',')
			}
			fmt.Fprintf(&doc, format, n)
		}
		doc.WriteByte(']')
		return doc.Bytes()
	}
	order := `{"orderId":"A-%d","customer":{"id":"c-1029","name":"Ada Lovelace","email":"ada@example.com","address":{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"}},` +
		`"items":[{"sku":"LMN-0042","quantity":2,"price":19.99},{"sku":"XYZ-7001","quantity":1,"price":5.5}],"currency":"GBP","paid":true,"createdAt":"2026-01-02T03:04:05.678Z"}`
	secrets := `{"n":%d,"user":"ada","password":"hunter2hunter2","card_number":"4111111111111111","headers":{"Authorization":"Bearer abcdefghijklmnop","x-api-key":"0123456789"}}`
	nested := `{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","n":%d,"body":"` + strings.ReplaceAll(order, `"`, `\"`) + `","eventSource":"aws:sqs"}`
	nested = strings.Replace(nested, "A-%d", "A-1", 1)
	for name, doc := range map[string][]byte{
		"orders":    repeat(order),
		"secrets":   repeat(secrets),
		"nested":    repeat(nested),
		"numbers":   repeat(`[%d,1.25,-3e7,1767225600000,42]`),
		"uuids":     repeat(`{"n":%d,"id":"059f36b4-87a3-44ab-83d2-661975830a7d","parent":"2e1424d4-f796-459a-8184-9c92662be6da"}`),
		"long text": repeat(`{"n":%d,"text":"` + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20) + `"}`),
		"escapes":   repeat(`{"n":%d,"text":"` + strings.Repeat(`line of a log\n\tat com.example.Service.call(Service.java:42)\n`, 10) + `"}`),
		"text":      bytes.Repeat([]byte("2026-01-02 03:04:05 INFO com.example.Service - order A-1 took 12 ms, status=200\n"), size/80),
		"form":      bytes.Repeat([]byte("Action=SendMessage&QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F123456789012%2Forders&MessageBody=order+A-1+for+Ada&n=17&"), size/128),
		"xml":       bytes.Repeat([]byte("<order id=\"A-1\"><sku>LMN-0042</sku><price>19.99</price></order>\n"), size/64),
	} {
		b.Run(name, func(b *testing.B) {
			rules := New(Options{})
			mask := rules.Content
			if name == "form" {
				mask = rules.Form
			}
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			before := cpuTime(b)
			for range b.N {
				mask(doc, 0)
			}
			each := b.Elapsed() / time.Duration(b.N)
			b.StopTimer()
			b.ReportMetric(float64(len(doc))*float64(b.N)/1e6/(cpuTime(b)-before).Seconds(), "cpu-MB/s")
			const rounds = 10
			start := time.Now()
			for range rounds {
				json.Valid(doc)
			}
			if json.Valid(doc) { // what is no JSON is left at its first byte
				b.ReportMetric(float64(each)/float64(time.Since(start)/rounds), "×json.Valid")
			}
		})
	}
}

// cpuTime is what this process has had. Of that a machine that is busy with other things takes less away than of the time on the clock.
func cpuTime(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkNew is part of every cold start.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		New(Options{})
	}
}
