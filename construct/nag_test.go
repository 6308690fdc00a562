//go:build newest

package construct

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// TestNag: AWS's Solutions checks of cdk-nag find nothing in an instrumented stack that they do not find in the same stack without Afterglow, but for one
// thing, which docs/construct.md tells how to suppress.
func TestNag(t *testing.T) {
	// X-Ray knows no resources for xray:PutTraceSegments: it is granted on all or not at all.
	const stays = "AwsSolutions-IAM5[Resource::*] on XRay/ServiceRole/DefaultPolicy/Resource"
	plain, ours := nagged(t, false, false), nagged(t, true, false)
	for _, finding := range slices.Sorted(maps.Keys(ours)) {
		if !plain[finding] && finding != stays {
			t.Errorf("%s: not found without Afterglow", finding)
		}
	}
	if len(plain) == 0 || !ours[stays] {
		t.Errorf("without Afterglow %v, with it %v: the checks did not run, or %s is found no more", plain, ours, stays)
	}
	if got := nagged(t, true, true); got[stays] {
		t.Errorf("%s: docs/construct.md does not tell how to suppress it", stays)
	}
}

// nagged gives what is found in a stack: rules and paths.
func nagged(t *testing.T, instrumented, suppressed bool) map[string]bool {
	t.Helper()
	stack := newStack(t)
	secret := awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil)
	for id, exporter := range map[string]Exporter{"XRay": ToXRay(), "Log": ToLog(),
		"OTLP": ToOTLP(&OTLPProps{Endpoint: jsii.String("https://collector.example.com"), HeadersFromSecret: secret})} {
		props := python()
		fn := awslambda.NewFunction(stack, &id, &props)
		if instrumented {
			Instrument(fn, &Instrumentation{Exporters: &[]Exporter{exporter}})
		}
	}
	if instrumented {
		NewSharedLayer(stack, jsii.String("Shared"), &SharedLayerProps{OrganizationId: jsii.String("o-abcdef1234")})
	}
	if suppressed {
		cdknag.NagSuppressions_AddStackSuppressions(stack, &[]*cdknag.NagPackSuppression{{
			Id: jsii.String("AwsSolutions-IAM5"), AppliesTo: &[]any{"Resource::*"}, Reason: jsii.String("X-Ray knows no resources for xray:PutTraceSegments"),
		}}, nil)
	}
	// With no priority, as most people add it: before ours, and it sees what ours adds all the same.
	awscdk.Aspects_Of(stack).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	found := map[string]bool{}
	rule := regexp.MustCompile(`AwsSolutions-[A-Za-z0-9]+(\[[^\]]*\])?`)
	for path, texts := range annotationsOf(stack) {
		for _, text := range texts {
			if id := rule.FindString(text); id != "" {
				found[id+" on "+strings.TrimPrefix(path, "/Shop/")] = true
			}
		}
	}
	return found
}
