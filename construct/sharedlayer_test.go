package construct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

func TestSharedLayer(t *testing.T) {
	stack := newStack(t)
	shared := NewSharedLayer(stack, jsii.String("Afterglow"), &SharedLayerProps{
		ParameterPrefix: jsii.String("/platform/afterglow/"), AccountIds: jsii.Strings("111122223333"), OrganizationId: jsii.String("o-abcdef1234"),
	})
	template := assertions.Template_FromStack(stack, nil)
	template.ResourceCountIs(jsii.String("AWS::Lambda::LayerVersion"), jsii.Number(2))
	template.AllResources(jsii.String("AWS::Lambda::LayerVersion"), map[string]any{"DeletionPolicy": "Retain"})
	for _, name := range []string{"/platform/afterglow/arm64", "/platform/afterglow/x86_64"} {
		template.HasResourceProperties(jsii.String("AWS::SSM::Parameter"), map[string]any{"Name": name, "Type": "String"})
	}
	template.ResourceCountIs(jsii.String("AWS::Lambda::LayerVersionPermission"), jsii.Number(4))
	template.HasResourceProperties(jsii.String("AWS::Lambda::LayerVersionPermission"), map[string]any{"Principal": "111122223333", "Action": "lambda:GetLayerVersion"})
	template.HasResourceProperties(jsii.String("AWS::Lambda::LayerVersionPermission"), map[string]any{"Principal": "*", "OrganizationId": "o-abcdef1234"})
	if shared.Arns().Arm64 == nil || shared.Arns().X86_64 == nil {
		t.Error("it does not tell the ARNs")
	}

	arm, other := awslambda.Architecture_ARM_64(), awslambda.Architecture_Custom(jsii.String("riscv64"), nil)
	for name, c := range map[string]struct {
		props SharedLayerProps
		want  []string
	}{
		"a prefix that the Parameter Store does not take": {SharedLayerProps{ParameterPrefix: jsii.String("afterglow")}, []string{"property ParameterPrefix", `"afterglow"`, "slash"}},
		"a prefix with a space":                           {SharedLayerProps{ParameterPrefix: jsii.String("/a b/")}, []string{"property ParameterPrefix", `"/a b"`}},
		"no account":                                      {SharedLayerProps{AccountIds: jsii.Strings("111122223333", "x")}, []string{"property AccountIds[1]", `"x"`, "12 digits"}},
		"a prefix that is AWS's own":                      {SharedLayerProps{ParameterPrefix: jsii.String("/aws/team")}, []string{"property ParameterPrefix", `"/aws/team"`, "AWS's own"}},
		"a prefix that is Systems Manager's":              {SharedLayerProps{ParameterPrefix: jsii.String("/SSM-layers")}, []string{"property ParameterPrefix", `"/SSM-layers"`, "AWS's own"}},
		"an account twice":                                {SharedLayerProps{AccountIds: jsii.Strings("111122223333", "111122223333")}, []string{"property AccountIds[1]", `"111122223333"`, "once"}},
		"no architectures":                                {SharedLayerProps{Architectures: &[]awslambda.Architecture{}}, []string{"property Architectures", "empty", "leave the property out"}},
		"nil for an architecture":                         {SharedLayerProps{Architectures: &[]awslambda.Architecture{nil}}, []string{"property Architectures[0] is nil", "Architecture_ARM_64"}},
		"an architecture twice":                           {SharedLayerProps{Architectures: &[]awslambda.Architecture{arm, arm}}, []string{"property Architectures[1]", "arm64", "once"}},
		"an architecture that Lambda has not":             {SharedLayerProps{Architectures: &[]awslambda.Architecture{other}}, []string{"property Architectures[0]", `"riscv64"`, "Architecture_ARM_64"}},
		"no organisation":                                 {SharedLayerProps{OrganizationId: jsii.String("ou-123")}, []string{"property OrganizationId", `"ou-123"`, "o-abcdef1234"}},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			other := awscdk.NewStack(newApp(t), jsii.String("Shop"), nil)
			message := panicOf(t, func() { NewSharedLayer(other, jsii.String("Wrong"), &c.props) })
			mustHold(t, message, append(c.want, "Shop/Wrong")...)
		})
	}
}

func TestSharedLayersDoNotShareParameters(t *testing.T) {
	stack := newStack(t)
	NewSharedLayer(stack, jsii.String("One"), nil)
	NewSharedLayer(stack, jsii.String("Two"), &SharedLayerProps{ParameterPrefix: jsii.String("/two")})
	message := panicOf(t, func() {
		NewSharedLayer(stack, jsii.String("Three"), &SharedLayerProps{ParameterPrefix: jsii.String("/two/")})
	})
	mustHold(t, message, "Shop/Three: property ParameterPrefix", `"/two"`, "Shop/Two", "another prefix")
}

