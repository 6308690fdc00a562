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
	wiring *wiring
	layers *[]awslambda.ILayerVersion
}

// NewInstrumentedFunction makes a Lambda function and instruments it. The layer comes from the stack's own asset, one for each
// architecture, made when the first function asks for it.
//
// It panics, as the CDK's constructors do, on wrong properties and settings.
func NewInstrumentedFunction(scope constructs.Construct, id *string, props *InstrumentedFunctionProps) InstrumentedFunction {
	const call = "NewInstrumentedFunction"
	mustBeGiven(scope != nil, call, "scope", "give it a stack or any other construct")
	mustBeGiven(id != nil, call, "id", "give it one, like jsii.String(\"Orders\")")
	mustBeGiven(props != nil, call, "pointer to the properties", "give it FunctionProps with Runtime, Handler and Code at least")
	f := &instrumentedFunction{layers: props.Layers}
	awslambda.NewFunction_Override(f, scope, id, &props.FunctionProps)
	f.wiring = mustInstrument(f, props.Afterglow)
	return f
}

// IsInstrumented implements InstrumentedFunction. (jsii also needs one exported method on the pointer to accept the type.)
func (f *instrumentedFunction) IsInstrumented() *bool { return instrumentable(f, f.wiring, f.layers) }

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
	wiring *wiring
	layers *[]awslambda.ILayerVersion
}

// NewInstrumentedNodejsFunction makes a function of CDK's module for Node.js and instruments it.
//
// It panics, as the CDK's constructors do, on wrong properties and settings.
func NewInstrumentedNodejsFunction(scope constructs.Construct, id *string, props *InstrumentedNodejsFunctionProps) InstrumentedNodejsFunction {
	const call = "NewInstrumentedNodejsFunction"
	mustBeGiven(scope != nil, call, "scope", "give it a stack or any other construct")
	mustBeGiven(id != nil, call, "id", "give it one, like jsii.String(\"Orders\")")
	if props == nil {
		props = &InstrumentedNodejsFunctionProps{}
	}
	f := &instrumentedNodejsFunction{layers: props.Layers}
	awslambdanodejs.NewNodejsFunction_Override(f, scope, id, &props.NodejsFunctionProps)
	f.wiring = mustInstrument(f, props.Afterglow)
	return f
}

// IsInstrumented implements InstrumentedNodejsFunction.
func (f *instrumentedNodejsFunction) IsInstrumented() *bool {
	return instrumentable(f, f.wiring, f.layers)
}

// instrumentable tells what became of a function, or what would, as far as it is known before synthesis.
func instrumentable(fn awslambda.Function, w *wiring, layers *[]awslambda.ILayerVersion) *bool {
	if w == nil || w.done {
		return jsii.Bool(w != nil && w.outcome.Instrumented)
	}
	cfn, ok := fn.Node().DefaultChild().(awslambda.CfnFunction)
	if !ok {
		return jsii.Bool(false)
	}
	t := targetOf(cfn, cfn.Node())
	t.stack = cfn.Stack()
	state := t.glance()
	if layers != nil {
		state.layers = make([]any, len(*layers))
	}
	why, _ := state.obstacle()
	return jsii.Bool(why == "")
}
