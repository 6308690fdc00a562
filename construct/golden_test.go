package construct

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// assetHash is what changes with every change of the extension and must not be in a golden file.
var assetHash = regexp.MustCompile(`[0-9a-f]{64}`)

// TestGoldenTemplate is the whole template of one function; what is different for other ones is in the matrix.
func TestGoldenTemplate(t *testing.T) {
	stack := newStack(t)
	props := python()
	props.Architecture = awslambda.Architecture_ARM_64()
	fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: toCollector()})
	if !*fn.IsInstrumented() {
		t.Error("says that it is not instrumented")
	}
	mustBeGolden(t, "template.json", assetHash.ReplaceAllString(templateOf(t, stack), "<asset>"))
}

func mustBeGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v (go test ./construct -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (-update writes it anew):\n%s", golden, got)
	}
}

// matrixRuntimes are all that the layer has something for: a hook, or, on provided.*, the extension.
func matrixRuntimes() []string { return append(slices.Clone(hookedRuntimes), "provided.al2023") }

// runtimeNamed gives the CDK's own runtime where this version of it knows the name, and else one as users make it.
func runtimeNamed(name string) awslambda.Runtime {
	for _, known := range *awslambda.Runtime_ALL() {
		if *known.Name() == name {
			return known
		}
	}
	return awslambda.NewRuntime(&name, awslambda.RuntimeFamily_OTHER, nil)
}

// TestGoldenMatrix synthesises a function for every runtime, architecture and exporter, and one without Afterglow for every runtime and architecture. Golden is
// what differs: everything that Afterglow does to a template. Functions to which the same is done are told of together.
func TestGoldenMatrix(t *testing.T) {
	ours := newStack(t)
	plain := awscdk.NewStack(awscdk.Stage_Of(ours), jsii.String("Plain"), nil)
	functions := matrix(plain, ours)
	before, after, said := flattened(t, templateOf(t, plain)), flattened(t, templateOf(t, ours)), annotationsOf(ours)

	golden, told := newGroups(), map[string]bool{}
	for _, f := range functions {
		lines := append(differences(resources(before, f.without()), resources(after, f.id())), said["/Shop/"+f.id()]...)
		for n, line := range lines {
			lines[n] = strings.ReplaceAll(line, layerIDs[f.architecture]+"/", "the architecture's AfterglowLayer")
		}
		golden.add(f.exporter, f.architecture, f.runtime, lines)
		told[f.id()] = true
	}
	for _, architecture := range []string{layer.ARM64, layer.X86_64} {
		id := layerIDs[architecture]
		golden.add("each stack, once for an architecture", architecture, id, differences(nil, resources(after, id)))
		told[id] = true
	}
	mustBeGolden(t, "matrix.txt", golden.text())
	for path := range after {
		if id, _, _ := strings.Cut(path, "/"); !told[id] {
			t.Errorf("%s is in no line of the golden file", path)
		}
	}
}

type matrixFunction struct{ exporter, runtime, architecture string }

func (f matrixFunction) id() string {
	return strings.NewReplacer(".", "", "_", "").Replace(f.exporter + f.runtime + f.architecture)
}

// without is the id of the same function without Afterglow.
func (f matrixFunction) without() string { return matrixFunction{"To", f.runtime, f.architecture}.id() }

// matrix fills two stacks, one with functions as they are without Afterglow.
func matrix(plain, ours awscdk.Stack) (functions []matrixFunction) {
	settings := map[string]*Instrumentation{
		"ToOTLP": toCollector(), "ToXRay": {Exporters: &[]Exporter{ToXRay()}}, "ToLog": {Exporters: &[]Exporter{ToLog()}},
	}
	code := map[awscdk.Stack]awslambda.Code{plain: handlerAsset(), ours: handlerAsset()}
	for _, name := range matrixRuntimes() {
		runtime := runtimeNamed(name)
		make := func(stack awscdk.Stack, id, architecture string) awslambda.Function {
			props := functionProps(runtime)
			props.Code, props.Architecture, props.Timeout = code[stack], architectureOf(architecture), awscdk.Duration_Seconds(jsii.Number(30))
			return awslambda.NewFunction(stack, &id, &props)
		}
		for _, architecture := range []string{layer.ARM64, layer.X86_64} {
			make(plain, matrixFunction{"To", name, architecture}.id(), architecture)
			for _, exporter := range []string{"ToOTLP", "ToXRay", "ToLog"} {
				f := matrixFunction{exporter, name, architecture}
				Instrument(make(ours, f.id(), architecture), settings[exporter])
				functions = append(functions, f)
			}
		}
	}
	return functions
}
