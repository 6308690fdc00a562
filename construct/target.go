package construct

import (
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// A target is a function to be wired: CloudFormation's resource, and the construct around it if there is one. Whatever is asked of a construct goes to another process
// and back, some 0.2 ms, so nothing is asked twice: an app may have hundreds of functions (bench/results/synth.md).
type target struct {
	cfn   awslambda.CfnFunction
	fn    awslambda.Function    // nil for a resource without one, as of an included template
	shown constructs.IConstruct // where annotations go: what the user made
	stack awscdk.Stack

	properties map[string]any // of cfn, as read has found them
	seen       *seen          // by functions with the same settings
	removed    string         // what an override takes away, as overrides has found it

	ordinary, fitted bool // as fit has found it, and whether it was asked
	role             awsiam.IRole
	asked            bool // for the role
	trusted          bool // of a resource alone, whether it is known whom its role trusts
}

// targetOf finds the construct around a resource. The stack is left to who needs it.
func targetOf(cfn awslambda.CfnFunction, node constructs.Node) target {
	t := target{cfn: cfn, shown: cfn}
	if fn, ok := node.Scope().(awslambda.Function); ok {
		t.fn, t.shown = fn, fn
	}
	return t
}

// fit tells whether a function that has a construct around it is ordinary, by a pattern of such.
func (t *target) fit(pattern assertions.Matcher) bool {
	t.fitted = true
	if t.fn != nil {
		failed, ok := unlessPanics(func() any { return *pattern.Test(t.cfn).HasFailed() })
		t.ordinary = ok && failed == false
	}
	return t.ordinary
}

// ofRole gives the function's role, nil if there is none.
func (t *target) ofRole() awsiam.IRole {
	if t.fn != nil && !t.asked {
		t.role, t.asked = t.fn.Role(), true
	}
	return t.role
}

// glance reads the properties that do not change any more.
func (t *target) glance() functionState {
	return stateOf(unwrap(t.stack.Resolve(t.given("runtime", "packageType", "architectures", "vpcConfig", "timeout"))))
}

// read gives the resource's properties as they were given.
func (t *target) read() map[string]any {
	if t.properties == nil {
		t.properties, _ = unwrap(*t.cfn.CfnProperties()).(map[string]any)
	}
	return t.properties
}

// jsiiMap is the key under which jsii hands over a map: it removes it from those whose type it knows, and leaves it in those within a value of any type.
const jsiiMap = "$jsii.map"

// unwrap removes it everywhere.
func unwrap(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if wrapped, is := value[jsiiMap]; is && len(value) == 1 {
			return unwrap(wrapped)
		}
		all := make(map[string]any, len(value))
		for name, v := range value {
			all[name] = unwrap(v)
		}
		return all
	case []any:
		all := make([]any, len(value))
		for i, v := range value {
			all[i] = unwrap(v)
		}
		return all
	}
	return value
}

// given are some of them.
func (t *target) given(names ...string) map[string]any {
	all, some := t.read(), map[string]any{}
	for _, name := range names {
		if all[name] != nil {
			some[name] = all[name]
		}
	}
	return some
}

// look reads the resolved properties of the resource, which also have what was added after the function was made. It comes once, at the end: what older versions of
// the CDK resolve once they do not ask for again.
func (t *target) look() functionState {
	wanted := t.given("runtime", "packageType", "architectures", "vpcConfig", "timeout", "environment", "layers")
	const trust = "trust"
	if !t.fitted {
		t.fit(t.seen.ordinary())
	}
	if role, ok := t.roleToLookAt().(awsiam.Role); ok {
		if policy := role.AssumeRolePolicy(); policy != nil {
			wanted[trust] = policy
		}
	}
	if t.fn == nil {
		maps.Copy(wanted, t.given("role"))
	}
	const over = "over"
	if overrides := t.overrides(); overrides != nil {
		wanted[over] = overrides
	}
	properties, _ := unwrap(t.stack.Resolve(wanted)).(map[string]any)
	overrides, _ := properties[over].(map[string]any)
	var overridden functionState
	overridden.override(properties, overrides)
	s := stateOf(properties)
	s.layersOverridden, s.overridden, s.opaque = overridden.layersOverridden, overridden.overridden, overridden.opaque
	s.edge = (strings.Contains(fmt.Sprint(properties[trust]), edgePrincipal) || t.fn == nil) && t.whereEdgeIs()
	if t.fn == nil && s.edge {
		s.edge, t.trusted = t.seen.in(t.stack).trust(properties["role"])
	}
	if environment, ok := properties["environment"].(map[string]any); ok {
		if variables, ok := environment["variables"].(map[string]any); ok {
			s.environment = variables
			if expression(variables) {
				s.opaque = "environment"
			}
		} else if environment["variables"] != nil {
			s.opaque = "environment"
		}
		if expression(environment) {
			s.opaque = "environment"
		}
	}
	s.removed = t.removed
	s.variablesByHand = t.byHand("environment")
	if len(s.overridden) > 0 {
		s.environment = maps.Clone(s.environment)
		maps.Copy(s.environment, s.overridden)
	}
	switch layers := properties["layers"].(type) {
	case nil:
	case []any:
		s.layers = layers
	default:
		s.opaque = "list of layers"
	}
	return s
}

