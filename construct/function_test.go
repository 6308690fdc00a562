package construct

import (
	"flag"
	"fmt"
	"reflect"
	"regexp"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

var update = flag.Bool("update", false, "write the golden templates anew")

func TestInstrumentationAddsNothingElse(t *testing.T) {
	stack := newStack(t)
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: toNowhere()})
	fn := onlyFunction(t, stack)
	if len(fn.Layers) != 1 {
		t.Errorf("%d layers, want one", len(fn.Layers))
	}
	if got := fmt.Sprint(fn.Environment.Variables); got != "map[AFTERGLOW_EXPORTERS:none AWS_LAMBDA_EXEC_WRAPPER:/opt/afterglow/exec-wrapper]" {
		t.Errorf("environment %s, want the wrapper and no more", got)
	}
}

// TestCompiledHook: a program of the user's own gets the layer, no exec wrapper, and a word on what has to be compiled into it.
func TestCompiledHook(t *testing.T) {
	stack := newStack(t)
	props := functionProps(awslambda.Runtime_PROVIDED_AL2023())
	props.Code = handlerAsset()
	props.Environment = &map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": jsii.String("/opt/theirs")}
	made := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props,
		Afterglow: &Instrumentation{ServiceName: jsii.String("orders"), Exporters: &[]Exporter{ToLog()}}})
	if !*made.IsInstrumented() {
		t.Error("says that it is not instrumented")
	}
	fn := onlyFunction(t, stack)
	if len(fn.Layers) != 1 {
		t.Errorf("%d layers, want one", len(fn.Layers))
	}
	if got := fmt.Sprint(fn.Environment.Variables); got != "map[AFTERGLOW_EXPORTERS:log AWS_LAMBDA_EXEC_WRAPPER:/opt/theirs OTEL_SERVICE_NAME:orders]" {
		t.Errorf("environment %s", got)
	}
	annotations := assertions.Annotations_FromStack(stack)
	annotations.HasInfo(jsii.String("/Shop/Orders"), assertions.Match_StringLikeRegexp(jsii.String("compiled into the function.*wrapper/golang")))
	if warnings := *annotations.FindWarning(jsii.String("*"), assertions.Match_AnyValue()); len(warnings) != 0 {
		t.Errorf("%d warnings, want none", len(warnings))
	}
}

func TestUntouchedFunctions(t *testing.T) {
	layers := func(stack awscdk.Stack, n int) *[]awslambda.ILayerVersion {
		var list []awslambda.ILayerVersion
		for i := range n {
			list = append(list, awslambda.LayerVersion_FromLayerVersionArn(stack, jsii.String(fmt.Sprint("Layer", i)),
				jsii.String(fmt.Sprintf("arn:aws:lambda:eu-west-1:123456789012:layer:theirs:%d", i+1))))
		}
		return &list
	}
	for _, c := range []struct {
		name  string
		props func(awscdk.Stack) awslambda.FunctionProps
		want  string
	}{
		{"sixth layer", func(stack awscdk.Stack) awslambda.FunctionProps {
			props := python()
			props.Layers = layers(stack, 5)
			return props
		}, "already has 5 layers"},
		{"container image", func(stack awscdk.Stack) awslambda.FunctionProps {
			repository := awsecr.Repository_FromRepositoryName(stack, jsii.String("Images"), jsii.String("images"))
			return awslambda.FunctionProps{Runtime: awslambda.Runtime_FROM_IMAGE(), Handler: awslambda.Handler_FROM_IMAGE(),
				Code: awslambda.Code_FromEcrImage(repository, nil)}
		}, "container image"},
		{"no hook yet", func(awscdk.Stack) awslambda.FunctionProps {
			props := functionProps(awslambda.NewRuntime(jsii.String("ruby2.7"), awslambda.RuntimeFamily_RUBY, nil))
			props.Code = handlerAsset()
			return props
		}, "no hook for runtime ruby2.7 yet"},
		{"a newer Node.js", func(awscdk.Stack) awslambda.FunctionProps {
			props := functionProps(awslambda.NewRuntime(jsii.String("nodejs26.x"), awslambda.RuntimeFamily_NODEJS, nil))
			props.Code = handlerAsset()
			return props
		}, "no hook for runtime nodejs26.x yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := newStack(t)
			plainProps := c.props(plain)
			awslambda.NewFunction(plain, jsii.String("Orders"), &plainProps)

			stack := newStack(t)
			fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: c.props(stack),
				Afterglow: &Instrumentation{ServiceName: jsii.String("orders")}})
			if *fn.IsInstrumented() {
				t.Error("says that it is instrumented")
			}
			if got, want := templateOf(t, stack), templateOf(t, plain); got != want {
				t.Errorf("the template is not as without Afterglow:\n%s", got)
			}
			annotations := assertions.Annotations_FromStack(stack)
			annotations.HasWarning(jsii.String("/Shop/Orders"), assertions.Match_StringLikeRegexp(jsii.String(
				"Afterglow leaves this function as it is.*"+regexp.QuoteMeta(c.want)+".*"+warningID)))
			if warnings := *annotations.FindWarning(jsii.String("*"), assertions.Match_AnyValue()); len(warnings) != 1 {
				t.Errorf("%d warnings, want one", len(warnings))
			}
		})
	}
}

