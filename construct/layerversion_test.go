package construct

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// The asset that the CDK uploads, from two synths with nothing in common but the source: neither cache nor output directory.
func TestLayerAssetIsReproducible(t *testing.T) {
	var hashes, names [2]string
	var assets [2][]byte
	for i := range 2 {
		stack := newStack(t)
		if i == 1 { // built anew; the first one may come from the cache
			stack.Node().SetContext(jsii.String(contextCacheDir), jsii.String(t.TempDir()))
		}
		made := NewInstrumentationLayer(stack, jsii.String("Layer"), &InstrumentationLayerProps{Architecture: awslambda.Architecture_ARM_64()})
		hashes[i] = *made.LayerHash()
		assembly := awscdk.App_Of(stack).Synth(nil)
		staged, err := filepath.Glob(filepath.Join(*assembly.Directory(), "asset.*.zip"))
		if err != nil || len(staged) != 1 {
			t.Fatalf("staged assets %v, %v, want one", staged, err)
		}
		names[i] = filepath.Base(staged[0])
		data, err := os.ReadFile(staged[0])
		if err != nil {
			t.Fatal(err)
		}
		assets[i] = data
	}
	if hashes[0] != hashes[1] {
		t.Errorf("hashes %s and %s differ", hashes[0], hashes[1])
	}
	if names[0] != names[1] {
		t.Errorf("the CDK names the assets %s and %s: a deploy without a change", names[0], names[1])
	}
	if !bytes.Equal(assets[0], assets[1]) {
		t.Errorf("assets of %d and %d bytes differ", len(assets[0]), len(assets[1]))
	}
	checkExecBits(t, assets[0])
}

func checkExecBits(t *testing.T, asset []byte) {
	archive, err := zip.NewReader(bytes.NewReader(asset), int64(len(asset)))
	if err != nil {
		t.Fatal(err)
	}
	executable := map[string]bool{}
	for _, file := range archive.File {
		if file.Mode().Perm()&0o111 != 0 {
			executable[file.Name] = true
		}
	}
	if got := fmt.Sprint(executable); got != "map[afterglow/exec-wrapper:true extensions/afterglow:true]" {
		t.Errorf("executable: %s", got)
	}
}

func TestCacheDir(t *testing.T) {
	stack, home := newStack(t), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("HOME", home) // where XDG_CACHE_HOME has no meaning
	inCheckout, err := filepath.Abs("../.afterglow/cache/layer")
	if err != nil || cacheDir(stack) != inCheckout {
		t.Errorf("%s, %v, want what the context says", inCheckout, err)
	}
	stack.Node().SetContext(jsii.String(contextCacheDir), jsii.String(""))
	if got := cacheDir(stack); got != "" {
		t.Errorf("%s, want the user's own", got)
	}
}

// A container without a home, a cache that is full: the assembly takes the layer, unless it does not either.
func TestLayerThatIsKeptNowhere(t *testing.T) {
	stack := newStack(t)
	blocked, spare := filepath.Join(t.TempDir(), "file"), filepath.Join(*awscdk.Stage_Of(stack).Outdir(), ".afterglow")
	for _, name := range []string{blocked, spare} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stack.Node().SetContext(jsii.String(contextCacheDir), &blocked)
	message := panicOf(t, func() { NewInstrumentationLayer(stack, jsii.String("Layer"), nil) })
	mustHold(t, message, "Shop/Layer", "cannot be kept", blocked, spare, "cdk synth -c afterglow:cacheDir=DIR")
}

func TestOneLayerForEachStackAndArchitecture(t *testing.T) {
	first := newStack(t)
	second := awscdk.NewStack(awscdk.App_Of(first), jsii.String("Second"), nil)
	for i := range 2 {
		for _, architecture := range []awslambda.Architecture{awslambda.Architecture_X86_64(), awslambda.Architecture_ARM_64()} {
			props := python()
			props.Architecture = architecture
			NewInstrumentedFunction(first, jsii.String(fmt.Sprint("Orders", i, *architecture.Name())), &InstrumentedFunctionProps{FunctionProps: props})
		}
	}
	NewInstrumentedFunction(second, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python()})
	template := assertions.Template_FromStack(first, nil)
	template.ResourceCountIs(jsii.String("AWS::Lambda::LayerVersion"), jsii.Number(2))
	template.ResourceCountIs(jsii.String("AWS::Lambda::Function"), jsii.Number(4))
	other := assertions.Template_FromStack(second, nil)
	other.ResourceCountIs(jsii.String("AWS::Lambda::LayerVersion"), jsii.Number(1))
	if exports := other.ToJSON(); (*exports)["Outputs"] != nil {
		t.Errorf("the stacks are tied together: %v", (*exports)["Outputs"])
	}
}

func TestLayerErrorNamesThePath(t *testing.T) {
	stack := newStack(t)
	t.Setenv("PATH", t.TempDir())
	message := panicOf(t, func() { NewInstrumentationLayer(stack, jsii.String("Layer"), nil) })
	mustHold(t, message, "Shop/Layer", "no go command", "install Go")
}

// TestTheOwnLayerBesideOthers: another source's layer of the same stack, or a construct of the user's, may have the name that the stack's own would have.
func TestTheOwnLayerBesideOthers(t *testing.T) {
	stack := newStack(t)
	awscdk.NewCfnCondition(stack, jsii.String("AfterglowLayerArm64"), nil)
	shared := &Instrumentation{Layer: LayerFromArn(&LayerArns{X86_64: jsii.String("arn:aws:lambda:us-east-1:123456789012:layer:x:1")})}
	props := python()
	Instrument(awslambda.NewFunction(stack, jsii.String("Imported"), &props), shared)
	for _, architecture := range []awslambda.Architecture{awslambda.Architecture_X86_64(), awslambda.Architecture_ARM_64()} {
		for n := range 2 {
			props := python()
			props.Architecture = architecture
			Instrument(awslambda.NewFunction(stack, jsii.String(fmt.Sprint("Own", *architecture.Name(), n)), &props), nil)
		}
	}
	template := assertions.Template_FromStack(stack, nil)
	template.ResourceCountIs(jsii.String("AWS::Lambda::LayerVersion"), jsii.Number(2))
	template.ResourcePropertiesCountIs(jsii.String("AWS::Lambda::Function"), map[string]any{"Layers": assertions.Match_AnyValue()}, jsii.Number(5))
	if errs := assertions.Annotations_FromStack(stack).FindError(jsii.String("*"), assertions.Match_AnyValue()); len(*errs) > 0 {
		t.Errorf("%v", *(*errs)[0].Entry)
	}
}
