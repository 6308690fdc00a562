package main

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// TestDemoLinksEveryMessage: the consumer's link is the span id of the very message that the producer sent,
// for the message sent alone and for each of a batch. Which message went to which invocation is known from
// what the local AWS asked for, not from the spans.
func TestDemoLinksEveryMessage(t *testing.T) {
	s := onStage(t, asDeployed())
	for _, o := range []order{goodOrder().withID("links-good"), badOrder().withID("links-bad")} {
		t.Run(o.title, func(t *testing.T) {
			out := s.sendAndReceive(t, o)
			invocationSpans := map[string]otlptest.Span{}
			messageSpans := map[string][]otlptest.Span{}
			for _, span := range out.spans {
				if id := span.Text("faas.invocation_id"); id != "" {
					invocationSpans[id] = span
				}
				if id := span.Text("messaging.message.id"); id != "" && span.Kind == otlptest.Producer {
					messageSpans[id] = append(messageSpans[id], span)
				}
			}
			messages := 0
			for _, i := range out.invocations {
				for _, id := range i.messageIDs() {
					messages++
					if len(messageSpans[id]) != 1 {
						t.Errorf("message %s has %d spans, want 1", id, len(messageSpans[id]))
						continue
					}
					consumer, there := invocationSpans[i.requestID]
					if !there {
						t.Errorf("invocation %s, which handled message %s, has no span", i.requestID, id)
						continue
					}
					if !leadsTo(messageSpans[id][0], consumer) {
						t.Errorf("invocation %s handled message %s, whose span is %s, but has parent %q and links %v",
							i.requestID, id, messageSpans[id][0].SpanID, consumer.ParentID, consumer.Links)
					}
				}
			}
			if messages != 3 {
				t.Errorf("%d messages were handled, want the order's and two items'", messages)
			}
			if violations := s.Receiver().Violations(); len(violations) > 0 {
				t.Errorf("the collector objects: %s", strings.Join(violations, "; "))
			}
		})
	}
}

func leadsTo(producer, consumer otlptest.Span) bool {
	if consumer.ParentID == producer.SpanID && consumer.TraceID == producer.TraceID {
		return true
	}
	return slices.ContainsFunc(consumer.Links, func(link otlptest.Link) bool {
		return link.SpanID == producer.SpanID && link.TraceID == producer.TraceID
	})
}

// TestDemoTellsTheFailureAtBothEnds: a bad order's flow has the call that failed and the exception that it led to.
func TestDemoTellsTheFailureAtBothEnds(t *testing.T) {
	s := onStage(t, asDeployed())
	out := s.sendAndReceive(t, badOrder().withID("failure"))
	var call, exception bool
	for _, span := range out.spans {
		if status, _ := span.Attributes["http.response.status_code"].(int64); status == http.StatusInternalServerError && span.Kind == otlptest.Client {
			call = true
		}
		for _, event := range span.Events {
			message, _ := event.Attributes["exception.message"].(string)
			exception = exception || event.Name == "exception" && strings.Contains(message, "shipping answered 500")
		}
		if message, _ := span.Attributes["exception.message"].(string); strings.Contains(message, "shipping answered 500") {
			exception = true
		}
	}
	if !call {
		t.Error("no client span has the status 500 of the shipping service")
	}
	if !exception {
		t.Error("no span has the exception of the fulfilment function")
	}
}

