package construct

import (
	"fmt"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
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

	t.Run("is what another stack takes", func(t *testing.T) {
		user := awscdk.NewStack(newApp(t), jsii.String("User"), nil)
		settings := toNowhere()
		settings.Layer = shared.Source()
		for _, id := range []string{"Orders", "Items"} {
			NewInstrumentedFunction(user, &id, &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: settings})
		}
		template := assertions.Template_FromStack(user, nil)
		template.ResourceCountIs(jsii.String("AWS::Lambda::LayerVersion"), jsii.Number(0))
		parameters := *template.FindParameters(jsii.String("*"), map[string]any{"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/platform/afterglow/x86_64"})
		if len(parameters) != 1 {
			t.Fatalf("%d parameters hold the ARN, want one", len(parameters))
		}
		for id := range parameters {
			for _, fn := range functionsOf(t, user) {
				if got, want := inJSON(fn.Layers), inJSON([]any{map[string]any{"Ref": id}}); got != want {
					t.Errorf("layers %s, want %s", got, want)
				}
			}
		}
	})
	for name, c := range map[string]struct {
		props SharedLayerProps
		want  []string
	}{
		"a prefix that the Parameter Store does not take": {SharedLayerProps{ParameterPrefix: jsii.String("afterglow")}, []string{"property ParameterPrefix", `"afterglow"`, "slash"}},
		"a prefix with a space":                           {SharedLayerProps{ParameterPrefix: jsii.String("/a b/")}, []string{"property ParameterPrefix", `"/a b"`}},
		"no account":                                      {SharedLayerProps{AccountIds: jsii.Strings("111122223333", "x")}, []string{"property AccountIds[1]", `"x"`, "12 digits"}},
		"no organisation":                                 {SharedLayerProps{OrganizationId: jsii.String("ou-123")}, []string{"property OrganizationId", `"ou-123"`, "o-abcdef1234"}},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			other := awscdk.NewStack(newApp(t), jsii.String("Shop"), nil)
			message := panicOf(t, func() { NewSharedLayer(other, jsii.String("Wrong"), &c.props) })
			mustHold(t, message, append(c.want, "Shop/Wrong")...)
		})
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
	for id, fn := range functionsOf(t, stack) {
		if want := map[bool]string{true: `["` + arn + `"]`, false: "null"}[id[0] == 'O']; inJSON(fn.Layers) != want {
			t.Errorf("%s: layers %s, want %s", id, inJSON(fn.Layers), want)
		}
	}
}
