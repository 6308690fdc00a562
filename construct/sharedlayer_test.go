package construct

import (
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
	t.Run("wants a prefix that the Parameter Store takes", func(t *testing.T) {
		message := panicOf(t, func() {
			NewSharedLayer(stack, jsii.String("Wrong"), &SharedLayerProps{ParameterPrefix: jsii.String("afterglow")})
		})
		mustHold(t, message, "Shop/Wrong", `"afterglow"`, "slash")
	})
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