// TestSharedLayerInItsApp: CloudFormation reads the parameters of a template before it makes anything, so the layer's own stack takes no parameter, and others of the
// app are deployed after it.
func TestSharedLayerInItsApp(t *testing.T) {
	const account, region = "111122223333", "eu-west-1"
	app := newApp(t)
	in := func(scope constructs.Construct, id, region string) awscdk.Stack {
		return awscdk.NewStack(scope, &id, &awscdk.StackProps{Env: &awscdk.Environment{Account: jsii.String(account), Region: &region}})
	}
	platform := in(app, "Platform", region)
	shared := NewSharedLayer(platform, jsii.String("Afterglow"), &SharedLayerProps{Architectures: &[]awslambda.Architecture{awslambda.Architecture_X86_64()}})
	settings := toNowhere()
	settings.Layer = shared.Source()
	nested := awscdk.NewNestedStack(platform, jsii.String("Nested"), nil)
	beside, elsewhere, agnostic := in(app, "Beside", region), in(app, "Elsewhere", "us-west-2"), awscdk.NewStack(app, jsii.String("Agnostic"), nil)
	stage := awscdk.NewStage(app, jsii.String("Prod"), nil)
	staged := in(stage, "Staged", region)
	all := []awscdk.Stack{platform, nested, beside, elsewhere, agnostic, staged}
	for _, stack := range all {
		for _, id := range []string{"Orders", "Items"} {
			NewInstrumentedFunction(stack, &id, &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: settings})
		}
	}
	arm := python()
	arm.Architecture = awslambda.Architecture_ARM_64()
	NewInstrumentedFunction(beside, jsii.String("Arm"), &InstrumentedFunctionProps{FunctionProps: arm, Afterglow: settings})
	app.Synth(nil)
	for _, stack := range all {
		template := assertions.Template_FromStack(stack, nil)
		parameters := len(*template.FindParameters(jsii.String("*"), map[string]any{"Type": "AWS::SSM::Parameter::Value<String>", "Default": DefaultLayerParameters + "/x86_64"}))
		after := len(*stack.Dependencies())
		want := [2]int{1, 0} // those elsewhere, whose parameter is not the one of this layer
		switch stack {
		case platform, nested:
			want = [2]int{0, 0}
		case beside, agnostic:
			want = [2]int{1, 1}
		}
		if got := [2]int{parameters, after}; got != want {
			t.Errorf("%s: parameters and dependencies %v, want %v", *stack.Node().Path(), got, want)
		}
		for id, fn := range functionsOf(t, stack) {
			if (len(fn.Layers) != 1) != strings.HasPrefix(id, "Arm") {
				t.Errorf("%s: layers of %s: %v", *stack.Node().Path(), id, fn.Layers)
			}
		}
	}
	for id, fn := range functionsOf(t, platform) {
		if got := inJSON(fn.Layers); !strings.HasPrefix(got, `[{"Ref":"Afterglowx8664`) {
			t.Errorf("layers of %s, in the layer's own stack, are %s, want the version itself", id, got)
		}
	}
	if outputs := (*assertions.Template_FromStack(platform, nil).ToJSON())["Outputs"]; outputs != nil {
		t.Errorf("the stack of the layer exports %v", outputs)
	}
	errors := *assertions.Annotations_FromStack(beside).FindError(jsii.String("/Beside/Arm"), assertions.Match_StringLikeRegexp(jsii.String("Platform/Afterglow has no layer for the architecture arm64; add it")))
	if len(errors) != 1 {
		t.Errorf("%d errors on the function without a layer, want one", len(errors))
	}
}

func TestWrongLayersAreErrors(t *testing.T) {
	for arn, fine := range map[string]bool{
		"hello": false,
		"arn:aws:lambda:eu-west-1:123456789012:layer:afterglow":                      false, // without its version
		"arn:aws-cn:lambda:cn-north-1:123456789012:layer:afterglow:7":                true,
		"arn:aws:lambda:" + *awscdk.Aws_REGION() + ":123456789012:layer:afterglow:7": true,
	} {
		_, err := (&Instrumentation{Layer: LayerFromArn(&LayerArns{Arm64: &arn})}).environment()
		if fine != (err == nil) {
			t.Errorf("%s: %v", arn, err)
		}
		if err != nil {
			mustHold(t, err.Error(), "property Afterglow.Layer: LayerFromArn, Arm64", arn, "write one like")
		}
	}
	_, err := (&Instrumentation{Layer: LayerFromParameter(jsii.String("team/layer"))}).environment()
	mustHold(t, fmt.Sprint(err), "property Afterglow.Layer: LayerFromParameter", `"team/layer"`, "slash")

	stack, settings := newStack(t), toNowhere()
	settings.Layer = LayerFromParameter(jsii.String("/team/layer/"))
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: settings})
	mustHold(t, templateOf(t, stack), `"Default": "/team/layer/x86_64"`)
}

func TestLayerFromArn(t *testing.T) {
	const arn = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:layer:afterglow:7"
	stack := newStack(t)
	settings := toNowhere()
	settings.Layer = LayerFromArn(&LayerArns{X86_64: jsii.String(arn)})
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: settings})
	arm := python()
	arm.Architecture = awslambda.Architecture_ARM_64()
	NewInstrumentedFunction(stack, jsii.String("Items"), &InstrumentedFunctionProps{FunctionProps: arm, Afterglow: settings})
	errors := *assertions.Annotations_FromStack(stack).FindError(jsii.String("/Shop/Items"), assertions.Match_StringLikeRegexp(jsii.String("no ARN for the architecture arm64")))
	if len(errors) != 1 {
		t.Errorf("%d errors on the function without a layer, want one", len(errors))
	}
	far := awscdk.NewStack(awscdk.App_Of(stack), jsii.String("Far"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String("us-gov-east-1")}})
	NewInstrumentedFunction(far, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: settings})
	errors = *assertions.Annotations_FromStack(far).FindError(jsii.String("/Far/Orders"), assertions.Match_StringLikeRegexp(jsii.String("property Afterglow.Layer: LayerFromArn: "+arn+" is in us-gov-west-1, the function in us-gov-east-1.*publish")))
	if len(errors) != 1 {
		t.Errorf("%d errors on the function of another region, want one", len(errors))
	}
	for id, fn := range functionsOf(t, stack) {
		if want := map[bool]string{true: `["` + arn + `"]`, false: "null"}[id[0] == 'O']; inJSON(fn.Layers) != want {
			t.Errorf("%s: layers %s, want %s", id, inJSON(fn.Layers), want)
		}
	}
}
