// Package enrich recognises what an invocation was triggered by and which services it called.
//
// It takes an event.Invocation as intake made it and fills Trigger, and Target of every call: names of services, operations and
// resources, the ids that both sides of a hop see, and attributes in the words of OpenTelemetry's semantic conventions 1.44. All
// knowledge of AWS's protocols is here, once for all runtimes.
//
// It promises: no event and no call makes it panic or take more than time linear in its size; what is not recognised is left as it is; ids
// are taken whole or not at all; what came from the function is put into attributes as event.Text, so that mask sees it.
//
// To add a type of trigger: one file trigger_<name>.go with its recogniser, one line in candidates, one real event in
// testdata/triggers/<name>.json. To add a service: one file service_<name>.go, one line in services, calls in testdata/calls. `go test -update`
// writes what is recognised beside them, to be looked at before it is committed.
package enrich

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// Spaces of ids, see event.Key. Both sides of a hop have to use the same one.
const (
	spaceSQS     = "aws_sqs"
	spaceSNS     = "aws_sns"
	spaceRequest = "request" // of what answered an HTTP request: function URL, API Gateway, Lambda itself
	spaceS3      = "aws_s3"  // request of S3, which its notification repeats
	spaceEvents  = "aws_events"
	spaceKinesis = "aws_kinesis" // stream/shard:sequence number
)

// Apply fills Trigger of the invocation and Target of its calls.
func Apply(inv *event.Invocation) {
	inv.Trigger = recogniseTrigger(document.Parse(inv.Event.Data.Reveal()))
	if inv.Trigger.Source == "" && isRequestID(inv.ID) {
		// An event of the user's own comes by Invoke, as far as anybody can tell, and the answer to Invoke had this invocation's id.
		inv.Trigger.Upstream = &event.Key{Space: spaceRequest, ID: inv.ID}
	}
	for i := range inv.Calls {
		inv.Calls[i].Target = recogniseCall(&inv.Calls[i])
	}
}

// isRequestID tells whether an invocation has an id that Lambda drew: what is done while the environment is set up has none.
func isRequestID(id string) bool { return len(id) == len("6d68ca91-49c9-448d-89b8-7ca3e6dc66aa") }
