package construct

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssam"
	"github.com/aws/aws-cdk-go/awscdk/v2/customresources"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

func newApp(t *testing.T) awscdk.App {
	t.Helper()
	return awscdk.NewApp(&awscdk.AppProps{
		Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false),
		Context: &map[string]any{contextCacheDir: "../.afterglow/cache/layer"},
	})
}

func plainFunction(scope constructs.Construct, id string, runtime awslambda.Runtime) awslambda.Function {
	props := functionProps(runtime)
	if *runtime.Name() == "java21" {
		props.Code = handlerAsset()
	}
	return awslambda.NewFunction(scope, &id, &props)
}

// reportOf reads a report: instrumented or why not, by path.
func reportOf(t *testing.T, file string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Functions []struct {
			Path, Why    string
			Instrumented bool
		}
	}
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range report.Functions {
		found[f.Path] = f.Why
		if f.Instrumented {
			found[f.Path] = "instrumented"
		}
	}
	return found
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for path, what := range want {
		if !strings.Contains(got[path], what) || got[path] == "" {
			t.Errorf("%s: %q, want %q", path, got[path], what)
		}
	}
	for path, what := range got {
		if _, expected := want[path]; !expected {
			t.Errorf("%s: %q, which was not expected", path, what)
		}
	}
}

// wired tells which functions of a template have our wrapper, by logical id.
func wiredIn(template assertions.Template) int {
	n := 0
	for _, f := range *template.FindResources(jsii.String("AWS::Lambda::Function"), nil) {
		if strings.Contains(inJSON(*f), layer.ExecWrapper) {
			n++
		}
	}
	return n
}

func TestInstrumentAll(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	InstrumentAll(app, &InstrumentAllProps{
		Afterglow: toCollector(),
		Exclude:   []Matcher{MatchPath("Shop/Legacy*")},
		Overrides: []Override{{MatchRuntime("nodejs"), &Instrumentation{Exporters: &[]Exporter{ToLog()}}}},
	})
	plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
	plainFunction(stack, "Web", awslambda.Runtime_NODEJS_22_X())
	plainFunction(stack, "LegacyOrders", awslambda.Runtime_PYTHON_3_13())
	left := constructs.NewConstruct(stack, jsii.String("Left"))
	plainFunction(left, "Alone", awslambda.Runtime_PYTHON_3_13())
	Exclude(left)
	own := plainFunction(stack, "Own", awslambda.Runtime_PYTHON_3_13())
	Instrument(own, toNowhere())
	nested := awscdk.NewNestedStack(stack, jsii.String("Nested"), nil)
	plainFunction(nested, "Deep", awslambda.Runtime_PYTHON_3_13())
	singleton := python()
	awslambda.NewSingletonFunction(stack, jsii.String("Single"), &awslambda.SingletonFunctionProps{Uuid: jsii.String("0b3e"), Runtime: singleton.Runtime, Handler: singleton.Handler, Code: singleton.Code})
	// CDK's own: a singleton of custom resources, the provider framework's, a retention's and the one behind a bucket that empties itself.
	customresources.NewAwsCustomResource(stack, jsii.String("Call"), &customresources.AwsCustomResourceProps{
		OnCreate: &customresources.AwsSdkCall{Service: jsii.String("S3"), Action: jsii.String("listBuckets"), PhysicalResourceId: customresources.PhysicalResourceId_Of(jsii.String("x"))},
		Policy:   customresources.AwsCustomResourcePolicy_FromSdkCalls(&customresources.SdkCallsPolicyOptions{Resources: customresources.AwsCustomResourcePolicy_ANY_RESOURCE()}),
	})
	customresources.NewProvider(stack, jsii.String("Provider"), &customresources.ProviderProps{OnEventHandler: own})
	awslogs.NewLogRetention(stack, jsii.String("Keep"), &awslogs.LogRetentionProps{LogGroupName: jsii.String("theirs"), Retention: awslogs.RetentionDays_ONE_DAY})
	awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{AutoDeleteObjects: jsii.Bool(true), RemovalPolicy: awscdk.RemovalPolicy_DESTROY})

	app.Synth(nil)
	compare(t, reportOf(t, filepath.Join(*app.Outdir(), "afterglow-report.json")), map[string]string{
		"Shop/Orders": "instrumented", "Shop/Web": "instrumented", "Shop/Nested/Deep": "instrumented", "Shop/SingletonLambda0b3e": "instrumented",
		"Shop/LegacyOrders": "by property Exclude", "Shop/Left/Alone": "by Exclude of Shop/Left", "Shop/Own": "instrumented",
		"Shop/AWS679f53fac002430cb0da5b7982bd2287": cdksOwn, "Shop/Provider/framework-onEvent": cdksOwn,
	})
	environments := map[string]string{}
	for id, f := range functionsOf(t, stack) {
		environments[strings.TrimRight(id, "0123456789ABCDEF")] = inJSON(f.Environment.Variables)
	}
	mustHold(t, environments["Orders"], "collector.example.com")
	mustHold(t, environments["Web"], `"AFTERGLOW_EXPORTERS":"log"`)
	mustHold(t, environments["Own"], `"AFTERGLOW_EXPORTERS":"none"`)
	if n := wiredIn(assertions.Template_FromStack(nested, nil)); n != 1 {
		t.Errorf("%d functions of the nested stack are wired, want one", n)
	}
}

