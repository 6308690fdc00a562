package construct

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// rawOverrides is where the CDK keeps what AddPropertyOverride and its kin have put over a resource, which is the last word of its template. There is no way to ask
// for it, but the CDK's assertions look into any object by its fields' names. Where a newer CDK has no such field nothing is seen, and nothing is lost but that.
const rawOverrides = "rawOverrides"

// overridesOf gives what was put over a resource's properties, not resolved; nil if nothing was.
func overridesOf(cfn awslambda.CfnFunction) map[string]any {
	none := assertions.Match_ObjectLike(&map[string]any{rawOverrides: assertions.Match_Exact(map[string]any{})})
	if !*none.Test(cfn).HasFailed() {
		return nil
	}
	captured := assertions.NewCapture(nil)
	found := assertions.Match_ObjectLike(&map[string]any{rawOverrides: captured}).Test(cfn)
	if *found.HasFailed() {
		return nil
	}
	found.Finished() // which captures
	properties, _ := (*captured.AsObject())["Properties"].(map[string]any)
	return properties
}

// override puts resolved overrides over resolved properties, which the CDK names with a small letter in front, and notes what is overridden.
func (s *functionState) override(properties, overrides map[string]any) {
	for name, value := range overrides {
		if name != "Environment" {
			properties[strings.ToLower(name[:1])+name[1:]] = value
		}
	}
	_, s.layersOverridden = overrides["Layers"]
	switch environment := overrides["Environment"].(type) {
	case nil:
	case map[string]any:
		variables, ok := environment["Variables"].(map[string]any)
		if !ok && environment["Variables"] != nil || len(environment) > 1 || len(environment) == 1 && environment["Variables"] == nil {
			s.opaque = "environment"
		}
		s.overridden = variables
	default:
		s.opaque = "environment"
	}
}

// outdo puts ours over the user's overrides where these would take it away.
func (t target) outdo(s functionState, ours awslambda.ILayerVersion, wanted map[string]string) {
	if s.layersOverridden {
		t.cfn.AddPropertyOverride(jsii.String("Layers"), append(s.layers, ours.LayerVersionArn()))
	}
	for _, name := range sortedKeys(wanted) {
		if _, is := s.overridden[name]; is {
			t.cfn.AddPropertyOverride(jsii.String(fmt.Sprint("Environment.Variables.", name)), wanted[name])
		}
	}
}
