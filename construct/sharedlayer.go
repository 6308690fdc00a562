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
	// Source is what the apps of this account and region give as Instrumentation.Layer.
	Source() LayerSource
	// Arns are those of this deployment's versions.
	Arns() *LayerArns
}

type sharedLayer struct {
	constructs.Construct
	prefix string
	arns   LayerArns
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
	if err := props.check(l.prefix); err != nil {
		panic(fmt.Errorf("%s: property %w", *l.Node().Path(), err))
	}
	architectures := []awslambda.Architecture{awslambda.Architecture_ARM_64(), awslambda.Architecture_X86_64()}
	if props.Architectures != nil {
		architectures = *props.Architectures
	}
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
)

// check finds what a deployment would fail with, or share with nobody. Its error begins with the property.
func (p *SharedLayerProps) check(prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return fmt.Errorf("ParameterPrefix: %w", err)
	}
	if p.AccountIds != nil {
		for n, account := range *p.AccountIds {
			if id := deref(account); !isToken(id) && !accountID.MatchString(id) {
				return fmt.Errorf("AccountIds[%d]: %q is no account's id; write its 12 digits", n, id)
			}
		}
	}
	if id := deref(p.OrganizationId); p.OrganizationId != nil && !isToken(id) && !organizationID.MatchString(id) {
		return fmt.Errorf("OrganizationId: %q is no organisation's id; write one like o-abcdef1234", id)
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
	if name == layer.ARM64 {
		l.arns.Arm64 = version.LayerVersionArn()
	} else {
		l.arns.X86_64 = version.LayerVersionArn()
	}
}

// Source implements SharedLayer. (jsii also needs one exported method on the pointer to accept the type.)
func (l *sharedLayer) Source() LayerSource { return LayerFromParameter(&l.prefix) }

// Arns implements SharedLayer.
func (l *sharedLayer) Arns() *LayerArns { return &l.arns }