// TestFlowAndLogsFromAnotherProcess: what the demo shows is shown by `flow` and `logs` too, which only know the run's folder.
func TestFlowAndLogsFromAnotherProcess(t *testing.T) {
	s := onStage(t, asDeployed())
	out := s.sendAndReceive(t, badOrder().withID("from-another"))
	trace := out.spans[0].TraceID
	tests := []struct {
		name, want string
		args       []string
	}{
		{"the flow", "no carrier goes to nowhere", []string{"flow", "--trace", trace, "--bodies"}},
		{"its spans", `"TraceID":"` + trace + `"`, []string{"flow", "--trace", trace, "--json"}},
		{"which extensions there are", ", platform: EXTENSION\tName: afterglow", []string{"logs"}},
		{"what the platform says", ", platform: REPORT RequestId: ", []string{"logs", "fulfilment"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			args := append([]string{test.args[0], "--runs", s.Folder()}, test.args[1:]...)
			if code := run(t.Context(), t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != succeeded || !strings.Contains(stdout.String(), test.want) {
				t.Errorf("exit code %d, no %q in\n%s%s", code, test.want, stdout.String(), stderr.String())
			}
		})
	}
}

// events are what functions are invoked with directly: what they answer and what they fail with has to be the
// same with and without Afterglow.
func events() map[string][2]string {
	const sqs = `{"Records":[{"messageId":"m-1","receiptHandle":"r","body":%q,"attributes":{},"messageAttributes":{},` +
		`"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:000000000000:q","awsRegion":"us-east-1"}]}`
	return map[string][2]string{
		"an order":                        {"OrdersFunction", fmt.Sprintf(`{"body":%q}`, goodOrder().withID("direct").body)},
		"an order that is refused":        {"OrdersFunction", `{"body":"{}"}`},
		"an event that orders cannot use": {"OrdersFunction", `["no order"]`},
		"a message":                       {"FulfilmentFunction", fmt.Sprintf(sqs, `{"order_id":"direct","ship_to":"here"}`)},
		"a message that cannot be shipped": {"FulfilmentFunction",
			fmt.Sprintf(sqs, `{"order_id":"direct","ship_to":"nowhere"}`)},
		"an event that fulfilment cannot use": {"FulfilmentFunction", `null`},
	}
}

// answers invokes the functions with every event, or the named ones.
func (s *stage) answers(t *testing.T, names ...string) map[string]answer {
	t.Helper()
	all := map[string]answer{}
	for name, event := range events() {
		if len(names) == 0 || slices.Contains(names, name) {
			all[name] = s.invoke(t, event[0], event[1]).normalised()
		}
	}
	return all
}

// requestIDInError is the field of an error that has the invocation's id.
var requestIDInError = regexp.MustCompile(`"requestId": ?"[0-9a-f-]{36}"`)

func (a answer) normalised() answer {
	a.payload = requestIDInError.ReplaceAllString(a.payload, `"requestId":"*"`)
	return a
}

// TestDemoAnswersAreTheSame: response and error of both functions are identical with and without Afterglow, and
// also where its spool cannot be written.
func TestDemoAnswersAreTheSame(t *testing.T) {
	want := onStage(t, withoutAfterglow()).answers(t)
	errorsSeen := 0
	for _, a := range want {
		if a.functionError != "" {
			errorsSeen++
		}
	}
	if errorsSeen == 0 || errorsSeen == len(want) {
		t.Fatalf("%d of %d invocations fail: the test needs both kinds", errorsSeen, len(want))
	}
	for _, v := range []variant{asDeployed(), withSetting("AFTERGLOW_SPOOL_DIR", "/dev/null/spool")} {
		t.Run(v.name, func(t *testing.T) {
			got := onStage(t, v).answers(t)
			for _, name := range slices.Sorted(maps.Keys(want)) {
				have := got[name]
				if have.took = want[name].took; have != want[name] {
					t.Errorf("%s:\n got %+v\nwant %+v", name, have, want[name])
				}
			}
		})
	}
}

// chosenAnew is what an SDK or the platform chooses anew for every request. Everything else has to be the same byte.
func chosenAnew() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"$1: *": regexp.MustCompile(`(?im)^(x-amz-date|amz-sdk-invocation-id|x-amzn-trace-id|date): [^\r]*`),
		"$1*":   regexp.MustCompile(`(?i)(signature=|ttl=)[0-9a-z]+`),
		"${1}*": regexp.MustCompile(`(?i)(credential=[^/]+/)\d{8}`),
	}
}

// features are botocore's notes of what it used, in the order of a Python set: another in every process.
var features = regexp.MustCompile(`(?m)^(User-Agent: .* m/)([A-Za-z0-9~,]+)`)

// onTheWire are the requests of an order as they arrived, without what is chosen anew.
func onTheWire(o outcome) []string {
	var texts []string
	for _, r := range o.requests {
		text := string(r.raw)
		for instead, pattern := range chosenAnew() {
			text = pattern.ReplaceAllString(text, instead)
		}
		text = features.ReplaceAllStringFunc(text, func(line string) string {
			parts := features.FindStringSubmatch(line)
			return parts[1] + strings.Join(sorted(strings.Split(parts[2], ",")), ",")
		})
		texts = append(texts, text)
	}
	return sorted(texts)
}

// difference shows two texts from a little before where they part.
func difference(got, want string) string {
	const before, after = 60, 200
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	part := func(text string) string { return text[max(0, at-before):min(len(text), at+after)] }
	return fmt.Sprintf("%q…\n got …%q…\nwant …%q…", want[:min(len(want), after)], part(got), part(want))
}