// TestReportNamesEach: what is not instrumented by InstrumentAll is in its report all the same.
func TestReportNamesEach(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	made := NewInstrumentedFunction(stack, jsii.String("Made"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: toNowhere()})
	crowded := python()
	layers := theirLayers(stack, 5)
	crowded.Layers = &layers
	Instrument(awslambda.NewFunction(stack, jsii.String("Crowded"), &crowded), toNowhere())
	plainFunction(stack, "Panics", awslambda.Runtime_PYTHON_3_13())
	awssam.NewCfnFunction(stack, jsii.String("Sam"), &awssam.CfnFunctionProps{Runtime: jsii.String("python3.13"), Handler: jsii.String("index.handler"), InlineCode: jsii.String("#")})
	singleton := python()
	Exclude(awslambda.NewSingletonFunction(stack, jsii.String("Single"), &awslambda.SingletonFunctionProps{Uuid: jsii.String("0b3e"), Runtime: singleton.Runtime, Handler: singleton.Handler, Code: singleton.Code}))
	drain := functionProps(awslambda.Runtime_PYTHON_3_13())
	drain.Handler = jsii.String("index.lambda_handler")
	awslambda.NewFunction(constructs.NewConstruct(stack, jsii.String("DrainECSHook")), jsii.String("Function"), &drain)
	InstrumentAll(app, &InstrumentAllProps{Afterglow: toNowhere(), Exclude: []Matcher{func(c Candidate) bool {
		if c.Path == "Shop/Panics" {
			panic("a matcher of theirs")
		}
		return false
	}}})
	app.Synth(nil)
	file := filepath.Join(*app.Outdir(), "afterglow-report.json")
	compare(t, reportOf(t, file), map[string]string{
		*made.Node().Path(): "instrumented", "Shop/Crowded": "layers", "Shop/Panics": "a matcher of theirs", "Shop/Sam": "AWS::Serverless::Function",
		"Shop/SingletonLambda0b3e": "by Exclude", "Shop/DrainECSHook/Function": cdksOwn,
	})
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), `"by": "Instrument"`); n != 2 {
		t.Errorf("%d functions are told as instrumented by their own settings, want 2: %s", n, content)
	}
}

