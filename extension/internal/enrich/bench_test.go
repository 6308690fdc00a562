package enrich

import (
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// BenchmarkApply recognises what a hook keeps of a large batch, and every call of the fixtures.
func BenchmarkApply(b *testing.B) {
	record := `{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a","body":"` + strings.Repeat(`{\"order\":\"A-1\"}`, 20) +
		`","attributes":{"AWSTraceHeader":"Root=1-5759e988-bd862e3fe1be46a994272793"},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:orders"}`
	const captured = 64 << 10
	inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte(`{"Records":[` + strings.Repeat(record+",", captured/len(record)) + record + `]}`))}}
	for _, path := range fixtures(b, "calls") {
		inv.Calls = append(inv.Calls, readCall(b, path))
	}
	b.ReportAllocs()
	for range b.N {
		Apply(&inv)
	}
}

// BenchmarkEventOfTheUsersOwn looks at a large event that nothing recognises.
func BenchmarkEventOfTheUsersOwn(b *testing.B) {
	inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte(`{"orders":[` + strings.Repeat(`{"id":"A-1","note":"a gift"},`, 2300) + `1]}`))}}
	b.SetBytes(int64(inv.Event.Data.Len()))
	for range b.N {
		Apply(&inv)
	}
}
