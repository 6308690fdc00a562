package lambdalocal

import (
	"fmt"
	"strings"
	"testing"
)

// loggingApp logs in the ways that there are. It gives Lambda time to read its last line: one without a request id is placed by when it was read.
const loggingApp = `
import logging, os, sys, time
log = logging.getLogger()
log.setLevel(logging.INFO)
print("set up, password=hunter2")
def handler(event, context):
    n = event["n"]
    print(f"printed {n}, Authorization: Bearer hunter2hunter2")
    log.warning("warned %d, password=hunter2", n)
    print('{"level":"ERROR","n":%d,"token":"hunter2"}' % n)
    if event.get("exit"):
        print("last words", flush=True)
        os._exit(3)
    sys.stdout.flush()
    time.sleep(0.05)
    return event
`

// TestLinesOfTheLog: each arrives once, with the span of its invocation and without its secrets, those of an invocation that did not end too.
func TestLinesOfTheLog(t *testing.T) {
	for _, format := range []string{"Text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			w := withAfterglow(t, managed(t, pythonName, "app.py", loggingApp).also(func(f *Function, _ *Options) { f.LogFormat = format }), map[string]string{"AFTERGLOW_SIGNALS": "traces,logs"})
			var ids []string
			for n, payload := range []string{`{"n":0}`, `{"n":1}`, `{"n":2,"exit":1}`, `{"n":3}`} {
				r := w.invoke(payload)
				if (r.FunctionError != "") != (n == 2) {
					t.Errorf("answer is %s", r.Payload)
				}
				ids = append(ids, r.RequestID)
			}
			spans := w.close()
			const setUp = "set up, password=****" // before the first invocation, and before the one after the reset
			want, setUps := map[string]string{"last words": ids[2]}, map[string]bool{}
			for n, id := range ids {
				want[fmt.Sprintf("printed %d, Authorization: ****", n)] = id
				want[fmt.Sprintf(`{"level":"ERROR","n":%d,"token":"****"}`, n)] = id
				want[fmt.Sprintf("warned %d, password=****", n)] = id
			}
			seen := map[string]int{}
			for _, record := range w.collector.LogRecords() {
				body := fmt.Sprint(record.Body)
				if strings.Contains(body, "hunter2") {
					t.Errorf("a secret arrives: %s", body)
				}
				if strings.Contains(body, setUp) {
					setUps[record.Text("faas.invocation_id")] = true
				}
				for text, id := range want {
					if !strings.Contains(body, text) {
						continue
					}
					seen[text]++
					if s := spans[id]; record.SpanID != s.SpanID || record.TraceID != s.TraceID || record.Attributes["faas.invocation_id"] != id {
						t.Errorf("%q is of span %s, want %s of %s", text, record.SpanID, s.SpanID, id)
					}
					if severity := map[byte]int{'w': 13, '{': 17}[text[0]]; severity != 0 && int(record.Severity) != severity {
						t.Errorf("%q has severity %d", body, record.Severity)
					}
				}
			}
			for text := range want {
				if seen[text] != 1 {
					t.Errorf("%q arrived %d times", text, seen[text])
				}
			}
			if len(setUps) != 2 || !setUps[ids[0]] || !setUps[ids[3]] {
				t.Errorf("what the set-up printed is of %v, want %s and %s", setUps, ids[0], ids[3])
			}
		})
	}
}