// TestReportsOfScopes: no scope's report takes the place of another's.
func TestReportsOfScopes(t *testing.T) {
	app := newApp(t)
	want := map[string]string{}
	for _, ids := range [][2]string{{"A", "B-C"}, {"A-B", "C"}, {"A", "B"}} {
		stack, ok := app.Node().TryFindChild(&ids[0]).(awscdk.Stack)
		if !ok {
			stack = awscdk.NewStack(app, &ids[0], nil)
		}
		scope := constructs.NewConstruct(stack, &ids[1])
		want[*plainFunction(scope, "F", awslambda.Runtime_PYTHON_3_13()).Node().Path()] = "instrumented"
		InstrumentAll(scope, &InstrumentAllProps{Afterglow: toNowhere()})
	}
	app.Synth(nil)
	files, err := filepath.Glob(filepath.Join(*app.Outdir(), reportName+"*.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		maps.Copy(got, reportOf(t, file))
	}
	compare(t, got, want)
}

func TestInstrumentAllReachesStages(t *testing.T) {
	app := newApp(t)
	stackIn := func(id string) (awscdk.Stage, awscdk.Stack) {
		stage := awscdk.NewStage(app, &id, nil)
		stack := awscdk.NewStack(stage, jsii.String("Shop"), nil)
		plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
		return stage, stack
	}
	test, _ := stackIn("Test")
	InstrumentAll(app, &InstrumentAllProps{Afterglow: toCollector()})
	stackIn("Late")
	shown := awscdk.NewStack(app, jsii.String("Shown"), nil)
	assembly := app.Synth(nil)
	compare(t, reportOf(t, filepath.Join(*app.Outdir(), "afterglow-report.json")), map[string]string{"Late/Shop/Orders": "its Stage was made after"})
	if w := warningsOf(t, shown, "/Shown"); len(w) != 1 || !strings.Contains(w[0], "leaves the 1 functions of Late") {
		t.Errorf("warnings %q", w)
	}
	compare(t, reportOf(t, filepath.Join(*test.Outdir(), "afterglow-report-Test.json")), map[string]string{"Test/Shop/Orders": "instrumented"})
	if got := inJSON((*assembly.GetNestedAssembly(jsii.String("assembly-Test")).Stacks())[0].Template()); !strings.Contains(got, layer.ExecWrapper) {
		t.Error("the function of the stage is not wired")
	}
}

// TestStagesThatCameTooLate: a Stage that is synthesised already, as a CodePipeline does it, cannot be changed any more. Nobody may believe that it was.
func TestStagesThatCameTooLate(t *testing.T) {
	for name, instrument := range map[string]func(awscdk.App, awscdk.Stage){
		"the app":   func(app awscdk.App, _ awscdk.Stage) { InstrumentAll(app, nil) },
		"the Stage": func(_ awscdk.App, stage awscdk.Stage) { InstrumentAll(stage, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			pipeline := awscdk.NewStack(app, jsii.String("Pipeline"), nil)
			stage := awscdk.NewStage(app, jsii.String("Test"), nil)
			plainFunction(awscdk.NewStack(stage, jsii.String("Shop"), nil), "Orders", awslambda.Runtime_PYTHON_3_13())
			stage.Synth(nil)
			instrument(app, stage)
			app.Synth(nil)
			compare(t, reportOf(t, filepath.Join(*stage.Outdir(), "afterglow-report-Test.json")), map[string]string{"Test/Shop/Orders": "its Stage was synthesised before"})
			if w := warningsOf(t, pipeline, "/Pipeline"); len(w) != 1 || !strings.Contains(w[0], "leaves the 1 functions of Test") {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// TestInnerScopeCounts: in whatever order they were named.
func TestInnerScopeCounts(t *testing.T) {
	for name, inner := range map[string]bool{"inner scope first": true, "outer scope first": false} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
			plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
			calls := []func(){
				func() { InstrumentAll(app, &InstrumentAllProps{Afterglow: toNowhere()}) },
				func() { InstrumentAll(stack, &InstrumentAllProps{Afterglow: toCollector()}) },
			}
			if inner {
				calls[0], calls[1] = calls[1], calls[0]
			}
			for _, call := range calls {
				call()
			}
			mustHold(t, inJSON(onlyFunction(t, stack).Environment), "collector.example.com")
		})
	}
}

func TestMatchers(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	fn := plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
	awscdk.Tags_Of(fn).Add(jsii.String("team"), jsii.String("web"), nil)
	awscdk.Tags_Of(app).Add(jsii.String("stage"), jsii.String("test"), nil)
	app.Synth(nil)
	c := Candidate{Path: "Shop/Api/Orders", Runtime: "python3.13", Resource: fn.Node().DefaultChild().(awslambda.CfnFunction)}
	for name, test := range map[string]struct {
		m    Matcher
		want bool
	}{
		"a path": {MatchPath("Shop/Api/Orders"), true}, "a star": {MatchPath("Shop/*/Orders"), true}, "a star is no slash": {MatchPath("Shop/*"), false},
		"below": {MatchPath("Shop/**"), true}, "below a star": {MatchPath("*/Api/**"), true}, "not below itself": {MatchPath("Shop/Api/Orders/**"), false}, "below another": {MatchPath("Other/**"), false},
		"everything": {MatchPath("**"), true}, "at any depth": {MatchPath("**/Orders"), true}, "between": {MatchPath("Shop/**/Orders"), true}, "between nothing": {MatchPath("Shop/Api/**/Orders"), true},
		"between, another": {MatchPath("Shop/**/Web"), false}, "between, and below": {MatchPath("**/Api/**"), true}, "not in a name": {MatchPath("Shop/**ders"), false},
		"a runtime": {MatchRuntime("python"), true}, "another": {MatchRuntime("nodejs"), false},
		"a tag": {MatchTag("team", "web"), true}, "any value": {MatchTag("stage", ""), true}, "another value": {MatchTag("team", "shop"), false}, "no such tag": {MatchTag("owner", ""), false},
	} {
		if got := test.m(c); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, wrong := range []string{"Shop/[", "", "/Shop/*", "Shop/", "Shop//Orders"} {
		mustHold(t, panicOf(t, func() { MatchPath(wrong) }), fmt.Sprintf("MatchPath(%q)", wrong), "like Shop/*")
	}
	mustHold(t, panicOf(t, func() { InstrumentAll(newApp(t), &InstrumentAllProps{Include: []Matcher{nil}}) }), "the app: property Include[0]")
}

func TestInstrumentAllRefuses(t *testing.T) {
	wrong := &Instrumentation{LogLevel: "loud"}
	for name, c := range map[string]struct {
		props InstrumentAllProps
		want  []string
	}{
		"settings":   {InstrumentAllProps{Afterglow: wrong}, []string{"Shop", "Afterglow.LogLevel", `"loud"`}},
		"override":   {InstrumentAllProps{Overrides: []Override{{MatchRuntime("python"), wrong}}}, []string{"Shop", "Overrides[0]", `"loud"`}},
		"no matcher": {InstrumentAllProps{Exclude: []Matcher{MatchRuntime("python"), nil}}, []string{"Shop", "Exclude[1] is nil", "MatchRuntime"}},
		"no match":   {InstrumentAllProps{Overrides: []Override{{nil, nil}}}, []string{"Shop", "Overrides[0].Match is nil"}},
	} {
		t.Run(name, func(t *testing.T) {
			stack := newStack(t)
			mustHold(t, panicOf(t, func() { InstrumentAll(stack, &c.props) }), c.want...)
		})
	}
}

// TestLooksLikeTheCDKsOwn: a user's function in a place like that of the provider framework's is the user's.
func TestLooksLikeTheCDKsOwn(t *testing.T) {
	stack := newStack(t)
	want := map[string]string{"Shop/Provider/framework-onEvent": cdksOwn}
	for n, c := range []struct {
		id, handler string
		runtime     awslambda.Runtime
	}{
		{"framework-api", "framework.handler", awslambda.Runtime_NODEJS_22_X()},
		{"framework-onEvent", "framework.handler", awslambda.Runtime_NODEJS_22_X()},
		{"framework-onEvent", "framework.onEvent", awslambda.Runtime_PYTHON_3_13()},
		{"framework-onEvent/Orders", "framework.onEvent", awslambda.Runtime_NODEJS_22_X()},
	} {
		scope, parent, id := constructs.NewConstruct(stack, jsii.String(fmt.Sprint("In", n))), "", c.id
		if before, after, deeper := strings.Cut(c.id, "/"); deeper {
			scope, parent, id = constructs.NewConstruct(scope, &before), before+"/", after
		}
		props := functionProps(c.runtime)
		props.Handler = &c.handler
		awslambda.NewFunction(scope, &id, &props)
		want[fmt.Sprint("Shop/In", n, "/", parent, id)] = "instrumented"
	}
	own := plainFunction(stack, "Own", awslambda.Runtime_PYTHON_3_13())
	want["Shop/Own"] = "instrumented"
	customresources.NewProvider(stack, jsii.String("Provider"), &customresources.ProviderProps{OnEventHandler: own})
	InstrumentAll(stack, &InstrumentAllProps{Afterglow: toNowhere(), ReportFile: jsii.String("report.json")})
	awscdk.Stage_Of(stack).Synth(nil)
	compare(t, reportOf(t, filepath.Join(*awscdk.Stage_Of(stack).Outdir(), "report.json")), want)
}

// TestMatcherThatChanges: what a matcher does to the function that it is shown counts.
func TestMatcherThatChanges(t *testing.T) {
	stack := newStack(t)
	plainFunction(stack, "Orders", awslambda.Runtime_PYTHON_3_13())
	InstrumentAll(stack, &InstrumentAllProps{Afterglow: toNowhere(), Include: []Matcher{func(c Candidate) bool {
		c.Resource.AddPropertyOverride(jsii.String("Layers"), []string{"arn:aws:lambda:eu-west-1:123456789012:layer:theirs:1"})
		c.Resource.SetEnvironment(&awslambda.CfnFunction_EnvironmentProperty{Variables: &map[string]*string{envExecWrapper: jsii.String("/opt/theirs")}})
		return true
	}}})
	got := onlyFunction(t, stack)
	if v := got.Environment.Variables; len(got.Layers) != 2 || v[envExecWrapper] != layer.ExecWrapper || v[envExecWrapperNext] != "/opt/theirs" {
		t.Errorf("got %+v", got)
	}
}
