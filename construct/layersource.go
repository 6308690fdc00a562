package construct

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// A LayerSource says where functions take the layer from: LayerFromArn and LayerFromParameter make one.
type LayerSource interface {
	// of gives the layer for the functions of a stack and an architecture, always the same.
	of(stack awscdk.Stack, architecture string) (awslambda.ILayerVersion, error)
	// check finds what would keep a deployment from finding it.
	check() error
}

// layerIDs name a stack's layer by its architecture.
var layerIDs = map[string]string{layer.ARM64: "AfterglowLayerArm64", layer.X86_64: "AfterglowLayerX8664"}

func (i *Instrumentation) layer() LayerSource {
	if i.Layer == nil {
		return ownLayer{}
	}
	return i.Layer
}

// ownLayer is one of each stack's own: a shared construct would tie stacks together by exports and imports.
type ownLayer struct{}

func (ownLayer) of(stack awscdk.Stack, architecture string) (awslambda.ILayerVersion, error) {
	id, there := freeID(stack, architecture)
	if there != nil {
		return there, nil
	}
	made, err := newLayer(stack, id, &InstrumentationLayerProps{Architecture: architectureOf(architecture)})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (ownLayer) check() error { return nil }

// freeID gives an id for a layer of an architecture that nothing in the stack has, another source's layer or a construct of the user's, or the stack's own layer that stands
// before it.
func freeID(stack awscdk.Stack, architecture string) (id string, own *instrumentationLayer) {
	id = layerIDs[architecture]
	for n := 2; ; n++ {
		child := stack.Node().TryFindChild(&id)
		if child == nil {
			return id, nil
		}
		if made, is := child.(*instrumentationLayer); is && made.architecture == architecture {
			return id, made
		}
		id = layerIDs[architecture] + strconv.Itoa(n)
	}
}

func architectureOf(name string) awslambda.Architecture {
	if name == layer.ARM64 {
		return awslambda.Architecture_ARM_64()
	}
	return awslambda.Architecture_X86_64()
}

// LayerArns are ARNs of layer versions, one for each architecture that functions have.
type LayerArns struct {
	// ARN of the version for arm64.
	// Default: none, and functions of that architecture are errors.
	Arm64 *string
	// ARN of the version for x86_64.
	// Default: none, and functions of that architecture are errors.
	X86_64 *string //nolint:revive,staticcheck // the architecture's name
}

type layerFromArn struct {
	arns  LayerArns
	known imports
}

// LayerFromArn takes the layer from where somebody has published it, such as with `make layer` and `aws lambda publish-layer-version`.
func LayerFromArn(arns *LayerArns) LayerSource {
	if arns == nil {
		arns = &LayerArns{}
	}
	return &layerFromArn{*arns, imports{}}
}

// versionArn is a layer version's ARN: docs.aws.amazon.com/lambda/latest/api/API_Layer.html.
var versionArn = regexp.MustCompile(`^arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9_-]+:\d+$`)

func (l *layerFromArn) check() error {
	for architecture, arn := range map[string]string{"Arm64": deref(l.arns.Arm64), "X86_64": deref(l.arns.X86_64)} {
		if arn != "" && !isToken(arn) && !versionArn.MatchString(arn) {
			return fmt.Errorf("LayerFromArn, %s: %q is no ARN of a layer's version; write one like arn:aws:lambda:eu-west-1:123456789012:layer:afterglow:7, "+
				"with the version at its end", architecture, arn)
		}
	}
	return nil
}

func (l *layerFromArn) of(stack awscdk.Stack, architecture string) (awslambda.ILayerVersion, error) {
	arn := map[string]*string{layer.ARM64: l.arns.Arm64, layer.X86_64: l.arns.X86_64}[architecture]
	if deref(arn) == "" {
		return nil, fmt.Errorf("property Afterglow.Layer: there is no ARN for the architecture %s; give LayerFromArn one", architecture)
	}
	if err := ofRegion(*arn, *stack.Region()); err != nil {
		return nil, fmt.Errorf("property Afterglow.Layer: LayerFromArn: %w", err)
	}
	return l.known.of(stack, architecture, func() *string { return arn }), nil
}

// ofRegion finds a layer of another region than the function's, as far as both are known. Lambda takes none:
// docs.aws.amazon.com/lambda/latest/dg/adding-layers.html.
func ofRegion(arn, region string) error {
	parts := strings.Split(arn, ":")
	if len(parts) < 4 || isToken(parts[3]) || isToken(region) || parts[3] == region {
		return nil
	}
	return fmt.Errorf("%s is in %s, the function in %s, and Lambda takes layers of the function's region alone; publish the layer there too, and name that version", arn, parts[3], region)
}

type layerFromParameter struct {
	prefix string
	known  imports
}

// LayerFromParameter takes the ARN of the layer from parameters of SSM's Parameter Store, as NewSharedLayer writes them: prefix/arm64 and prefix/x86_64. They are read at
// each deployment, so a new version reaches functions with the next one.
func LayerFromParameter(prefix *string) LayerSource {
	if deref(prefix) == "" {
		prefix = jsii.String(DefaultLayerParameters)
	}
	return &layerFromParameter{strings.TrimRight(*prefix, "/"), imports{}}
}

func (l *layerFromParameter) check() error {
	if err := checkPrefix(l.prefix); err != nil {
		return fmt.Errorf("LayerFromParameter: %w", err)
	}
	return nil
}

// parameterPrefix are the names that the Parameter Store takes, with a slash in front, as it wants it where there are others in them:
// docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html.
var parameterPrefix = regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+)+$`)

func checkPrefix(prefix string) error {
	if isToken(prefix) || parameterPrefix.MatchString(prefix) {
		return nil
	}
	return fmt.Errorf("%q is no prefix of parameters; write one that begins with a slash and has letters, digits and _.-/ in it, like %s", prefix, DefaultLayerParameters)
}

func (l *layerFromParameter) of(stack awscdk.Stack, architecture string) (awslambda.ILayerVersion, error) {
	name := l.prefix + "/" + architecture
	return l.known.of(stack, architecture, func() *string { return awsssm.StringParameter_ValueForStringParameter(stack, &name, nil) }), nil
}

// imports are the references to a source's layers, by stack and architecture: jsii gives no reference back as what it was.
type imports map[importKey]awslambda.ILayerVersion

type importKey struct {
	stack        place
	architecture string
}

// A place is a construct among those of all apps of the process. An address is made of the path alone, which constructs of two apps may have both.
type place struct {
	root    constructs.IConstruct
	address string
}

func placeOf(c constructs.IConstruct) place {
	node := c.Node()
	return place{node.Root(), *node.Addr()}
}

func (known imports) of(stack awscdk.Stack, architecture string, arn func() *string) awslambda.ILayerVersion {
	key := importKey{placeOf(stack), architecture}
	if known[key] == nil {
		id := layerIDs[architecture]
		for n := 2; stack.Node().TryFindChild(&id) != nil; n++ { // of another source
			id = layerIDs[architecture] + strconv.Itoa(n)
		}
		known[key] = awslambda.LayerVersion_FromLayerVersionArn(stack, &id, arn())
	}
	return known[key]
}
