package construct

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/settings"
)

// rawOverrides is where the CDK keeps what AddPropertyOverride and its kin have put over a resource, which is the last word of its template. There is no way to ask
// for it, but the CDK's assertions look into any object by its fields' names. Where a newer CDK has no such field nothing is seen, and nothing is lost but that.
const rawOverrides = "rawOverrides"

// overridable are the properties that are looked at, beside Environment, as CloudFormation names them.
var overridable = []string{"Runtime", "PackageType", "Architectures", "VpcConfig", "Timeout", "Layers"}

// overrides gives what was put over those of the resource's properties that are looked at, not resolved; nil if nothing was.
func (t *target) overrides() map[string]any {
	if t.ordinary || !*t.seen.untouched().Test(t.cfn).HasFailed() {
		return nil
	}
	cfn := t.cfn
	if t.removed = t.deleted(); t.removed != "" {
		return nil
	}
	overrides := map[string]any{}
	for _, name := range overridable {
		if value, is := overrideOf(cfn, name); is {
			overrides[name] = value
		} else if hasOverride(cfn, name) {
			overrides[name] = map[string]any{"Ref": ""} // which is what CloudFormation alone knows
		}
	}
	if environment, is := overrideOf(cfn, "Environment"); is {
		overrides["Environment"] = environment
	} else if variables := variablesOverridden(cfn); len(variables) > 0 {
		overrides["Environment"] = map[string]any{"Variables": variables}
	}
	return overrides
}

// deleted gives the property of which AddPropertyDeletionOverride takes away what we would write, or "".
func (t *target) deleted() string {
	switch {
	case deletes(t.cfn, nil, []string{"Layers"}):
		return "list of layers"
	case deletes(t.cfn, nil, []string{"Environment"}), deletes(t.cfn, []string{"Environment"}, []string{"Variables"}),
		deletes(t.cfn, []string{"Environment", "Variables"}, variablesKnown()):
		return "environment"
	}
	return ""
}

// deletes tells whether one of some names below a path was put there without a value. No pattern matches that alone, and jsii leaves it out: but it counts as a name
// too much where none is asked for, and does not where it is asked to be absent.
func deletes(cfn awslambda.CfnFunction, path, names []string) bool {
	if len(path) > 0 && !hasOverride(cfn, path...) {
		return false
	}
	absent := map[string]any{}
	for _, name := range names {
		absent[name] = assertions.Match_Absent()
	}
	unexpected := func(but map[string]any) any {
		return *below(path, assertions.Match_ObjectEquals(&but)).Test(cfn).FailCount()
	}
	// What is there and was made without a prototype the CDK cannot write into its message.
	others, ok := unlessPanics(func() any { return unexpected(absent) })
	return ok && others != unexpected(map[string]any{})
}

// variablesKnown are the variables that mean something to us.
func variablesKnown() []string {
	names := append([]string{envExecWrapper}, envEndpoints...)
	for _, setting := range settings.Table() {
		names = append(names, setting.Name)
	}
	return names
}

// expression tells whether a value is one that CloudFormation computes, as a whole.
func expression(value map[string]any) bool {
	for name := range value {
		if name == "Ref" && len(value) == 1 || strings.HasPrefix(name, "Fn::") {
			return true
		}
	}
	return false
}

// variablesOverridden reads the variables that mean something to us one by one: newer versions of the CDK make the objects on the path to them without a prototype, which
// jsii cannot hand over.
func variablesOverridden(cfn awslambda.CfnFunction) map[string]any {
	if all, is := overrideOf(cfn, "Environment", "Variables"); is {
		variables, _ := all.(map[string]any)
		return variables
	}
	variables := map[string]any{}
	if !hasOverride(cfn, "Environment", "Variables") {
		return variables
	}
	for _, name := range variablesKnown() {
		if value, is := overrideOf(cfn, "Environment", "Variables", name); is {
			variables[name] = value
		}
	}
	return variables
}

// hasOverride tells whether anything was put at a path below the properties.
func hasOverride(cfn awslambda.CfnFunction, path ...string) bool {
	return !*below(path, assertions.Match_AnyValue()).Test(cfn).HasFailed()
}

// overrideOf gives what was put at a path below the properties, if it can be handed over.
func overrideOf(cfn awslambda.CfnFunction, path ...string) (value any, is bool) {
	captured := assertions.NewCapture(nil)
	result := below(path, captured).Test(cfn)
	if *result.HasFailed() {
		return nil, false
	}
	result.Finished() // which captures
	for _, as := range []func() any{
		func() any { return *captured.AsString() }, func() any { return *captured.AsArray() }, func() any { return *captured.AsNumber() }, func() any { return *captured.AsObject() },
	} {
		if value, is = unlessPanics(as); is {
			return unwrap(value), true
		}
	}
	return nil, false
}

// below makes a pattern of a path below the properties.
func below(path []string, pattern any) assertions.Matcher {
	for _, name := range slices.Backward(path) {
		pattern = map[string]any{name: pattern}
	}
	return assertions.Match_ObjectLike(&map[string]any{rawOverrides: map[string]any{"Properties": pattern}})
}

// unlessPanics gives what f gives. A capture is asked as what it is by its type alone, and panics if it is another one.
func unlessPanics(f func() any) (value any, ok bool) {
	defer func() { ok = recover() == nil }()
	return f(), true
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
		if !ok && environment["Variables"] != nil || len(environment) > 1 || len(environment) == 1 && environment["Variables"] == nil || expression(variables) {
			s.opaque = "environment"
		}
		s.overridden = variables
	default:
		s.opaque = "environment"
	}
}

// outdo puts ours over the user's overrides where these would take it away, and past a construct whose variables nobody reads.
func (t target) outdo(s functionState, ours awslambda.ILayerVersion, wanted map[string]string) {
	if s.layersOverridden && !s.attached {
		t.cfn.AddPropertyOverride(jsii.String("Layers"), append(s.layers, ours.LayerVersionArn()))
	}
	for _, name := range sortedKeys(wanted) {
		if _, is := s.overridden[name]; is || s.variablesByHand {
			t.cfn.AddPropertyOverride(jsii.String(fmt.Sprint("Environment.Variables.", name)), wanted[name])
		}
	}
}
