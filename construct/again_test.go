package construct

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// TestAgain: a second call loses nothing in silence.
func TestAgain(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	masked := func(key string) *Instrumentation {
		i := toNowhere()
		i.MaskKeys = jsii.Strings(key)
		return i
	}
	matchers := []Matcher{MatchPath("Legacy/**")}
	props := &InstrumentAllProps{Afterglow: masked("iban"), Exclude: matchers}
	InstrumentAll(app, props)
	for name, same := range map[string]*InstrumentAllProps{"the same": props, "equal": {Afterglow: masked("iban"), Exclude: matchers}} {
		if r := func() (r any) { defer func() { r = recover() }(); InstrumentAll(app, same); return nil }(); r != nil {
			t.Errorf("%s: %v", name, r)
		}
	}
	for want, other := range map[string]*InstrumentAllProps{
		"Afterglow":  {Afterglow: masked("pin"), Exclude: matchers},
		"Exclude":    {Afterglow: masked("iban"), Exclude: []Matcher{MatchPath("Other/**")}},
		"Include":    {Afterglow: masked("iban"), Exclude: matchers, Include: matchers},
		"Overrides":  {Afterglow: masked("iban"), Exclude: matchers, Overrides: []Override{{Match: matchers[0]}}},
		"ReportFile": {Afterglow: masked("iban"), Exclude: matchers, ReportFile: jsii.String("other.json")},
	} {
		mustHold(t, panicOf(t, func() { InstrumentAll(app, other) }), "the app: property "+want+": ", "was called with this scope before", "call it once")
	}
	// A Stage that the app's call has reached is an inner scope all the same.
	around := newApp(t)
	stage := awscdk.NewStage(around, jsii.String("Prod"), nil)
	inner := awscdk.NewStack(stage, jsii.String("Shop"), nil)
	plainFunction(inner, "Orders", awslambda.Runtime_PYTHON_3_13())
	InstrumentAll(around, &InstrumentAllProps{Afterglow: masked("iban")})
	InstrumentAll(stage, &InstrumentAllProps{Afterglow: masked("pin")})
	InstrumentAll(around, &InstrumentAllProps{Afterglow: masked("iban")})
	mustHold(t, inJSON(onlyFunction(t, inner).Environment), `"AFTERGLOW_MASK_KEYS":"pin"`)

	fn := plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
	made := NewInstrumentedFunction(stack, jsii.String("Made"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: masked("iban")})
	Instrument(fn, masked("iban"))
	for _, f := range []awslambda.IFunction{fn, made} {
		Instrument(f, masked("iban"))
		Instrument(f, nil)
		mustHold(t, panicOf(t, func() { Instrument(f, masked("pin")) }), *f.Node().Path()+": property Afterglow", "with other settings before", "instrument it once")
	}
}

// TestReportFile: it is where it was asked for, or somebody says why not, and never in the place of something else.
func TestReportFile(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	for _, wrong := range []string{"manifest.json", "a/tree.json", "cdk.out", "Shop.template.json", "Shop.assets.json"} {
		mustHold(t, panicOf(t, func() { InstrumentAll(app, &InstrumentAllProps{ReportFile: &wrong}) }), "the app: property ReportFile", wrong, "the CDK's own")
	}
	for _, wrong := range []string{"../../x.json", "/x.json", ".", "a/"} {
		mustHold(t, panicOf(t, func() { InstrumentAll(app, &InstrumentAllProps{ReportFile: &wrong}) }), "the app: property ReportFile", wrong, "within the cloud assembly")
	}
	for _, id := range []string{"Early", "Late"} {
		scope := constructs.NewConstruct(stack, &id)
		plainFunction(scope, "F", awslambda.Runtime_PYTHON_3_13())
		name := jsii.String("reports/" + id + ".json")
		InstrumentAll(scope, &InstrumentAllProps{Afterglow: toNowhere(), ReportFile: name})
		other := constructs.NewConstruct(stack, jsii.String("Other"+id))
		mustHold(t, panicOf(t, func() { InstrumentAll(other, &InstrumentAllProps{ReportFile: name}) }), "Shop/Other"+id+": property ReportFile", "another scope's report")
	}
	app.Synth(nil)
	file := filepath.Join(*app.Outdir(), "reports/Late.json")
	compare(t, reportOf(t, file), map[string]string{"Shop/Late/F": "instrumented"})
	plainFunction(stack.Node().FindChild(jsii.String("Late")).(constructs.Construct), "G", awslambda.Runtime_PYTHON_3_13())
	app.Synth(&awscdk.StageSynthesisOptions{Force: jsii.Bool(true)})
	compare(t, reportOf(t, file), map[string]string{"Shop/Late/F": "instrumented", "Shop/Late/G": "instrumented"})

	var stderr bytes.Buffer
	blocked := "reports/Late.json/below.json"
	r := &reporter{sweep: &sweep{call: &call{props: &InstrumentAllProps{ReportFile: &blocked}, seesFunctions: new(bool)}, scope: stack, path: "Shop", begun: true}, stderr: &stderr, said: map[string]bool{}}
	r.report()
	mustHold(t, stderr.String(), "cannot write the report of Shop", "Name another ReportFile")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// TestSweepThatIsShownNothing: a CDK that hands over tags in another way would leave every function as it is, and say that all is well.
func TestSweepThatIsShownNothing(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	r := &reporter{sweep: &sweep{call: &call{props: &InstrumentAllProps{}, seesFunctions: new(bool)}, scope: stack, path: "Shop"}, stderr: &bytes.Buffer{}, said: map[string]bool{}}
	if errs := *r.Validate(); len(errs) != 0 {
		t.Errorf("of a scope without functions: %s", *errs[0])
	}
	plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
	stack.Node().AddValidation(r)
	message := panicOf(t, func() { app.Synth(nil) })
	mustHold(t, message, "Shop", "none of the 1 functions", "aws-cdk-go", "docs/construct.md")
	*r.sweep.seesFunctions = true
	if errs := *r.Validate(); len(errs) != 0 || strings.Contains(message, "nil pointer") {
		t.Errorf("after one was shown: %v, %s", errs, message)
	}
}

// TestInstrumentAfterSynthesis: what comes behind AddStage of a CodePipeline, which synthesises its Stage, changes nothing, and that is said.
func TestInstrumentAfterSynthesis(t *testing.T) {
	app := newApp(t)
	pipeline := awscdk.NewStack(app, jsii.String("Pipeline"), nil)
	var fns [2]awslambda.Function
	for n, id := range []string{"Test", "Prod"} {
		stage := awscdk.NewStage(app, &id, nil)
		fns[n] = plainFunction(awscdk.NewStack(stage, jsii.String("Shop"), nil), "Orders", awslambda.Runtime_PYTHON_3_13())
		if n == 0 {
			stage.Synth(nil)
		}
	}
	// Which another app has left there.
	if err := os.WriteFile(filepath.Join(*awscdk.Stage_Of(fns[1]).Outdir(), "manifest.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, fn := range fns {
		Instrument(fn, toNowhere())
	}
	app.Synth(nil)
	if w := warningsOf(t, pipeline, "/Pipeline"); len(w) != 1 || !strings.Contains(w[0], "leaves Test/Shop/Orders as it is: its Stage was synthesised before") {
		t.Errorf("warnings %q", w)
	}
}
