package enrich

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// TestBothEndsSeeTheSameKey: what the answer to a call holds is found again in the event of the function that it leads to. That is all that links them.
func TestBothEndsSeeTheSameKey(t *testing.T) {
	const invoked = "f1d2d2f9-24e9-86ac-886f-dfd50b3b0d57" // the request id of the answer in lambda-invoke.json
	for _, test := range []struct{ call, trigger, id string }{
		{"sns-publish", "sns", ""},
		{"eventbridge-put", "eventbridge", ""},
		{"eventbridge-put", "sqs-eventbridge", ""},
		{"eventbridge-put-some", "eventbridge", ""},
		{"kinesis-put", "kinesis", ""},
		{"kinesis-put-many", "kinesis", ""},
		{"s3-put-notified", "s3", ""},
		{"s3-put-notified", "sns-s3", ""},
		{"s3-put-notified", "sqs-sns-s3", ""},
		{"http-api-gateway", "httpapi", ""},
		{"lambda-invoke", "", invoked},
		{"lambda-invoke-async", "", invoked},
	} {
		t.Run(test.call+" to "+test.trigger, func(t *testing.T) {
			sender := event.Invocation{Calls: []event.Call{readCall(t, filepath.Join("testdata", "calls", test.call+".json"))}}
			receiver := event.Invocation{ID: test.id, Event: event.Body{Data: event.BytesOf([]byte(`{"order":"A-1"}`))}}
			if test.trigger != "" {
				receiver.Event.Data = read(t, filepath.Join("testdata", "triggers", test.trigger+".json"))
			}
			Apply(&sender)
			Apply(&receiver)
			found := sender.Calls[0].Target
			sent := []event.Key{}
			if found.Key != nil {
				sent = append(sent, *found.Key)
			}
			for _, m := range found.Messages {
				sent = append(sent, m.Key)
			}
			received := keys(receiver.Trigger)
			if !slices.ContainsFunc(sent, func(k event.Key) bool { return slices.Contains(received, k) }) {
				t.Errorf("sent %v, received %v", sent, received)
			}
		})
	}
}

// TestOnlyWhatLambdaDrewIsAnInvocation: the set-up of an environment was invoked by nobody.
func TestOnlyWhatLambdaDrewIsAnInvocation(t *testing.T) {
	for _, id := range []string{"", "init", "none"} {
		inv := event.Invocation{ID: id}
		if Apply(&inv); inv.Trigger.Upstream != nil {
			t.Errorf("%q was called by %v", id, inv.Trigger.Upstream)
		}
	}
}
