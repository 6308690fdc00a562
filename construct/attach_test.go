package construct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssigner"
	"github.com/aws/jsii-runtime-go"
)

// infosOf gives the texts of the hints on the construct at a path.
func infosOf(stack awscdk.Stack, path string) string {
	var texts []string
	for _, m := range *assertions.Annotations_FromStack(stack).FindInfo(&path, assertions.Match_AnyValue()) {
		texts = append(texts, fmt.Sprint(m.Entry.Data))
	}
	return strings.Join(texts, "\n")
}

// untouched fails unless functions of a stack are as they were, and have one warning that holds some texts.
func untouched(t *testing.T, stack awscdk.Stack, id string, wants ...string) {
	t.Helper()
	for name, f := range functionsOf(t, stack) {
		if strings.HasPrefix(name, id) && f.Environment.Variables[envExecWrapper] != nil {
			t.Errorf("%s was touched: %+v", id, f)
		}
	}
	w := warningsOf(t, stack, "/"+*stack.Node().Path()+"/"+id)
	if len(w) != 1 {
		t.Fatalf("%s: warnings %q, want one", id, w)
	}
	mustHold(t, w[0], wants...)
}

// TestLayerTwice: Lambda takes one version of a layer, and no layer twice.
func TestLayerTwice(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:123456789012:layer:afterglow:"
	app := newApp(t)
	NewInstrumentationLayer(awscdk.NewStack(app, jsii.String("Region"), nil), jsii.String("Out"), nil) // where no reference reaches, and found first
	env := &awscdk.Environment{Account: jsii.String("123456789012"), Region: jsii.String("eu-west-1")}
	stack := awscdk.NewStack(app, jsii.String("Shop"), &awscdk.StackProps{Env: env})
	elsewhere := awscdk.NewStack(app, jsii.String("Base"), &awscdk.StackProps{Env: env})
	with := func(in awscdk.Stack, id string, runtime awslambda.Runtime, l awslambda.ILayerVersion) awslambda.Function {
		props := functionProps(runtime)
		props.Code, props.Layers = handlerAsset(), &[]awslambda.ILayerVersion{l}
		return awslambda.NewFunction(in, &id, &props)
	}
	by := func(n string) awslambda.ILayerVersion {
		return awslambda.LayerVersion_FromLayerVersionArn(stack, jsii.String("V"+n), jsii.String(arn+n))
	}
	fromArn := &Instrumentation{Exporters: &[]Exporter{}, Layer: LayerFromArn(&LayerArns{X86_64: jsii.String(arn + "7")})}
	Instrument(with(stack, "Older", awslambda.Runtime_PYTHON_3_13(), by("6")), fromArn)
	Instrument(with(stack, "Same", awslambda.Runtime_PYTHON_3_13(), by("7")), fromArn)

	Instrument(with(stack, "Here", awslambda.Runtime_PYTHON_3_13(), NewInstrumentationLayer(stack, jsii.String("Hand"), nil)), toNowhere())
	Instrument(with(stack, "There", awslambda.Runtime_PYTHON_3_13(), NewInstrumentationLayer(elsewhere, jsii.String("Far"), nil)), toNowhere())
	Instrument(with(stack, "Program", awslambda.Runtime_PROVIDED_AL2023(), NewInstrumentationLayer(elsewhere, jsii.String("Go"), nil)), toNowhere())

	// Another layer, with the logical id of ours in another stack.
	NewInstrumentationLayer(elsewhere, jsii.String("Alike"), nil)
	theirs := awslambda.NewLayerVersion(stack, jsii.String("Alike"), &awslambda.LayerVersionProps{Code: handlerAsset()})
	Instrument(with(stack, "Other", awslambda.Runtime_PYTHON_3_13(), theirs), toNowhere())

	untouched(t, stack, "Older", arn+"6", arn+"7", "one version", "Take that layer away")
	for id, f := range functionsOf(t, stack) {
		id = strings.TrimRight(id, "0123456789ABCDEF")
		want := map[string]int{"Older": 1, "Other": 2, "Same": 1, "Here": 1, "There": 1, "Program": 1}[id]
		wrapped := f.Environment.Variables[envExecWrapper] != nil
		if len(f.Layers) != want || wrapped != (id != "Older" && id != "Program") {
			t.Errorf("%s: %+v, want %d layers", id, f, want)
		}
	}
}

