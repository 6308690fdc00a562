package construct

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/internal/cfnlint"
)

// TestLinted holds what the construct writes against CloudFormation's schemas and cfn-lint's rules: every runtime, exporter and architecture, and everything else
// that leaves something in a template. That combinations of them add nothing of their own is in testdata/matrix.txt.
func TestLinted(t *testing.T) {
	if os.Getenv(envNewest) != "" {
		t.Skip("SKIPPED: what is written is the same with the newest CDK, see testdata")
	}
	stack := newStack(t)
	endpoint := jsii.String("https://collector.example.com:4318")
	exporters := [][]Exporter{
		{ToXRay()},
		{ToLog()},
		{ToOTLP(&OTLPProps{Endpoint: endpoint, HeadersFromSecret: awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil), SecretHeader: jsii.String("api-key")})},
		{ToOTLP(&OTLPProps{Endpoint: endpoint, HeadersFromParameter: awsssm.StringParameter_FromSecureStringParameterAttributes(stack, jsii.String("Kept"),
			&awsssm.SecureStringParameterAttributes{ParameterName: jsii.String("/keys/collector")})}), ToXRay(), ToLog()},
	}
	shared := NewSharedLayer(stack, jsii.String("Shared"), &SharedLayerProps{AccountIds: jsii.Strings("123456789012"), OrganizationId: jsii.String("o-abcdef1234")})
	layers := []LayerSource{nil, nil, nil, LayerFromParameter(nil),
		LayerFromArn(&LayerArns{Arm64: jsii.String("arn:aws:lambda:us-east-1:123456789012:layer:afterglow:1"), X86_64: shared.Arns().X86_64})}
	code := handlerAsset()
	for n, name := range matrixRuntimes() {
		id := strings.ReplaceAll(name, ".", "")
		props := functionProps(runtimeNamed(name))
		props.Code, props.Architecture = code, architectureOf([]string{layer.ARM64, layer.X86_64}[n%2])
		fn := NewInstrumentedFunction(stack, &id, &InstrumentedFunctionProps{FunctionProps: props, Afterglow: &Instrumentation{
			Exporters: &exporters[n%len(exporters)], Layer: layers[n%len(layers)], ServiceName: jsii.String("orders"), MaskKeys: jsii.Strings("iban")}})
		if n == 0 {
			awslambda.NewAlias(stack, jsii.String("Live"), &awslambda.AliasProps{AliasName: jsii.String("live"), Version: fn.CurrentVersion()})
		}
	}
	cfnlint.Check(t, "..", map[string]string{"shop.json": templateOf(t, stack)}, []cfnlint.Allowance{
		{Rules: []string{"W3005"}, Says: "dependency already enforced", Why: "the CDK writes what a function depends on although the function refers to it, with or without us"},
		// The day on which the warning becomes an error is in cfn-lint's data.
		{Rules: []string{"W2531", "E2531", "E2533"}, Says: "was deprecated on", Why: "functions on runtimes that Lambda has deprecated go on, and can be instrumented"},
	})
}
