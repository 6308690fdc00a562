// Package control is how another process sees what `up` runs: which functions there are, what they print, which flows have
// arrived.
//
// It takes a Source, the run, and gives an HTTP handler, which the front serves on loopback below a path of its own; Client is the
// other side. Answers are lines, so that they can be followed: JSON for programs, trees of spans for people, drawn where the spans are.
// Nothing can be changed through it.
package control

import (
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// Status tells what runs.
type Status struct {
	URL       string     `json:"url"`               // AWS_ENDPOINT_URL for clients
	Account   string     `json:"account,omitempty"` // that a local AWS stands for, if not its default
	Region    string     `json:"region"`            // that the functions are in
	Endpoint  string     `json:"endpoint"`          // that was deployed to
	Kind      string     `json:"kind"`              // of it
	App       string     `json:"app"`               // folder of cdk.json; "" if the endpoint was there before
	Pid       int        `json:"pid"`
	Functions []Function `json:"functions"`
}

// Function is one deployed function.
type Function struct {
	Name      string `json:"name"`
	LogicalID string `json:"logicalId,omitempty"` // in its CloudFormation stack
	Stack     string `json:"stack,omitempty"`
	ARN       string `json:"arn"`
	Runtime   string `json:"runtime"`
	RunsOn    string `json:"runsOn,omitempty"`  // the runtime that is used; another one than Runtime if that stands in
	Problem   string `json:"problem,omitempty"` // why it cannot run here
}

// Line is a line that somebody printed.
type Line struct {
	Time     time.Time `json:"time"`
	Function string    `json:"function"`
	Source   string    `json:"source"`         // platform, function or extension
	Name     string    `json:"name,omitempty"` // of the extension
	Text     string    `json:"text"`
}

// String is how a line is shown: when, who, what.
func (l Line) String() string {
	writer := l.Source
	if l.Source == sourceExtension {
		writer += " " + l.Name
	}
	return l.Time.Format("15:04:05.000") + " " + l.Function + ", " + writer + ": " + l.Text
}

const sourceExtension = "extension"

// Source is what is shown.
type Source interface {
	Status() Status
	Journal() *Journal
	Receiver() *otlptest.Receiver
}
