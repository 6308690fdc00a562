package construct

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// DefaultLayerParameters is where NewSharedLayer and LayerFromParameter meet in the Parameter Store.
const DefaultLayerParameters = "/afterglow/layer"

// SharedLayerProps are the properties of a SharedLayer.
type SharedLayerProps struct {
	// Architectures of the functions that will use the layer.
	// Default: arm64 and x86_64.
	Architectures *[]awslambda.Architecture
	// Prefix of the parameters that hold the ARNs: prefix/arm64 and prefix/x86_64.
	// Default: DefaultLayerParameters.
	ParameterPrefix *string
	// Accounts that may use the layer. They need the ARN: the parameters are this account's own.
	// Default: this account alone.
	AccountIds *[]*string
	// The organisation whose accounts may all use it.
	// Default: none.
	OrganizationId *string
	// What becomes of a version once there is a newer one. Functions of others may still name it, and could not be changed if it were gone.
	// Default: awscdk.RemovalPolicy_RETAIN.
	RemovalPolicy awscdk.RemovalPolicy
}

// A SharedLayer publishes the layer for other stacks, teams and accounts: a version for each architecture, and a parameter that holds its ARN.
type SharedLayer interface {
	constructs.Construct
	// Source is what the functions of this app give as Instrumentation.Layer. Those of the same stack take the version itself. Those of other stacks take the one that
	// the parameter of their own account and region holds when they are deployed, after this layer's stack if that is where it is made. Other apps name the parameter: LayerFromParameter.
	Source() LayerSource
	// Arns are those of this deployment's versions.
	Arns() *LayerArns
}

type sharedLayer struct {
	constructs.Construct
	prefix string
	arns   LayerArns
	source *sharedSource
}

// NewSharedLayer makes a SharedLayer. It panics, as the CDK's constructors do, if the layer cannot be built or a property is wrong.
func NewSharedLayer(scope constructs.Construct, id *string, props *SharedLayerProps) SharedLayer {
	if props == nil {
		props = &SharedLayerProps{}
	}
	mustBeGiven(scope != nil, "NewSharedLayer", "scope", "give it a stack or any other construct")
	l := &sharedLayer{prefix: DefaultLayerParameters}
	constructs.NewConstruct_Override(l, scope, id)
	if props.ParameterPrefix != nil {
		l.prefix = strings.TrimRight(*props.ParameterPrefix, "/")
	}
	architectures := []awslambda.Architecture{awslambda.Architecture_ARM_64(), awslambda.Architecture_X86_64()}
	if props.Architectures != nil {
		architectures = *props.Architectures
	}
	for _, err := range []error{checkArchitectures(architectures), props.check(l.prefix), l.alone()} {
		if err != nil {
			panic(fmt.Errorf("%s: property %w", *l.Node().Path(), err))
		}
	}
	l.source = &sharedSource{home: awscdk.Stack_Of(l), path: *l.Node().Path(), versions: map[string]awslambda.ILayerVersion{}, parameter: LayerFromParameter(&l.prefix)}
	policy := props.RemovalPolicy
	if policy == "" {
		policy = awscdk.RemovalPolicy_RETAIN
	}
	for _, architecture := range architectures {
		l.publish(architecture, policy, props)
	}
	return l
}

var (
	// accountID is what AWS calls an account: docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html.
	accountID = regexp.MustCompile(`^\d{12}$`)
	// organizationID is an organisation's: docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html.
	organizationID = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	// reservedPrefix is what names of parameters must not begin with: docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html.
	reservedPrefix = regexp.MustCompile(`(?i)^/(aws|ssm)`)
)

// check finds what a deployment would fail with, or share with nobody. Its error begins with the property.
func (p *SharedLayerProps) check(prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return fmt.Errorf("ParameterPrefix: %w", err)
	}
	if reservedPrefix.MatchString(prefix) {
		return fmt.Errorf("ParameterPrefix: %q begins as AWS's own parameters do, and the Parameter Store takes no others there; write one that begins otherwise, like %s",
			prefix, DefaultLayerParameters)
	}
	if p.AccountIds != nil {
		known := map[string]bool{}
		for n, account := range *p.AccountIds {
			id := deref(account)
			if !isToken(id) && !accountID.MatchString(id) {
				return fmt.Errorf("AccountIds[%d]: %q is no account's id; write its 12 digits", n, id)
			}
			if known[id] {
				return fmt.Errorf("AccountIds[%d]: %q is in the list already; write each account once", n, id)
			}
			known[id] = true
		}
	}
	if id := deref(p.OrganizationId); p.OrganizationId != nil && !isToken(id) && !organizationID.MatchString(id) {
		return fmt.Errorf("OrganizationId: %q is no organisation's id; write one like o-abcdef1234", id)
	}
	return nil
}

