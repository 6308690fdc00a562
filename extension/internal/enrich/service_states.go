package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// states speaks JSON: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html. What a state machine hands to the functions that it
// calls is the user's own; so nothing on their side leads back here but the trace.
func states() service {
	return service{name: "SFN", ids: [mostIDs]string{"states"}, target: "AWSStepFunctions", recognise: recogniseStates}
}

func recogniseStates(r request, t *event.Target) {
	t.Operation = r.action
	body := r.body()
	machine, activity := body.Get("stateMachineArn").String(), body.Get("activityArn").String()
	name := arnResource(machine + activity) // a request has one of them: stateMachine:name, activity:name
	t.Resource = name[strings.IndexByte(name, ':')+1:]
	t.Attributes = text(t.Attributes, "aws.step_functions.state_machine.arn", machine)
	t.Attributes = text(t.Attributes, "aws.step_functions.activity.arn", activity)
}
