package construct

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdanodejs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// An InstrumentedFunction is a Lambda function that Afterglow watches, unless its construct carries a warning that says why not.
// It is a real awslambda.Function: aliases, versions, event sources, grants and function URLs take it.
type InstrumentedFunction interface {
	awslambda.Function
	// IsInstrumented tells whether nothing keeps Afterglow from the function, as far as is known now: the function is wired when the app is synthesised, and what is added
	// to it until then counts. A function that is not instrumented in the end is exactly as awslambda.NewFunction would have made it; a warning on the construct says why.
	IsInstrumented() *bool
}

// InstrumentedFunctionProps are the properties of an InstrumentedFunction.
type InstrumentedFunctionProps struct {
	// Everything that an awslambda.Function takes, with the same meaning and the same defaults.
	awslambda.FunctionProps

	// What Afterglow keeps, hides and sends, and where to.
	// Default: every setting has its own default, and spans go to X-Ray.
	Afterglow *Instrumentation
}

type instrumentedFunction struct {
	awslambda.Function
}

// NewInstrumentedFunction makes a Lambda function and instruments it. The layer comes from the stack's own asset, one for each
// architecture, made when the first function asks for it.
//
// It panics, as the CDK's constructors do, on wrong properties and settings.
func NewInstrumentedFunction(scope constructs.Construct, id *string, props *InstrumentedFunctionProps) InstrumentedFunction {
	if props == nil {
		props = &InstrumentedFunctionProps{}
	}
	f := &instrumentedFunction{}
	awslambda.NewFunction_Override(f, scope, id, &props.FunctionProps)
	Instrument(f, props.Afterglow)
	return f
}

// IsInstrumented implements InstrumentedFunction. (jsii also needs one exported method on the pointer to accept the type.)
func (f *instrumentedFunction) IsInstrumented() *bool { return isInstrumented(f) }

// An InstrumentedNodejsFunction is CDK's NodejsFunction, bundled by esbuild, that Afterglow watches.
type InstrumentedNodejsFunction interface {
	awslambdanodejs.NodejsFunction
	// IsInstrumented tells whether nothing keeps Afterglow from the function, as far as is known now: see InstrumentedFunction.
	IsInstrumented() *bool
}

// InstrumentedNodejsFunctionProps are the properties of an InstrumentedNodejsFunction.
type InstrumentedNodejsFunctionProps struct {
	// Everything that an awslambdanodejs.NodejsFunction takes, with the same meaning and the same defaults.
	awslambdanodejs.NodejsFunctionProps

	// What Afterglow keeps, hides and sends, and where to.
	// Default: every setting has its own default, and spans go to X-Ray.
	Afterglow *Instrumentation
}

type instrumentedNodejsFunction struct {
	awslambdanodejs.NodejsFunction
}

// NewInstrumentedNodejsFunction makes a function of CDK's module for Node.js and instruments it.
//
// It panics, as the CDK's constructors do, on wrong properties and settings.
func NewInstrumentedNodejsFunction(scope constructs.Construct, id *string, props *InstrumentedNodejsFunctionProps) InstrumentedNodejsFunction {
	if props == nil {
		props = &InstrumentedNodejsFunctionProps{}
	}
	f := &instrumentedNodejsFunction{}
	awslambdanodejs.NewNodejsFunction_Override(f, scope, id, &props.NodejsFunctionProps)
	Instrument(f, props.Afterglow)
	return f
}

// IsInstrumented implements InstrumentedNodejsFunction.
func (f *instrumentedNodejsFunction) IsInstrumented() *bool { return isInstrumented(f) }

func isInstrumented(fn awslambda.Function) *bool {
	cfn, ok := fn.Node().DefaultChild().(awslambda.CfnFunction)
	if !ok {
		return jsii.Bool(false)
	}
	state := targetOf(cfn).look()
	if state.wired() {
		return jsii.Bool(true)
	}
	why, _ := state.obstacle()
	return jsii.Bool(why == "")
}