// TestDemoRequestsAreTheSame: what the functions send to others arrives byte for byte as without Afterglow, but
// for what the SDKs choose anew. In particular no header is added.
func TestDemoRequestsAreTheSame(t *testing.T) {
	for _, o := range []order{goodOrder().withID("wire-good"), badOrder().withID("wire-bad")} {
		t.Run(o.title, func(t *testing.T) {
			want := onTheWire(onStage(t, withoutAfterglow()).send(t, o))
			// Ours, payment, SQS twice, DynamoDB three times, shipping; S3 if it ships.
			if len(want) < 8 {
				t.Fatalf("only %d requests were recorded", len(want))
			}
			for _, v := range []variant{asDeployed(), withSetting("AFTERGLOW_SPOOL_DIR", "/dev/null/spool")} {
				got := onTheWire(onStage(t, v).send(t, o))
				if len(got) != len(want) {
					t.Errorf("%s: %d requests, want %d", v.name, len(got), len(want))
				}
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Errorf("%s: %s", v.name, difference(got[i], want[i]))
					}
				}
			}
		})
	}
}

// TestDemoCollectorDoesNotMatter: a collector that is killed, and one that never answers, change nothing for the caller.
func TestDemoCollectorDoesNotMatter(t *testing.T) {
	want := onStage(t, withoutAfterglow()).answers(t)
	collector, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	// With a timeout of an export beyond the functions' own, only the deadline of the invocation ends one that hangs: a caller that waited
	// for it would have waited that long. A busy machine takes a second or two.
	const deadline, patience = 10 * time.Second, 8 * time.Second
	v := withSettings(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL(), "OTEL_EXPORTER_OTLP_TIMEOUT": "60s"})
	s := onStage(t, variant{v.name, func(f *lambdalocal.Function) {
		v.change(f)
		f.Timeout = deadline
	}})
	check := func(t *testing.T, hanging bool, names ...string) {
		t.Helper()
		for name, got := range s.answers(t, names...) {
			if hanging && got.took > patience {
				t.Errorf("%s: the caller waited %s", name, got.took)
			}
			if got.took = want[name].took; got != want[name] {
				t.Errorf("%s:\n got %+v\nwant %+v", name, got, want[name])
			}
		}
	}
	t.Run("alive", func(t *testing.T) {
		check(t, false)
		if len(collector.Spans()) == 0 {
			t.Error("it received nothing: the test would prove nothing")
		}
	})
	t.Run("never answering", func(t *testing.T) {
		collector.Otherwise(otlptest.Answer{Hang: true})
		check(t, true, "an order", "a message that cannot be shipped")
	})
	t.Run("killed", func(t *testing.T) {
		if err := collector.Close(); err != nil {
			t.Fatal(err)
		}
		check(t, false)
	})
}

// secrets are what the orders hold and nobody may see.
var secrets = []string{"correct horse", "4111 1111 1111 1111", "battery staple", "5500 0000 0000 0004"}

// TestDemoHidesSecrets: a masked secret appears nowhere in what the collector got, nor in the template, nor in a log.
func TestDemoHidesSecrets(t *testing.T) {
	s := onStage(t, withSetting("AFTERGLOW_LOG_LEVEL", "debug"))
	for _, o := range []order{goodOrder().withID("secret-good"), badOrder().withID("secret-bad")} {
		out := s.sendAndReceive(t, o)
		wire := strings.Join(onTheWire(out), "\n")
		shown := 0
		for _, secret := range secrets {
			if strings.Contains(wire, secret) {
				shown++
			}
		}
		if shown != 2 {
			t.Errorf("%s: %d secrets went over the wire, want its password and its card number: the test would prove nothing", o.title, shown)
		}
		if !strings.Contains(fmt.Sprint(out.spans), "****") {
			t.Errorf("%s: nothing in its spans is masked", o.title)
		}
	}
	for i, request := range s.Receiver().Requests() {
		mustHide(t, fmt.Sprintf("request %d to the collector", i), string(request.Body))
	}
	mustHide(t, "the log", s.log())
	err := filepath.WalkDir(s.Assembly(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") {
			return err
		}
		text, err := os.ReadFile(path)
		mustHide(t, path, string(text))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// mustHide looks for the secrets as they are, without spaces, and in base64 at any offset.
func mustHide(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range secrets {
		forms := []string{secret, strings.ReplaceAll(secret, " ", "")}
		for offset := range 3 {
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			// The first and last group depend on what stands around the secret.
			forms = append(forms, encoded[4:len(encoded)-4])
		}
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%s shows %q as %q", where, secret, form)
			}
		}
	}
}

// TestDemoVariantsDiffer: what the tests above compare with is really without Afterglow.
func TestDemoVariantsDiffer(t *testing.T) {
	f := lambdalocal.Function{
		Layers: []string{"layer"},
		Env:    map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/x", "OTEL_SERVICE_NAME": "s", "AFTERGLOW_LOG_LEVEL": "debug", "TABLE": "t"},
	}
	withoutAfterglow().change(&f)
	if len(f.Layers) != 0 || len(f.Env) != 1 {
		t.Errorf("got %+v", f)
	}
}