// roleToLookAt is the function's role if it may be one that CloudFront runs a function with.
func (t *target) roleToLookAt() awsiam.IRole {
	if t.ordinary {
		return nil
	}
	return t.ofRole()
}

// byHand tells whether a property that is a lazy value of the function's construct was set on the resource: what is added to the construct is then written by nobody.
// The CDK's own value is one that has no type in Go, the user's are structs or come back as what they were made as.
func (t *target) byHand(property string) bool {
	switch t.read()[property].(type) {
	case map[string]any, awscdk.IResolvable:
		return true
	}
	return false
}

// stateOf reads resolved properties, as the CDK names them.
func stateOf(resolved any) functionState {
	properties, _ := resolved.(map[string]any)
	known := func(name string) string {
		switch value := properties[name].(type) {
		case nil:
			return ""
		case string:
			return value
		}
		return unresolved
	}
	s := functionState{
		runtime: known("runtime"), image: known("packageType") == "Image" || properties["runtime"] == nil, vpc: properties["vpcConfig"] != nil,
		architecture: unresolved, environment: map[string]any{},
	}
	switch given := properties["architectures"].(type) {
	case nil:
		s.architecture = layer.X86_64 // Lambda's default
	case []any:
		if len(given) == 0 {
			s.architecture = layer.X86_64
		} else if name, ok := given[0].(string); ok {
			s.architecture = name
		}
	}
	switch timeout := properties["timeout"].(type) {
	case nil:
		s.timeout = shortTimeout // Lambda's default
	case float64:
		s.timeout = timeout
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

// edgePrincipal is who runs Lambda@Edge. A function that CloudFront may run has a role that trusts it, which the CDK sees to.
const edgePrincipal = "edgelambda.amazonaws.com"

// whereEdgeIs tells whether functions that CloudFront runs may be in the stack: they all are in one region.
func (t target) whereEdgeIs() bool {
	region := *t.stack.Region()
	return region == edgeRegion || isToken(region)
}

// edgeRegion is where they are: docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-functions-restrictions.html.
const edgeRegion = "us-east-1"

// edgeUnseen tells whether CloudFront may run the function without a sign of it: of a role that was imported nobody sees whom it trusts.
func (t *target) edgeUnseen() bool {
	if t.fn == nil && t.trusted || t.ordinary {
		return false
	}
	role := t.ofRole()
	if _, ours := role.(awsiam.Role); ours || role == nil && t.fn != nil || !t.whereEdgeIs() {
		return false
	}
	// CloudFront runs versions alone.
	return t.fn != nil && t.fn.Node().TryFindChild(jsii.String("CurrentVersion")) != nil || t.seen.in(t.stack).hasVersion(t.stack, t.cfn)
}

// change adds the layer and the variables: by the construct if there is one, which makes a new version of the function with every change; else to the resource.
func (t target) change(s functionState, ours awslambda.ILayerVersion, wanted map[string]string) {
	if t.fn != nil {
		if !s.attached {
			t.fn.AddLayers(ours)
		}
		if s.layers != nil && !s.attached { // which were set on the resource, or older versions of the CDK go on giving as they were when look read them
			t.cfn.SetLayers(withLayer(s.layers, ours))
		}
		for _, name := range sortedKeys(wanted) {
			if !s.variablesByHand {
				t.fn.AddEnvironment(jsii.String(name), jsii.String(wanted[name]), &awslambda.EnvironmentOptions{RemoveInEdge: jsii.Bool(true)})
			}
		}
		t.outdo(s, ours, wanted)
		return
	}
	if !s.attached {
		t.cfn.AddPropertyOverride(jsii.String("Layers"), append(s.layers, ours.LayerVersionArn()))
	}
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
func (t *target) permit(exporters []Exporter) {
	for _, e := range exporters {
		if !e.needsPermission() || t.permitInline(e) {
			continue
		}
		var missing []awsiam.PolicyStatement
		if t.ofRole() != nil {
			missing = e.grant(t.role)
		}
		if t.role == nil || !t.takesPolicies() {
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
	if _, ours := t.role.(awsiam.Role); ours {
		return true
	}
	for _, c := range *t.role.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if _, policy := c.(awsiam.CfnPolicy); policy {
			return true
		}
	}
	return false
}

// hints tell what is known to get in the way of exports, and what there is to do by hand.
func (t *target) hints(s functionState, exporters []Exporter) (hints []string, ofExporters int) {
	for _, e := range exporters {
		if hint := e.hint(s); hint != "" {
			hints = append(hints, hint)
		}
	}
	ofExporters = len(hints)
	if t.edgeUnseen() {
		hints = append(hints, "whether CloudFront runs this function cannot be seen, because its role is not made in this app: if it does, keep the function out by construct.Exclude, "+
			"as Lambda@Edge takes no layers")
		if isToken(*t.stack.Region()) { // most functions of such stacks are elsewhere: once will do
			ofExporters++
		}
	}
	if s.compiled() {
		hints = append(hints, "its hook for runtime "+s.runtime+" is compiled into the function, which nobody can see from "+
			"here: build it as github.com/afterglow-lambda/afterglow/wrapper/golang says. Without the hook its invocations are recorded, and its calls are not")
	}
	return hints, ofExporters
}
