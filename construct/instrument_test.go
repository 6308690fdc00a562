package construct

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdanodejs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// theirLayers are n layers of the user's.
func theirLayers(stack awscdk.Stack, n int) []awslambda.ILayerVersion {
	var list []awslambda.ILayerVersion
	for i := range n {
		list = append(list, awslambda.LayerVersion_FromLayerVersionArn(stack, jsii.String(fmt.Sprint("Theirs", i)),
			jsii.String(fmt.Sprintf("arn:aws:lambda:eu-west-1:123456789012:layer:theirs:%d", i+1))))
	}
	return list
}

// warningsOf gives the texts of the warnings on the construct at a path.
func warningsOf(t *testing.T, stack awscdk.Stack, path string) (texts []string) {
	t.Helper()
	for _, m := range *assertions.Annotations_FromStack(stack).FindWarning(jsii.String(path), assertions.Match_AnyValue()) {
		texts = append(texts, fmt.Sprint(m.Entry.Data))
	}
	return texts
}

func TestWhatIsAddedLaterCounts(t *testing.T) {
	t.Run("a wrapper", func(t *testing.T) {
		stack := newStack(t)
		fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: toNowhere()})
		fn.AddEnvironment(jsii.String("AWS_LAMBDA_EXEC_WRAPPER"), jsii.String("/opt/otel-instrument"), nil)
		got := onlyFunction(t, stack).Environment.Variables
		if got["AWS_LAMBDA_EXEC_WRAPPER"] != layer.ExecWrapper || got["AFTERGLOW_EXEC_WRAPPER_NEXT"] != "/opt/otel-instrument" {
			t.Errorf("environment %v", got)
		}
	})
	t.Run("four layers", func(t *testing.T) {
		stack := newStack(t)
		fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: toNowhere()})
		fn.AddLayers(theirLayers(stack, 4)...)
		if got := onlyFunction(t, stack).Layers; len(got) != 5 {
			t.Errorf("%d layers, want theirs and ours", len(got))
		}
	})
	t.Run("five layers", func(t *testing.T) {
		stack := newStack(t)
		fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: toNowhere()})
		fn.AddLayers(theirLayers(stack, 5)...)
		got := onlyFunction(t, stack)
		if len(got.Layers) != 5 || len(got.Environment.Variables) != 0 {
			t.Errorf("the function was touched: %+v", got)
		}
		if w := warningsOf(t, stack, "/Shop/Orders"); len(w) != 1 || !strings.Contains(w[0], "already has 5 layers") {
			t.Errorf("warnings %q", w)
		}
		if *fn.IsInstrumented() {
			t.Error("says that it is instrumented")
		}
	})
	t.Run("by an aspect of the user's", func(t *testing.T) {
		stack := newStack(t)
		awscdk.Aspects_Of(stack).Add(&addsWrapper{value: "/opt/theirs"}, nil)
		NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: toNowhere()})
		if got := onlyFunction(t, stack).Environment.Variables["AFTERGLOW_EXEC_WRAPPER_NEXT"]; got != "/opt/theirs" {
			t.Errorf("the wrapper behind ours is %v", got)
		}
	})
}

// addsWrapper is an aspect as users write them.
type addsWrapper struct{ value string }

// Visit implements awscdk.IAspect.
func (a *addsWrapper) Visit(node constructs.IConstruct) {
	if fn, ok := node.(awslambda.Function); ok {
		fn.AddEnvironment(jsii.String("AWS_LAMBDA_EXEC_WRAPPER"), &a.value, nil)
	}
}