func TestUsableAsFunction(t *testing.T) {
	stack := newStack(t)
	fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python()})
	queue := awssqs.NewQueue(stack, jsii.String("Queue"), nil)

	awslambda.NewAlias(stack, jsii.String("Live"), &awslambda.AliasProps{AliasName: jsii.String("live"), Version: fn.CurrentVersion()})
	fn.AddEventSource(awslambdaeventsources.NewSqsEventSource(queue, nil))
	fn.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_AWS_IAM})
	awslambda.NewEventInvokeConfig(stack, jsii.String("Async"), &awslambda.EventInvokeConfigProps{Function: fn, RetryAttempts: jsii.Number(0)})
	queue.GrantSendMessages(fn)

	template := assertions.Template_FromStack(stack, nil)
	for resource, n := range map[string]float64{"AWS::Lambda::Function": 1, "AWS::Lambda::Alias": 1, "AWS::Lambda::EventSourceMapping": 1,
		"AWS::Lambda::Url": 1, "AWS::Lambda::EventInvokeConfig": 1, "AWS::IAM::Policy": 1} {
		template.ResourceCountIs(jsii.String(resource), jsii.Number(n))
	}
}

func TestExistingWrapperIsChained(t *testing.T) {
	stack := newStack(t)
	parameter := awscdk.NewCfnParameter(stack, jsii.String("Wrapper"), nil)
	cases := map[string]struct {
		wrapper string
		next    any
	}{
		"Text":  {"/opt/otel-instrument", "/opt/otel-instrument"},
		"Token": {*parameter.ValueAsString(), map[string]any{"Ref": "Wrapper"}},
		"Ours":  {layer.ExecWrapper, nil},
	}
	functions := map[string]string{}
	for name, c := range cases {
		props := python()
		props.Environment = &map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": jsii.String(c.wrapper), "STAGE": jsii.String("test")}
		fn := NewInstrumentedFunction(stack, jsii.String(name), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: toNowhere()})
		functions[name] = *stack.GetLogicalId(fn.Node().DefaultChild().(awscdk.CfnElement))
	}
	made := functionsOf(t, stack)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := made[functions[name]].Environment.Variables
			want := map[string]any{"AWS_LAMBDA_EXEC_WRAPPER": layer.ExecWrapper, "STAGE": "test", "AFTERGLOW_EXPORTERS": "none"}
			if c.next != nil {
				want["AFTERGLOW_EXEC_WRAPPER_NEXT"] = c.next
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("environment %v, want %v", got, want)
			}
		})
	}
}

func TestConflictsAreErrors(t *testing.T) {
	for _, c := range []struct {
		name        string
		environment map[string]*string
		afterglow   *Instrumentation
		want        []string
	}{
		{"set twice", map[string]*string{"OTEL_SERVICE_NAME": jsii.String("a")}, &Instrumentation{ServiceName: jsii.String("b")},
			[]string{"OTEL_SERVICE_NAME", "keep one"}},
		{"two next wrappers", map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": jsii.String("/opt/a"), "AFTERGLOW_EXEC_WRAPPER_NEXT": jsii.String("/opt/b")}, nil,
			[]string{"remove one"}},
		{"relative wrapper", map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": jsii.String("wrapper")}, nil, []string{`"wrapper"`, "absolute path"}},
		{"wrong value by hand", map[string]*string{"AFTERGLOW_LOG_LEVEL": jsii.String("loud")}, nil, []string{`AFTERGLOW_LOG_LEVEL="loud"`, "debug, info"}},
		{"misspelt name", map[string]*string{"AFTERGLOW_LOGLEVEL": jsii.String("debug")}, nil, []string{"AFTERGLOW_LOGLEVEL", "no such setting"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack, props := newStack(t), python()
			props.Environment = &c.environment
			NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: c.afterglow})
			found := *assertions.Annotations_FromStack(stack).FindError(jsii.String("/Shop/Orders"), assertions.Match_AnyValue())
			if len(found) != 1 {
				t.Fatalf("%d errors on the function, want one", len(found))
			}
			mustHold(t, fmt.Sprint(found[0].Entry.Data), c.want...)
			if fn := onlyFunction(t, stack); len(fn.Layers) != 0 || !reflect.DeepEqual(fn.Environment.Variables, anyValues(c.environment)) {
				t.Errorf("the function was changed: %+v", fn)
			}
		})
	}
	t.Run("the same value twice is none", func(t *testing.T) {
		stack, props := newStack(t), python()
		props.Environment = &map[string]*string{"OTEL_SERVICE_NAME": jsii.String("orders")}
		NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props,
			Afterglow: &Instrumentation{ServiceName: jsii.String("orders")}})
	})
}

func anyValues(of map[string]*string) map[string]any {
	all := map[string]any{}
	for name, value := range of {
		all[name] = *value
	}
	return all
}
