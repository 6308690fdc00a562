package lifecycle_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A story is an invocation as intake may hand it over.
type story struct {
	name string
	make func(inv *event.Invocation)
}

func get(id, url string, at time.Duration) event.Call {
	return event.Call{ID: id, Library: "http.client", Method: "GET", URL: event.TextOf(url), Protocol: "HTTP/1.1", Status: 200, Start: began.Add(at), Duration: 4 * time.Millisecond}
}

func stories() []story {
	return []story{
		{"error", func(inv *event.Invocation) {
			inv.Error = &event.Error{Type: "PaymentError", Message: event.TextOf("refused: password=" + secret), Stack: event.TextOf("  File \"app.py\", line 7, in handler\nPaymentError: password=" + secret)}
			c := get("17-1", "https://pay.example.com/charge", time.Millisecond)
			c.Status = 402
			inv.Calls = []event.Call{c}
		}},
		{"call-that-failed", func(inv *event.Invocation) {
			c := get("17-1", "https://pay.example.com:8443/charge", time.Millisecond)
			c.Status, c.Error = 0, &event.Error{Type: "ConnectionRefusedError", Message: event.TextOf("[Errno 111] Connection refused")}
			inv.Calls = []event.Call{c}
		}},
		{"timed-out", func(inv *event.Invocation) {
			inv.Open, inv.Duration = true, 0
			waiting := get("17-2", "https://slow.example.com/", 10*time.Millisecond)
			waiting.Open, waiting.Status, waiting.Duration = true, 0, 0
			inv.Calls = []event.Call{get("17-1", "https://fast.example.com/", time.Millisecond), waiting}
		}},
		{"timed-out-as-lambda-tells", func(inv *event.Invocation) {
			waiting := get("17-1", "https://slow.example.com/", 10*time.Millisecond)
			waiting.Open, waiting.Status, waiting.Duration = true, 0, 0
			inv.Open, inv.Outcome, inv.Duration, inv.Calls = true, event.OutcomeTimeout, 3*time.Second, []event.Call{waiting}
			inv.Platform = event.Platform{Start: began, Done: began.Add(3 * time.Second), Status: "timeout", Duration: 3 * time.Second}
			inv.Lines = []event.Line{{Time: began.Add(time.Millisecond), Body: event.TextOf("asking, password=" + secret)}}
		}},
		{"out-of-memory", func(inv *event.Invocation) {
			inv.Open, inv.Outcome, inv.Duration = true, event.OutcomeOutOfMemory, 800*time.Millisecond
			inv.Platform = event.Platform{Start: began, Done: began.Add(800 * time.Millisecond), Status: "error", ErrorType: "Runtime.OutOfMemory", Duration: 800 * time.Millisecond}
		}},
		{"killed", func(inv *event.Invocation) {
			inv.Open, inv.Outcome, inv.Duration = true, event.OutcomeKilled, 50*time.Millisecond
			inv.Platform = event.Platform{Start: began, Done: began.Add(50 * time.Millisecond), Status: "error", ErrorType: "Runtime.ExitError", Duration: 50 * time.Millisecond}
		}},
		{"only-lambda-told", func(inv *event.Invocation) {
			inv.Process, inv.Duration = event.Process{Env: inv.Process.Env}, 90*time.Millisecond
			inv.Platform = event.Platform{Start: began, Done: began.Add(90 * time.Millisecond), Status: "success", Duration: 90 * time.Millisecond, Produced: 12,
				Report: &event.Report{Status: "success", Duration: 95 * time.Millisecond, Billed: 100 * time.Millisecond, Init: 200 * time.Millisecond, MemorySize: 128 << 20, MemoryUsed: 70 << 20}}
		}},
		{"lines", func(inv *event.Invocation) {
			inv.Lines = []event.Line{
				{Time: began.Add(time.Millisecond), Body: event.TextOf("took order A-1 for Bearer " + secret + secret + secret)},
				{Time: began.Add(2 * time.Millisecond), Level: "WARN", Body: event.TextOf(`{"card":"4111111111111111","password":"` + secret + `"}`), Truncated: true},
				{Time: began.Add(3 * time.Millisecond), Level: "ERROR", Body: event.TextOf(strings.Repeat("long ", 600))},
			}
		}},
		{"late-calls", func(inv *event.Invocation) {
			inv.Late = true
			inv.Calls = []event.Call{get("21-1", "https://audit.example.com/", time.Second)}
		}},
		{"truncated", func(inv *event.Invocation) {
			inv.Event = event.Body{Data: event.BytesOf([]byte(`{"orders":[` + strings.Repeat(`{"id":"A-1","password":"`+secret+`"},`, 9) + `{"id":"A-2","password":"` + secret)), Size: 90_000, Truncated: true}
			c := get("17-1", "https://api.example.com/", time.Millisecond)
			c.Response, c.Partial = event.Body{Data: event.BytesOf([]byte(`{"token":"` + secret)), Size: -1, Truncated: true}, true
			inv.Calls = []event.Call{c}
			inv.Lost = []event.Loss{{Reason: "torn", Records: 1, Bytes: 70}}
		}},
		{"too-large", func(inv *event.Invocation) {
			inv.Event = body(`{"text":"` + strings.Repeat("long ", 1000) + `"}`)
		}},
		{"masked", func(inv *event.Invocation) {
			inv.Event = body(`{"headers":{"Authorization":"Bearer ` + secret + secret + `","cookie":"session=` + secret + `"},"body":"{\"card\":\"4111 1111 1111 1111\",\"password\":\"` + secret + `\"}"}`)
			inv.Response = body(`{"token":"` + secret + `","monkey":"is no key"}`)
			c := get("17-1", "https://me:"+secret+"@api.example.com/a?sig="+secret+"&page=2", time.Millisecond)
			c.Method, c.RequestHeaders = "POST", headers([2]string{"X-Api-Key", secret}, [2]string{"Content-Type", "application/x-www-form-urlencoded"})
			c.Request = body("user=me&client_secret=" + secret)
			c.ResponseHeaders, c.Response = headers([2]string{"Set-Cookie", "session=" + secret + "; Path=/"}), body("<user><password>"+secret+"</password></user>")
			secrets := get("17-2", "https://secretsmanager.eu-central-1.amazonaws.com/", 6*time.Millisecond)
			secrets.Method, secrets.RequestHeaders = "POST", headers([2]string{"X-Amz-Target", "secretsmanager.GetSecretValue"})
			secrets.Response = body(`{"SecretString":"` + secret + `"}`)
			inv.Calls = []event.Call{c, secrets}
		}},
		{"cold", func(inv *event.Invocation) {
			inv.Cold, inv.Tenant = true, "blue"
			c := get("17-1", "https://config.example.com/", -time.Second)
			c.Init = true
			inv.Calls = []event.Call{c}
		}},
		{"set-up-that-failed", func(inv *event.Invocation) {
			*inv = event.Invocation{ID: "init", ARN: inv.ARN, Start: began, Process: inv.Process,
				Error: &event.Error{Type: "ImportError", Message: event.TextOf("No module named 'x'")}}
		}},
	}
}

func TestGoldenStories(t *testing.T) {
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			inv := base()
			s.make(&inv)
			golden(t, filepath.Join("stories", s.name), render(t, inv), renderLogs(t, inv))
		})
	}
}
