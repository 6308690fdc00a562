package construct

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
)

// attach gives the layer for the function, or none if the function has it: Lambda takes no layer twice.
func (t *target) attach(s *functionState, source LayerSource) (awslambda.ILayerVersion, error) {
	if t.seen.anyMade(t.stack, s.layers) {
		s.attached = true
		return nil, nil
	}
	ours, err := t.seen.layer(t.stack, s.architecture, source)
	if err == nil && len(s.layers) > 0 {
		s.attached = t.seen.among(t.stack, ours, s.layers)
	}
	return ours, err
}

// versions finds another version of our layer on the function, of which Lambda takes one: docs.aws.amazon.com/lambda/latest/dg/adding-layers.html.
func (t *target) versions(s functionState, ours awslambda.ILayerVersion) (why, remedy string) {
	if s.attached || len(s.layers) == 0 {
		return "", ""
	}
	arn, isText := t.seen.arnOf(t.stack, ours).(string)
	if !isText {
		return "", ""
	}
	for _, l := range s.layers {
		if theirs, isText := l.(string); isText && withoutVersion(theirs) == withoutVersion(arn) {
			return fmt.Sprintf("it has %s by hand, property Afterglow.Layer names %s, and Lambda takes one version of a layer", theirs, arn),
				"Take that layer away from the function, or name the same version in both places"
		}
	}
	return "", ""
}

// withoutVersion is the ARN of the layer that a version is of.
func withoutVersion(arn string) string { return arn[:max(0, strings.LastIndexByte(arn, ':'))] }

// anyMade tells whether one of the resolved ARNs is that of an InstrumentationLayer which was made in the app by hand. Resources of two stacks may have the same logical
// id: where another layer may be meant, none is taken for ours.
func (s *seen) anyMade(stack awscdk.Stack, layers []any) bool {
	if len(layers) == 0 {
		return false
	}
	in := s.in(stack)
	n := slices.IndexFunc(in.ours, func(l awslambda.ILayerVersion) bool { return s.among(l.Stack(), l, layers) })
	return n >= 0 && !slices.ContainsFunc(in.others, func(l awslambda.CfnLayerVersion) bool {
		return s.among(stack, in.ours[n], []any{unwrap(l.Stack().Resolve(l.Ref()))})
	})
}

// signing tells whether Lambda will refuse our layer, or may. What is built at synth is signed by nobody, and Lambda checks layers too:
// docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html.
func (t *target) signing(source LayerSource) (refused refusal, hints []string) {
	config := t.read()["codeSigningConfigArn"]
	switch source.(type) {
	case ownLayer, *sharedSource:
	default:
		return refusal{}, nil
	}
	if config == nil {
		return refusal{}, nil
	}
	const remedy = "Publish a layer that is signed, and name it by property Afterglow.Layer: LayerFromArn"
	arn := unwrap(t.stack.Resolve(config))
	for _, c := range t.seen.in(t.stack).signings {
		made := unwrap(c.Stack().Resolve([]any{c.Ref(), c.AttrCodeSigningConfigArn(), c.CodeSigningPolicies()})).([]any)
		if reflect.DeepEqual(arn, made[0]) || reflect.DeepEqual(arn, made[1]) {
			if strings.Contains(inJSON(made[2:]), `"Enforce"`) {
				return refusal{"its property CodeSigningConfig refuses what is not signed (UntrustedArtifactOnDeployment is ENFORCE), and the layer that is built at synth is not", remedy}, nil
			}
			break
		}
	}
	return refusal{}, []string{"its property CodeSigningConfig wants code to be signed, and the layer that is built at synth is not: Lambda logs that where UntrustedArtifactOnDeployment is WARN, " +
		"and refuses the deployment where it is ENFORCE. " + remedy}
}

// A refusal is why a function is left as it is.
type refusal struct{ why, remedy string }

// A found is what is asked for in an app besides functions. Each is resolved in its own stack: another one may not refer to it, and the CDK panics.
type found struct {
	ours     []awslambda.ILayerVersion   // InstrumentationLayers
	others   []awslambda.CfnLayerVersion // those of other layers
	signings []awslambda.CfnCodeSigningConfig
	versions []awslambda.CfnVersion
	roles    []awsiam.CfnRole

	versionsOf []any           // functions, resolved
	edge       map[string]bool // whether CloudFront may have a role, by its ARN in JSON
}

// hasVersion tells whether a function has a version, by whatever construct.
func (in *found) hasVersion(stack awscdk.Stack, cfn awslambda.CfnFunction) bool {
	if in.versionsOf == nil {
		in.versionsOf = []any{}
		for _, v := range in.versions {
			in.versionsOf = append(in.versionsOf, unwrap(v.Stack().Resolve(v.FunctionName())))
		}
	}
	names := unwrap(stack.Resolve([]any{cfn.Ref(), cfn.AttrArn()})).([]any)
	return slices.ContainsFunc(in.versionsOf, func(of any) bool { return reflect.DeepEqual(of, names[0]) || reflect.DeepEqual(of, names[1]) })
}

// trust tells whether CloudFront may have the role with a resolved ARN, and whether that is known: of a role that is made in the app.
func (in *found) trust(role any) (edge, known bool) {
	if in.edge == nil {
		in.edge = map[string]bool{}
		for _, r := range in.roles {
			made := unwrap(r.Stack().Resolve([]any{r.AttrArn(), r.AssumeRolePolicyDocument()})).([]any)
			in.edge[inJSON(made[0])] = strings.Contains(fmt.Sprint(made[1]), edgePrincipal)
		}
	}
	edge, known = in.edge[inJSON(role)]
	return edge, known
}

// in finds it, once in an app, for functions that are not ordinary.
func (s *seen) in(stack awscdk.Stack) *found {
	if in := s.inStack[stack]; in != nil {
		return in
	}
	root := stack.Node().Root()
	if s.apps[root] == nil {
		s.apps[root] = findIn(root)
	}
	s.inStack[stack] = s.apps[root]
	return s.apps[root]
}

func findIn(root constructs.IConstruct) *found {
	in := &found{}
	within := false // of ours, whose resource comes next
	for _, c := range *root.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		switch c := c.(type) {
		case *instrumentationLayer:
			in.ours, within = append(in.ours, c), true
		case awslambda.CfnLayerVersion:
			if !within {
				in.others = append(in.others, c)
			}
			within = false
		case awslambda.CfnCodeSigningConfig:
			in.signings = append(in.signings, c)
		case awslambda.CfnVersion:
			in.versions = append(in.versions, c)
		case awsiam.CfnRole:
			in.roles = append(in.roles, c)
		}
	}
	return in
}