// checkArchitectures finds what there is no layer for, and none at all.
func checkArchitectures(architectures []awslambda.Architecture) error {
	const property, remedy = "Architectures", "name awslambda.Architecture_ARM_64(), awslambda.Architecture_X86_64() or both, or leave the property out for both"
	if len(architectures) == 0 {
		return fmt.Errorf("%s: the list is empty; %s", property, remedy)
	}
	known := map[string]bool{}
	for n, architecture := range architectures {
		if architecture == nil {
			return fmt.Errorf("%s[%d] is nil; %s", property, n, remedy)
		}
		name := *architecture.Name()
		if layerIDs[name] == "" {
			return fmt.Errorf("%s[%d]: there is no layer for %q; %s", property, n, name, remedy)
		}
		if known[name] {
			return fmt.Errorf("%s[%d]: %s is in the list already; write each once", property, n, name)
		}
		known[name] = true
	}
	return nil
}

// alone finds another shared layer of the stack that writes the same parameters.
func (l *sharedLayer) alone() error {
	for _, c := range *awscdk.Stack_Of(l).Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if other, is := c.(*sharedLayer); is && other != l && other.prefix == l.prefix {
			return fmt.Errorf("ParameterPrefix: %q is where %s writes its parameters; give one of the two another prefix, or use that layer", l.prefix, *other.Node().Path())
		}
	}
	return nil
}

// publish makes the version and the parameter of one architecture.
func (l *sharedLayer) publish(architecture awslambda.Architecture, policy awscdk.RemovalPolicy, props *SharedLayerProps) {
	name := *architecture.Name()
	version := NewInstrumentationLayer(l, jsii.String(name), &InstrumentationLayerProps{
		Architecture: architecture, RemovalPolicy: policy, LayerVersionName: jsii.String("afterglow-" + strings.ReplaceAll(name, "_", "-")),
	})
	if props.AccountIds != nil {
		for n, account := range *props.AccountIds {
			id := *account
			if isToken(id) { // which no construct's id can have in it
				id = fmt.Sprint("At", n)
			}
			version.AddPermission(jsii.String("Account"+id), &awslambda.LayerVersionPermission{AccountId: account})
		}
	}
	if props.OrganizationId != nil {
		version.AddPermission(jsii.String("Organization"), &awslambda.LayerVersionPermission{AccountId: jsii.String("*"), OrganizationId: props.OrganizationId})
	}
	awsssm.NewStringParameter(l, jsii.String(name+"Parameter"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(l.prefix + "/" + name),
		StringValue:   version.LayerVersionArn(),
		Description:   jsii.String("ARN of Afterglow's layer for " + name),
	})
	l.source.versions[name] = version
	if name == layer.ARM64 {
		l.arns.Arm64 = version.LayerVersionArn()
	} else {
		l.arns.X86_64 = version.LayerVersionArn()
	}
}

// Source implements SharedLayer. (jsii also needs one exported method on the pointer to accept the type.)
func (l *sharedLayer) Source() LayerSource { return l.source }

// Arns implements SharedLayer.
func (l *sharedLayer) Arns() *LayerArns { return &l.arns }

// A sharedSource is the LayerSource of a SharedLayer.
type sharedSource struct {
	home      awscdk.Stack // of the layer
	path      string
	versions  map[string]awslambda.ILayerVersion // by architecture
	parameter LayerSource
}

func (s *sharedSource) check() error { return s.parameter.check() }

// of gives the version itself where CloudFormation would look for the parameter before it makes it: in the same stack, and those nested with it.
func (s *sharedSource) of(stack awscdk.Stack, architecture string) (awslambda.ILayerVersion, error) {
	version := s.versions[architecture]
	if version == nil {
		return nil, fmt.Errorf("property Afterglow.Layer: %s has no layer for the architecture %s; add it to Architectures there", s.path, architecture)
	}
	if outermost(stack) == outermost(s.home) {
		return version, nil
	}
	if s.nearby(stack) {
		stack.AddDependency(s.home, jsii.String("it takes Afterglow's layer from there"))
	}
	return s.parameter.of(stack, architecture)
}

// outermost is the place of the stack that a nested one is deployed with, or of itself.
func outermost(stack awscdk.Stack) place {
	for stack.NestedStackParent() != nil {
		stack = stack.NestedStackParent()
	}
	return placeOf(stack)
}

// nearby tells whether a stack is deployed together with the layer's, and may be to the same account and region, where the parameter is its. A reference to the
// version would be an export, which CloudFormation changes for nobody while it is imported.
func (s *sharedSource) nearby(stack awscdk.Stack) bool {
	same := func(a, b *string) bool { return *a == *b || isToken(*a) || isToken(*b) }
	return same(stack.Account(), s.home.Account()) && same(stack.Region(), s.home.Region()) &&
		placeOf(awscdk.Stage_Of(stack)) == placeOf(awscdk.Stage_Of(s.home))
}
