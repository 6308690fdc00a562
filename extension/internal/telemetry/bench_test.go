package telemetry

import (
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const tracing = `"tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"}`

// invocationPost is what Lambda tells of one invocation: the triple of TELSCH, with its typo.
const invocationPost = `[{"time":"2026-01-12T00:00:15.064Z","type":"platform.start","record":{"requestId":"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","version":"$LATEST",` + tracing + `}},
{"time":"2026-01-12T00:00:15.204Z","type":"platform.runtimeDone","record":{"requestId":"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","status":"success",` + tracing + `,"spans":[{"name":"responseLatency","start":"2026-01-12T00:00:15:064Z","durationMs":23.02},{"name":"responseDuration","start":"2026-01-12T00:00:15:100Z","durationMs":0.1},{"name":"runtimeOverhead","start":"2026-01-12T00:00:15:101Z","durationMs":0.4}],"metrics":{"durationMs":140.0,"producedBytes":16}}},
{"time":"2026-01-12T00:00:15.260Z","type":"platform.report","record":{"requestId":"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","status":"success","metrics":{"durationMs":190.4,"billedDurationMs":589,"initDurationMs":397.68,"memorySizeMB":128,"maxMemoryUsedMB":84},"spans":[{"name":"extensionOverhead","start":"2026-01-12T00:00:15:204Z","durationMs":50.1}],` + tracing + `}}]`

// BenchmarkParse is the work that an invocation makes here, once the post is read.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(invocationPost)))
	var p parser
	post := []byte(invocationPost)
	for b.Loop() {
		n := 0
		if _, damaged := p.parse(post, time.Now(), func(event.Fact) { n++ }); damaged != 0 || n != 3 {
			b.Fatal(n)
		}
	}
}