// TestCodeSigning: what is built at synth is not signed.
func TestCodeSigning(t *testing.T) {
	stack := newStack(t)
	profile := awssigner.NewSigningProfile(stack, jsii.String("Profile"), &awssigner.SigningProfileProps{Platform: awssigner.Platform_AWS_LAMBDA_SHA384_ECDSA()})
	config := func(id string, policy awslambda.UntrustedArtifactOnDeployment) awslambda.ICodeSigningConfig {
		return awslambda.NewCodeSigningConfig(stack, &id, &awslambda.CodeSigningConfigProps{
			SigningProfiles: &[]awssigner.ISigningProfile{profile}, UntrustedArtifactOnDeployment: policy})
	}
	imported := awslambda.CodeSigningConfig_FromCodeSigningConfigArn(stack, jsii.String("Theirs"),
		jsii.String("arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0"))
	enforced := config("Enforced", awslambda.UntrustedArtifactOnDeployment_ENFORCE)
	signed := &Instrumentation{Exporters: &[]Exporter{}, Layer: LayerFromArn(&LayerArns{X86_64: jsii.String("arn:aws:lambda:eu-west-1:123456789012:layer:afterglow:7")})}
	for _, c := range []struct {
		id        string
		config    awslambda.ICodeSigningConfig
		afterglow *Instrumentation
		hint      bool
	}{
		{"Refused", enforced, toNowhere(), false}, {"Signed", enforced, signed, false},
		{"Warned", config("Warning", ""), toNowhere(), true}, {"Unknown", imported, toNowhere(), true},
	} {
		props := python()
		props.Code, props.CodeSigningConfig = handlerAsset(), c.config
		Instrument(awslambda.NewFunction(stack, &c.id, &props), c.afterglow)
		if c.id == "Refused" {
			untouched(t, stack, c.id, "CodeSigningConfig", "ENFORCE", "LayerFromArn")
			continue
		}
		if hint := infosOf(stack, "/Shop/"+c.id); (hint != "") != c.hint || c.hint && !strings.Contains(hint, "LayerFromArn") {
			t.Errorf("%s: hint %q", c.id, hint)
		}
	}
	for id, f := range functionsOf(t, stack) {
		if (len(f.Layers) == 1) == strings.HasPrefix(id, "Refused") {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

// TestSecretOfAnotherAccount: what cannot be read is found before anything is changed.
func TestSecretOfAnotherAccount(t *testing.T) {
	app := newApp(t)
	in := func(id, account string) awscdk.Stack {
		return awscdk.NewStack(app, &id, &awscdk.StackProps{Env: &awscdk.Environment{Account: &account, Region: jsii.String("eu-west-1")}})
	}
	keys, shop := in("Keys", "111122223333"), in("Shop", "444455556666")
	for id, key := range map[string]awskms.IKey{"Plain": nil, "Keyed": awskms.NewKey(keys, jsii.String("CMK"), &awskms.KeyProps{Alias: jsii.String("alias/collector")})} {
		secret := awssecretsmanager.NewSecret(keys, &id, &awssecretsmanager.SecretProps{SecretName: &id, EncryptionKey: key})
		props := python()
		props.Role = awsiam.NewRole(shop, jsii.String(id+"Role"), &awsiam.RoleProps{RoleName: jsii.String(id), AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil)})
		Instrument(awslambda.NewFunction(shop, &id, &props), &Instrumentation{Exporters: otlpAt(OTLPProps{HeadersFromSecret: secret})})
	}
	errors := *assertions.Annotations_FromStack(shop).FindError(jsii.String("*"), assertions.Match_AnyValue())
	if len(errors) != 1 || *errors[0].Id != "/Shop/Plain" {
		t.Fatalf("%d errors, want one on /Shop/Plain", len(errors))
	}
	mustHold(t, fmt.Sprint(errors[0].Entry.Data), "HeadersFromSecret", "Keys/Plain", "111122223333", "444455556666", "EncryptionKey")
	template, _ := app.Synth(nil).GetStackByName(jsii.String("Shop")).Template().(map[string]any)
	resources, _ := template["Resources"].(map[string]any)
	if len(resources) == 0 {
		t.Fatalf("no resources in %v", template)
	}
	for id, resource := range resources {
		if text := inJSON(resource); strings.HasPrefix(id, "Plain") && strings.Contains(text, "fterglow") {
			t.Errorf("%s was touched: %s", id, text)
		}
	}
}
