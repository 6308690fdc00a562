package construct

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
)

// A call is one of InstrumentAll, for all scopes that it reaches.
type call struct {
	given         InstrumentAllProps // as they were given
	path          string             // of the scope that it was called with
	props         *InstrumentAllProps
	variables     map[*Instrumentation]map[string]string // that settings make
	seesFunctions *bool                                  // one of its sweeps was shown a function
}

// again is what a call means for a scope that another one has reached: nothing if it asks for the same or comes from further out, all if it comes from further within. It
// panics if the same scope is to be instrumented in two ways, of which one would be lost.
func again(scope constructs.Construct, asked *call) {
	for _, aspect := range *awscdk.Aspects_Of(scope).All() {
		shown, ours := aspect.(*taggables)
		switch {
		case !ours:
		case len(asked.path) > len(shown.sweep.call.path):
			shown.sweep.call = asked
		case asked.path == shown.sweep.call.path:
			if err := asked.differs(shown.sweep.call); err != nil {
				panic(fmt.Errorf("%s: %w", nameOf(scope), err))
			}
		}
	}
}

// differs says what two calls with the same scope disagree about.
func (c *call) differs(before *call) error {
	property := ""
	switch {
	case !sameSettings(c.props.Afterglow, before.props.Afterglow, c.variables, before.variables):
		property = "Afterglow"
	case !sameList(c.given.Include, before.given.Include):
		property = "Include"
	case !sameList(c.given.Exclude, before.given.Exclude):
		property = "Exclude"
	case !sameList(c.given.Overrides, before.given.Overrides):
		property = "Overrides"
	case deref(c.given.ReportFile) != deref(before.given.ReportFile):
		property = "ReportFile"
	default:
		return nil
	}
	return fmt.Errorf("property %s: InstrumentAll was called with this scope before, with other properties, and one of the two would be lost; call it once, or with the same properties (matchers are the same "+
		"if their list is), or with a scope within", property)
}

// sameList tells whether two lists of functions, which Go cannot compare, are the same.
func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 && (a == nil) == (b == nil) || len(a) > 0 && &a[0] == &b[0])
}

// sameSettings tells whether two settings do the same, by the variables that they make and the layer and exporters that are in none.
func sameSettings(a, b *Instrumentation, ofA, ofB map[*Instrumentation]map[string]string) bool {
	return maps.Equal(ofA[a], ofB[b]) && sameLayer(a.Layer, b.Layer) && kinds(a.Exporters) == kinds(b.Exporters)
}

func sameLayer(a, b LayerSource) bool {
	switch a := a.(type) {
	case *layerFromArn:
		b, is := b.(*layerFromArn)
		return is && deref(a.arns.Arm64) == deref(b.arns.Arm64) && deref(a.arns.X86_64) == deref(b.arns.X86_64)
	case *layerFromParameter:
		b, is := b.(*layerFromParameter)
		return is && a.prefix == b.prefix
	}
	return a == b
}

// kinds name exporters. What more they say is in their variables.
func kinds(exporters *[]Exporter) string {
	if exporters == nil {
		return "by default"
	}
	var all []string
	for _, e := range *exporters {
		all = append(all, e.kind())
	}
	return strings.Join(all, ",")
}

// wiringOf finds what a function is to be instrumented with, nil if nothing is known of it.
func wiringOf(cfn awslambda.CfnFunction) *wiring {
	for _, aspect := range *awscdk.Aspects_Of(cfn).All() {
		if shared, ours := aspect.(*wirings); ours {
			return shared.find(cfn)
		}
	}
	return nil
}

// agrees finds settings that are others than those of a call before. None are no others.
func (i *Instrumentation) agrees(w, before *wiring) error {
	if i == nil || before == nil {
		return nil
	}
	ofNew, ofOld := map[*Instrumentation]map[string]string{w.settings: w.variables}, map[*Instrumentation]map[string]string{before.settings: before.variables}
	if sameSettings(w.settings, before.settings, ofNew, ofOld) {
		return nil
	}
	return errors.New("property Afterglow: the function was instrumented with other settings before, and one of the two would be lost; instrument it once, with all of them")
}
