package construct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// contextCacheDir is the CDK context that says where built extensions are kept.
const contextCacheDir = "afterglow:cacheDir"

// An InstrumentationLayer is the layer with Afterglow's extension and hooks. NewInstrumentedFunction makes the one it needs; one
// made by hand is for functions whose environment is set by hand too (AWS_LAMBDA_EXEC_WRAPPER is /opt/afterglow/exec-wrapper).
type InstrumentationLayer interface {
	awslambda.LayerVersion
	// LayerHash is a digest of the names, modes and contents in the layer: it changes when, and only when, the layer does.
	LayerHash() *string
}

// InstrumentationLayerProps are the properties of an InstrumentationLayer.
type InstrumentationLayerProps struct {
	// Architecture of the functions that will use the layer.
	// Default: awslambda.Architecture_X86_64, as that of awslambda.Function.
	Architecture awslambda.Architecture
	// Name of the layer.
	// Default: one that CloudFormation makes of the construct's path.
	LayerVersionName *string
	// What becomes of a version when the stack has a newer one or is deleted.
	// Default: awscdk.RemovalPolicy_DESTROY. Functions that use a version go on with it, but cannot be changed any more.
	RemovalPolicy awscdk.RemovalPolicy
}

type instrumentationLayer struct {
	awslambda.LayerVersion
	hash, architecture string
}

// NewInstrumentationLayer makes a layer for one architecture from an asset that is built here and now, or taken from the cache.
// A line on stderr tells when it really is built.
//
// It panics, as the CDK's constructors do, if the layer cannot be built; the message holds what the compiler said.
func NewInstrumentationLayer(scope constructs.Construct, id *string, props *InstrumentationLayerProps) InstrumentationLayer {
	mustBeGiven(scope != nil, "NewInstrumentationLayer", "scope", "give it a stack or any other construct")
	if props == nil {
		props = &InstrumentationLayerProps{}
	}
	l, err := newLayer(scope, deref(id), props)
	if err != nil {
		panic(fmt.Errorf("%s/%s: %w", *scope.Node().Path(), deref(id), err))
	}
	return l
}

func newLayer(scope constructs.Construct, id string, props *InstrumentationLayerProps) (*instrumentationLayer, error) {
	architecture := props.Architecture
	if architecture == nil {
		architecture = awslambda.Architecture_X86_64()
	}
	name := *architecture.Name()
	// CDK has no context to pass on; Ctrl-C ends the whole app, and the go command with it.
	file, hash, err := layer.Archive(context.Background(),
		layer.Options{Arch: name, CacheDir: cacheDir(scope), SpareDir: spareDir(scope), Progress: os.Stderr})
	if errors.Is(err, layer.ErrNotKept) {
		err = fmt.Errorf("%w\nname a directory that has room for it by the context %s (cdk synth -c %[2]s=DIR)", err, contextCacheDir)
	}
	if err != nil {
		return nil, err
	}
	l := &instrumentationLayer{hash: hash, architecture: name}
	awslambda.NewLayerVersion_Override(l, scope, &id, &awslambda.LayerVersionProps{
		// A zip, because modes on disk get lost (Windows, a umask); a hash of our own, because the CDK's leaves modes out.
		Code: awslambda.Code_FromAsset(jsii.String(file), &awss3assets.AssetOptions{
			AssetHash:     jsii.String(hash),
			AssetHashType: awscdk.AssetHashType_CUSTOM,
			DisplayName:   jsii.String("Afterglow layer for " + name),
		}),
		CompatibleArchitectures: &[]awslambda.Architecture{architecture},
		Description:             jsii.String("Afterglow: extension and hooks for " + name),
		License:                 jsii.String("Apache-2.0"),
		LayerVersionName:        props.LayerVersionName,
		RemovalPolicy:           props.RemovalPolicy,
	})
	return l, nil
}

// LayerHash implements InstrumentationLayer. (jsii also needs one exported method on the pointer to accept the type.)
func (l *instrumentationLayer) LayerHash() *string { return &l.hash }

// cacheDir is where the app says that the layer's zip is kept. It must outlive the app: with asset staging turned off, the CDK
// uploads the file from there.
func cacheDir(scope constructs.Construct) string {
	if dir, ok := scope.Node().TryGetContext(jsii.String(contextCacheDir)).(string); ok && dir != "" {
		if absolute, err := filepath.Abs(dir); err == nil {
			return absolute
		}
	}
	return "" // the user's own
}

// spareDir is inside the cloud assembly, the one directory that is certain to be written: a build container may have no home, and a cache be full.
func spareDir(scope constructs.Construct) string {
	return filepath.Join(*awscdk.Stage_Of(scope).Outdir(), ".afterglow")
}
