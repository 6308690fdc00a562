package construct

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// A target is a function to be wired: CloudFormation's resource, and the construct around it if there is one.
type target struct {
	cfn   awslambda.CfnFunction
	fn    awslambda.Function    // nil for a resource without one, as of an included template
	shown constructs.IConstruct // where annotations go: what the user made
	stack awscdk.Stack
	path  string
}

func targetOf(cfn awslambda.CfnFunction) target {
	t := target{cfn: cfn, shown: cfn, stack: awscdk.Stack_Of(cfn)}
	if fn, ok := cfn.Node().Scope().(awslambda.Function); ok {
		t.fn, t.shown = fn, fn
	}
	t.path = *t.shown.Node().Path()
	return t
}

// glance reads the properties that do not change any more.
func (t target) glance() functionState {
	s := functionState{
		runtime:     text(t.cfn.Runtime()),
		image:       text(t.cfn.PackageType()) == "Image" || t.cfn.Runtime() == nil,
		vpc:         t.cfn.VpcConfig() != nil,
		environment: map[string]any{},
	}
	switch given := t.cfn.Architectures(); {
	case given == nil || len(*given) == 0:
		s.architecture = "x86_64" // Lambda's default
	default:
		s.architecture = text((*given)[0])
	}
	if timeout := t.cfn.Timeout(); timeout == nil {
		s.timeout = shortTimeout // Lambda's default
	} else if !*awscdk.Token_IsUnresolved(timeout) {
		s.timeout = *timeout
	}
	return s
}

// look reads the resolved properties of the resource, which also have what was added after the function was made. It comes once, at the end: what older versions of
// the CDK resolve once they do not ask for again.
func (t target) look() functionState {
	s := t.glance()
	s.edge = t.atEdge()
	if environment, ok := t.stack.Resolve(t.cfn.Environment()).(map[string]any); ok {
		if variables, ok := environment["variables"].(map[string]any); ok {
			s.environment = variables
		} else if environment["variables"] != nil {
			s.opaque = "environment"
		}
		if environment["Fn::If"] != nil || environment["Ref"] != nil {
			s.opaque = "environment"
		}
	}
	switch layers := t.stack.Resolve(t.cfn.Layers()).(type) {
	case nil:
	case []any:
		s.layers = layers
	default:
		s.opaque = "list of layers"
	}
	return s
}

// text is a property's value, or "a token" where only CloudFormation knows it.
func text(s *string) string {
	switch {
	case s == nil:
		return ""
	case strings.Contains(*s, "${Token["):
		return unresolved
	}
	return *s
}

// unresolved stands for a value that only CloudFormation knows.
const unresolved = "a token"

// edgePrincipal is who runs Lambda@Edge.
const edgePrincipal = "edgelambda.amazonaws.com"

// atEdge tells whether CloudFront may run the function: then its role trusts it, which the CDK sees to.
func (t target) atEdge() bool {
	if t.fn == nil {
		return false
	}
	region := *t.stack.Region()
	if region != "us-east-1" && !isToken(region) { // where all such functions are
		return false
	}
	role, ok := t.fn.Role().(awsiam.Role)
	if !ok || role.AssumeRolePolicy() == nil {
		return false
	}
	return strings.Contains(fmt.Sprint(t.stack.Resolve(role.AssumeRolePolicy())), edgePrincipal)
}

// change adds the layer and the variables: by the construct if there is one, which makes a new version of the function with every change; else to the resource.
func (t target) change(s functionState, layer awslambda.ILayerVersion, wanted map[string]string) {
	if t.fn != nil {
		t.fn.AddLayers(layer)
		if len(s.layers) > 0 { // which older versions of the CDK go on giving as they were when look read them
			t.cfn.SetLayers(withLayer(s.layers, layer))
		}
		for _, name := range sortedKeys(wanted) {
			t.fn.AddEnvironment(jsii.String(name), jsii.String(wanted[name]), nil)
		}
		return
	}
	t.cfn.AddPropertyOverride(jsii.String("Layers"), append(s.layers, layer.LayerVersionArn()))
	for _, name := range sortedKeys(wanted) {
		t.cfn.AddPropertyOverride(jsii.String("Environment.Variables."+name), wanted[name])
	}
}

func withLayer(theirs []any, ours awslambda.ILayerVersion) *[]*string {
	var all []*string
	for _, l := range theirs {
		if text, ok := l.(string); ok {
			all = append(all, &text)
		} else {
			all = append(all, awscdk.Token_AsString(l, nil))
		}
	}
	all = append(all, ours.LayerVersionArn())
	return &all
}

// permit lets the function's role do what the exporters need, and says what has to be added by hand.
func (t target) permit(exporters []Exporter) {
	for _, e := range exporters {
		var missing []awsiam.PolicyStatement
		if t.fn != nil {
			missing = e.grant(t.fn)
		}
		if t.fn == nil || !t.takesPolicies() {
			missing = e.grant(nil)
		}
		for _, statement := range missing {
			awscdk.Annotations_Of(t.shown).AddWarningV2(jsii.String(permissionID), jsii.String(fmt.Sprintf(
				"Afterglow cannot change the role of this function. Without this statement in one of its policies nothing is exported to %s: %s",
				e.kind(), inJSON(t.stack.Resolve(statement.ToStatementJson())))))
		}
	}
}

// takesPolicies tells whether what was granted to the role is anywhere: one that was imported as immutable says that it was, and forgets it.
func (t target) takesPolicies() bool {
	role := t.fn.Role()
	if role == nil {
		return false
	}
	if _, ours := role.(awsiam.Role); ours {
		return true
	}
	for _, c := range *role.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if _, policy := c.(awsiam.CfnPolicy); policy {
			return true
		}
	}
	return false
}

// hint says what is known to get in the way of exports.
func (t target) hint(s functionState, exporters []Exporter) {
	for _, e := range exporters {
		if hint := e.hint(s); hint != "" {
			awscdk.Annotations_Of(t.shown).AddInfo(jsii.String("Afterglow: " + hint + "."))
		}
	}
	if s.compiled() {
		awscdk.Annotations_Of(t.shown).AddInfo(jsii.String("Afterglow's hook for runtime " + s.runtime + " is compiled into the function, which nobody can see from " +
			"here: build it as github.com/afterglow-lambda/afterglow/wrapper/golang says. Without the hook its invocations are recorded, and its calls are not."))
	}
}