// TestInstrument: functions that others made, by whatever construct, come out as NewInstrumentedFunction makes them.
func TestInstrument(t *testing.T) {
	props := python()
	reference := newStack(t)
	NewInstrumentedFunction(reference, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: toCollector()})
	want := onlyFunction(t, reference)
	for name, make := range map[string]func(awscdk.Stack) awslambda.IFunction{
		"Function": func(stack awscdk.Stack) awslambda.IFunction {
			return awslambda.NewFunction(stack, jsii.String("Orders"), &props)
		},
		"SingletonFunction": func(stack awscdk.Stack) awslambda.IFunction {
			return awslambda.NewSingletonFunction(stack, jsii.String("Orders"), &awslambda.SingletonFunctionProps{
				Uuid: jsii.String("0b3e"), Runtime: props.Runtime, Handler: props.Handler, Code: props.Code})
		},
	} {
		t.Run(name, func(t *testing.T) {
			stack := newStack(t)
			fn := make(stack)
			Instrument(fn, toCollector())
			Instrument(fn, toCollector())
			if got := onlyFunction(t, stack); !reflect.DeepEqual(got.Environment, want.Environment) || len(got.Layers) != 1 {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
	t.Run("NodejsFunction", func(t *testing.T) {
		stack := newStack(t)
		NewInstrumentedNodejsFunction(stack, jsii.String("Orders"), &InstrumentedNodejsFunctionProps{Afterglow: toCollector(),
			NodejsFunctionProps: awslambdanodejs.NodejsFunctionProps{Runtime: awslambda.Runtime_NODEJS_22_X(), Handler: jsii.String("index.handler"), Code: awslambda.Code_FromInline(jsii.String("//"))}})
		got := onlyFunction(t, stack)
		if got.Environment.Variables["AWS_LAMBDA_EXEC_WRAPPER"] != layer.ExecWrapper || len(got.Layers) != 1 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("one that is instrumented", func(t *testing.T) {
		stack := newStack(t)
		fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: toCollector()})
		Instrument(fn, nil) // which says nothing of its own
		if got := onlyFunction(t, stack); !reflect.DeepEqual(got.Environment, want.Environment) || len(got.Layers) != 1 {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		if errors := *assertions.Annotations_FromStack(stack).FindError(jsii.String("*"), assertions.Match_AnyValue()); len(errors) != 0 {
			t.Errorf("%d errors", len(errors))
		}
	})
	t.Run("a resource with a wrapper and an endpoint", func(t *testing.T) {
		stack := newStack(t)
		awslambda.NewCfnFunction(stack, jsii.String("Orders"), &awslambda.CfnFunctionProps{
			Runtime: jsii.String("python3.13"), Handler: jsii.String("index.handler"), Role: jsii.String("arn:aws:iam::123456789012:role/theirs"),
			Code: &awslambda.CfnFunction_CodeProperty{ZipFile: jsii.String("#")},
			Environment: &awslambda.CfnFunction_EnvironmentProperty{Variables: &map[string]*string{
				"AWS_LAMBDA_EXEC_WRAPPER": jsii.String("/opt/theirs"), "OTEL_EXPORTER_OTLP_ENDPOINT": jsii.String("https://collector.example.com")}},
		})
		InstrumentAll(stack, nil)
		want := map[string]any{"AWS_LAMBDA_EXEC_WRAPPER": layer.ExecWrapper, "AFTERGLOW_EXEC_WRAPPER_NEXT": "/opt/theirs", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com"}
		if got := onlyFunction(t, stack).Environment.Variables; !reflect.DeepEqual(got, want) {
			t.Errorf("environment %v, want %v", got, want)
		}
	})
	t.Run("a resource without a construct", func(t *testing.T) {
		stack := newStack(t)
		cfn := awslambda.NewCfnFunction(stack, jsii.String("Orders"), &awslambda.CfnFunctionProps{
			Runtime: jsii.String("python3.13"), Handler: jsii.String("index.handler"), Role: jsii.String("arn:aws:iam::123456789012:role/theirs"),
			Code:        &awslambda.CfnFunction_CodeProperty{ZipFile: jsii.String("#")},
			Environment: &awslambda.CfnFunction_EnvironmentProperty{Variables: &map[string]*string{"STAGE": jsii.String("test")}},
		})
		cfn.SetLayers(jsii.Strings("arn:aws:lambda:eu-west-1:123456789012:layer:theirs:1")) // the property's type is another one in older versions
		InstrumentAll(stack, &InstrumentAllProps{Afterglow: &Instrumentation{}})
		got := onlyFunction(t, stack)
		if v := got.Environment.Variables; v["AWS_LAMBDA_EXEC_WRAPPER"] != layer.ExecWrapper || v["STAGE"] != "test" || v["AFTERGLOW_EXPORTERS"] != "xray" {
			t.Errorf("environment %v", v)
		}
		if len(got.Layers) != 2 || got.Layers[0] != "arn:aws:lambda:eu-west-1:123456789012:layer:theirs:1" {
			t.Errorf("layers %v", got.Layers)
		}
		if w := warningsOf(t, stack, "/Shop/Orders"); len(w) != 1 || !strings.Contains(w[0], `"Action":"xray:PutTraceSegments"`) {
			t.Errorf("warnings %q, want the statement to add", w)
		}
	})
}

// TestLayerByHand: a function that has the layer does not get it again.
func TestLayerByHand(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:123456789012:layer:afterglow:7"
	for name, c := range map[string]struct {
		made      func(awscdk.Stack) awslambda.ILayerVersion
		wrapper   string
		afterglow Instrumentation
	}{
		"made": {func(stack awscdk.Stack) awslambda.ILayerVersion {
			return NewInstrumentationLayer(stack, jsii.String("L"), nil)
		}, layer.ExecWrapper, Instrumentation{}},
		"by ARN": {func(stack awscdk.Stack) awslambda.ILayerVersion {
			return awslambda.LayerVersion_FromLayerVersionArn(stack, jsii.String("L"), jsii.String(arn))
		}, "", Instrumentation{Layer: LayerFromArn(&LayerArns{X86_64: jsii.String(arn)})}},
	} {
		t.Run(name, func(t *testing.T) {
			stack, props := newStack(t), python()
			props.Layers = &[]awslambda.ILayerVersion{c.made(stack)}
			props.Environment = &map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": &c.wrapper}
			awslambda.NewFunction(stack, jsii.String("Orders"), &props)
			InstrumentAll(stack, &InstrumentAllProps{Afterglow: &c.afterglow})
			got := onlyFunction(t, stack)
			if v := got.Environment.Variables; len(got.Layers) != 1 || v["AWS_LAMBDA_EXEC_WRAPPER"] != layer.ExecWrapper || v["AFTERGLOW_EXPORTERS"] != "xray" {
				t.Errorf("got %+v", got)
			}
			if n := len(*assertions.Template_FromStack(stack, nil).FindResources(jsii.String("AWS::Lambda::LayerVersion"), nil)); name == "made" && n != 1 {
				t.Errorf("%d layers in the stack", n)
			}
		})
	}
}

func TestWhatIsNotMadeHere(t *testing.T) {
	stack := newStack(t)
	props := python()
	fn := awslambda.NewFunction(stack, jsii.String("Orders"), &props)
	alias := awslambda.NewAlias(stack, jsii.String("Live"), &awslambda.AliasProps{AliasName: jsii.String("live"), Version: fn.CurrentVersion()})
	imported := awslambda.Function_FromFunctionArn(stack, jsii.String("Imported"), jsii.String("arn:aws:lambda:eu-west-1:123456789012:function:theirs"))
	for path, f := range map[string]awslambda.IFunction{"/Shop/Live": alias, "/Shop/Imported": imported, "/Shop/Orders/CurrentVersion": fn.CurrentVersion()} {
		Instrument(f, nil)
		if w := warningsOf(t, stack, path); len(w) != 1 || !strings.Contains(w[0], "not made in this app") {
			t.Errorf("%s: warnings %q", path, w)
		}
	}
	if got := onlyFunction(t, stack); len(got.Layers) != 0 {
		t.Errorf("the function was touched: %+v", got)
	}
}

// TestUnknownToTheApp: what only CloudFormation knows is not guessed.
func TestUnknownToTheApp(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(awscdk.Stack, awslambda.CfnFunction)
		want   string
	}{
		{"runtime", func(stack awscdk.Stack, fn awslambda.CfnFunction) {
			fn.SetRuntime(awscdk.NewCfnParameter(stack, jsii.String("P"), nil).ValueAsString())
		}, "its runtime is known to CloudFormation alone"},
		{"architecture", func(stack awscdk.Stack, fn awslambda.CfnFunction) {
			fn.SetArchitectures(&[]*string{awscdk.NewCfnParameter(stack, jsii.String("P"), nil).ValueAsString()})
		}, "its architecture is a token"},
		{"environment", func(stack awscdk.Stack, fn awslambda.CfnFunction) {
			fn.SetEnvironment(awscdk.Fn_ConditionIf(jsii.String("C"), map[string]any{"Variables": map[string]any{"A": "b"}}, awscdk.Aws_NO_VALUE()))
		}, "its environment is known to CloudFormation alone"},
		{"layers", func(stack awscdk.Stack, fn awslambda.CfnFunction) {
			fn.SetLayers(awscdk.NewCfnParameter(stack, jsii.String("P"), &awscdk.CfnParameterProps{Type: jsii.String("CommaDelimitedList")}).ValueAsList())
		}, "its list of layers is known to CloudFormation alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack, props := newStack(t), python()
			fn := awslambda.NewFunction(stack, jsii.String("Orders"), &props)
			c.change(stack, fn.Node().DefaultChild().(awslambda.CfnFunction))
			before := templateOf(t, stack)
			Instrument(fn, nil)
			if after := templateOf(t, stack); after != before {
				t.Errorf("the template was changed:\n%s", after)
			}
			if w := warningsOf(t, stack, "/Shop/Orders"); len(w) != 1 || !strings.Contains(w[0], c.want) {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// TestNewProject: with the flags that `cdk init` sets nowadays, aspects that only look, such as cdk-nag's, see what was added: policies and layers.
func TestNewProject(t *testing.T) {
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), Context: &map[string]any{
		contextCacheDir: "../.afterglow/cache/layer", "@aws-cdk/core:aspectStabilization": true, "@aws-cdk/core:enableAdditionalMetadataCollection": true,
		"@aws-cdk/aws-lambda:recognizeLayerVersion": true, "@aws-cdk/aws-lambda:recognizeVersionProps": true, "@aws-cdk/aws-iam:minimizePolicies": true,
	}})
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	seen := &looks{at: map[string]bool{}}
	awscdk.Aspects_Of(app).Add(seen, &awscdk.AspectOptions{Priority: jsii.Number(1000)})
	awscdk.Tags_Of(app).Add(jsii.String("team"), jsii.String("web"), nil)
	awscdk.Aspects_Of(stack).Add(&addsWrapper{value: "/opt/theirs"}, nil)
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python()})
	plainFunction(stack, "Items", awslambda.Runtime_PYTHON_3_13())
	InstrumentAll(app, nil)
	for id, fn := range functionsOf(t, stack) {
		if len(fn.Layers) != 1 || fn.Environment.Variables["AFTERGLOW_EXEC_WRAPPER_NEXT"] != "/opt/theirs" {
			t.Errorf("%s: %+v", id, fn)
		}
	}
	for _, path := range []string{"Shop/AfterglowLayerX8664/Resource", "Shop/Orders/ServiceRole/DefaultPolicy/Resource", "Shop/Items/ServiceRole/DefaultPolicy/Resource"} {
		if !seen.at[path] {
			t.Errorf("%s was not shown to an aspect that looks", path)
		}
	}
}

// looks is an aspect that only looks.
type looks struct{ at map[string]bool }

// Visit implements awscdk.IAspect.
func (l *looks) Visit(node constructs.IConstruct) { l.at[*node.Node().Path()] = true }

// TestLargeEnvironment: names count, and what is written around tokens.
func TestLargeEnvironment(t *testing.T) {
	big := func(value string) map[string]*string { return map[string]*string{"BIG": &value} }
	named := map[string]*string{} // 4,080 bytes of names, and no value that is known
	for n := range 80 {
		named[fmt.Sprintf("N%03d%s", n, strings.Repeat("X", 47))] = awscdk.Aws_REGION()
	}
	for name, c := range map[string]struct {
		environment map[string]*string
		fits        bool
	}{
		"fits":                  {big(strings.Repeat("x", 3800)), true},
		"does not fit":          {big(strings.Repeat("x", 4050)), false},
		"fits with a token":     {big(strings.Repeat("x", 3800) + *awscdk.Aws_REGION()), true},
		"too large for a token": {big(strings.Repeat("x", 4050) + *awscdk.Aws_REGION()), false},
		"names of tokens":       {named, false},
	} {
		t.Run(name, func(t *testing.T) {
			stack, props := newStack(t), python()
			props.Environment = &c.environment
			NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: toCollector()})
			got, warnings := onlyFunction(t, stack), warningsOf(t, stack, "/Shop/Orders")
			if c.fits != (len(got.Layers) == 1) || c.fits != (len(warnings) == 0) {
				t.Errorf("%d layers, warnings %q", len(got.Layers), warnings)
			}
			if !c.fits {
				mustHold(t, strings.Join(warnings, "\n"), "Lambda takes 4096", "Afterglow's")
			}
		})
	}
}

// TestSynthesisTwice: the second one finds everything as the first one left it.
func TestSynthesisTwice(t *testing.T) {
	stack := newStack(t)
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python()})
	app := awscdk.Stage_Of(stack)
	first := fmt.Sprint(app.Synth(nil).GetStackByName(jsii.String("Shop")).Template())
	second := fmt.Sprint(app.Synth(&awscdk.StageSynthesisOptions{Force: jsii.Bool(true)}).GetStackByName(jsii.String("Shop")).Template())
	if first != second {
		t.Errorf("first\n%s\nsecond\n%s", first, second)
	}
}

