package construct

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/jsii-runtime-go"
)

// TestTwoAppsWithTheSamePaths: settings with a layer's source serve all apps of a process, whose stacks may have the same paths, and with those the same addresses.
func TestTwoAppsWithTheSamePaths(t *testing.T) {
	first := newStack(t)
	shared := NewSharedLayer(first, jsii.String("Afterglow"), &SharedLayerProps{Architectures: &[]awslambda.Architecture{awslambda.Architecture_X86_64()}})
	sources := map[string]LayerSource{
		"Arn":       LayerFromArn(&LayerArns{X86_64: jsii.String("arn:aws:lambda:eu-west-1:123456789012:layer:afterglow:7")}),
		"Parameter": LayerFromParameter(nil),
		"Shared":    shared.Source(),
	}
	for _, stack := range []awscdk.Stack{first, newStack(t)} {
		for id, source := range sources {
			settings := toNowhere()
			settings.Layer = source
			plain := python()
			Instrument(awslambda.NewFunction(stack, &id, &plain), settings)
		}
		awscdk.App_Of(stack).Synth(nil)
		for id, fn := range functionsOf(t, stack) {
			if len(fn.Layers) != 1 {
				t.Errorf("layers of %s: %v", id, fn.Layers)
			}
		}
		if errs := *assertions.Annotations_FromStack(stack).FindError(jsii.String("*"), assertions.Match_AnyValue()); len(errs) > 0 {
			t.Errorf("%v", *errs[0].Entry)
		}
	}
}

// TestSecretOfAnotherRegion: the extension asks Secrets Manager where the secret's ARN says that it is, and that is through what its key is used.
func TestSecretOfAnotherRegion(t *testing.T) {
	stack := awscdk.NewStack(newApp(t), jsii.String("Shop"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String("us-east-1")}})
	secret := awssecretsmanager.Secret_FromSecretAttributes(stack, jsii.String("Key"), &awssecretsmanager.SecretAttributes{
		SecretCompleteArn: jsii.String("arn:aws:secretsmanager:eu-west-1:123456789012:secret:otlp-AbCdEf"),
		EncryptionKey:     awskms.Key_FromKeyArn(stack, jsii.String("CMK"), jsii.String("arn:aws:kms:eu-west-1:123456789012:key/1")),
	})
	plain := python()
	Instrument(awslambda.NewFunction(stack, jsii.String("Orders"), &plain), &Instrumentation{Exporters: otlpAt(OTLPProps{HeadersFromSecret: secret})})
	mustHold(t, templateOf(t, stack), `"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"`)
}

// TestExcludeOfQualified: an alias and a version stand for the function behind.
func TestExcludeOfQualified(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	version := plainFunction(stack, "Versioned", awslambda.Runtime_PYTHON_3_13()).CurrentVersion()
	aliased := plainFunction(stack, "Aliased", awslambda.Runtime_PYTHON_3_13())
	Exclude(version)
	Exclude(awslambda.NewAlias(stack, jsii.String("Live"), &awslambda.AliasProps{AliasName: jsii.String("live"), Version: aliased.CurrentVersion()}))
	for _, id := range []string{"ByInclude", "ByExclude", "ByOverride"} {
		plainFunction(stack, id, awslambda.Runtime_PYTHON_3_13())
	}
	fails := func(id string, otherwise bool) Matcher {
		return func(c Candidate) bool {
			if c.Path == "Shop/"+id {
				panic("theirs")
			}
			return otherwise
		}
	}
	InstrumentAll(app, &InstrumentAllProps{
		Afterglow: toNowhere(),
		Exclude:   []Matcher{MatchPath("None"), fails("ByExclude", false)},
		Include:   []Matcher{fails("ByInclude", true)},
		Overrides: []Override{{Match: MatchPath("None")}, {Match: MatchPath("None")}, {Match: fails("ByOverride", false)}},
	})
	app.Synth(nil)
	compare(t, reportOf(t, filepath.Join(*app.Outdir(), "afterglow-report.json")), map[string]string{
		"Shop/Versioned": "by Exclude of Shop/Versioned", "Shop/Aliased": "by Exclude of Shop/Aliased",
		"Shop/ByExclude": "property Exclude[1]: the matcher panicked: theirs", "Shop/ByInclude": "property Include[0]: ", "Shop/ByOverride": "property Overrides[2]: ",
	})
}
