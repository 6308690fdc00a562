package construct

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
)

// An InstrumentedFunction is a Lambda function that Afterglow watches, unless its construct carries a warning that says why not.
// It is a real awslambda.Function: aliases, versions, event sources, grants and function URLs take it.
type InstrumentedFunction interface {
	awslambda.Function
	// IsInstrumented tells whether the layer and the environment are in place. False means that the function is exactly as
	// awslambda.NewFunction would have made it; a warning on the construct says why.
	IsInstrumented() *bool
}

// InstrumentedFunctionProps are the properties of an InstrumentedFunction.
type InstrumentedFunctionProps struct {
	// Everything that an awslambda.Function takes, with the same meaning and the same defaults.
	awslambda.FunctionProps

	// What Afterglow keeps, hides and sends, and where to.
	// Default: every setting has its own default; without an endpoint nothing leaves the function, and the extension says so
	// once in the function's log.
	Afterglow *Instrumentation
}

type instrumentedFunction struct {
	awslambda.Function
	instrumented bool
}

// NewInstrumentedFunction makes a Lambda function and instruments it. The layer comes from the stack's own asset, one for each
// architecture, made when the first function asks for it.
//
// It panics, as the CDK's constructors do, on wrong properties and settings and if the layer cannot be built.
func NewInstrumentedFunction(scope constructs.Construct, id *string, props *InstrumentedFunctionProps) InstrumentedFunction {
	if props == nil {
		props = &InstrumentedFunctionProps{}
	}
	f := &instrumentedFunction{}
	awslambda.NewFunction_Override(f, scope, id, &props.FunctionProps)
	f.instrumented = instrument(f, props.Afterglow)
	return f
}

// IsInstrumented implements InstrumentedFunction. (jsii also needs one exported method on the pointer to accept the type.)
func (f *instrumentedFunction) IsInstrumented() *bool { return &f.instrumented }