// TestVersionsFollowTheLayer: a version of the function is made anew when its layer or its settings change.
func TestVersionsFollowTheLayer(t *testing.T) {
	version := func(i *Instrumentation) string {
		stack := newStack(t)
		fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: i})
		awslambda.NewAlias(stack, jsii.String("Live"), &awslambda.AliasProps{AliasName: jsii.String("live"), Version: fn.CurrentVersion()})
		for id := range *assertions.Template_FromStack(stack, nil).FindResources(jsii.String("AWS::Lambda::Version"), nil) {
			return id
		}
		return ""
	}
	plain, collector := version(toNowhere()), version(toCollector())
	if plain == "" || plain == collector {
		t.Errorf("versions %q and %q", plain, collector)
	}
}

// TestEveryPartition: what is added names no partition, account or region.
func TestEveryPartition(t *testing.T) {
	for name, env := range map[string]*awscdk.Environment{
		"unknown":  nil,
		"GovCloud": {Region: jsii.String("us-gov-west-1"), Account: jsii.String("123456789012")},
		"China":    {Region: jsii.String("cn-north-1"), Account: jsii.String("123456789012")},
	} {
		t.Run(name, func(t *testing.T) {
			stack := awscdk.NewStack(newApp(t), jsii.String("Shop"), &awscdk.StackProps{Env: env})
			secret := awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil)
			NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: &Instrumentation{
				Exporters: &[]Exporter{ToXRay(), ToOTLP(&OTLPProps{Endpoint: jsii.String("https://collector.example.com"), HeadersFromSecret: secret})},
				Layer:     LayerFromParameter(nil),
			}})
			NewSharedLayer(stack, jsii.String("Shared"), nil)
			if text := templateOf(t, stack); strings.Contains(text, "arn:aws:") || len(onlyFunction(t, stack).Layers) != 1 {
				t.Errorf("the template names a partition, or the function has no layer:\n%s", text)
			}
		})
	}
}
