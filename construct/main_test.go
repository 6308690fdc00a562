package construct

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// One jsii kernel serves all tests of this package. It is not safe for goroutines: no test is parallel.
func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

func newStack(t *testing.T) awscdk.Stack {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir:             jsii.String(t.TempDir()),
		AnalyticsReporting: jsii.Bool(false),
		// Inside the checkout, where everything is that the project builds for itself.
		// Whether functions have a log group of the CDK's own is another default in older versions.
		Context: &map[string]any{contextCacheDir: "../.afterglow/cache/layer", "@aws-cdk/aws-lambda:useCdkManagedLogGroup": false},
	})
	return awscdk.NewStack(app, jsii.String("Shop"), nil)
}

// handlerAsset is code for the runtimes that take none inline.
func handlerAsset() awslambda.Code {
	return awslambda.Code_FromAsset(jsii.String("testdata/handler"), nil)
}

// functionProps are those of the smallest function that the CDK takes.
func functionProps(runtime awslambda.Runtime) awslambda.FunctionProps {
	return awslambda.FunctionProps{
		Runtime: runtime,
		Handler: jsii.String("index.handler"),
		Code:    awslambda.Code_FromInline(jsii.String("# code")),
	}
}

func python() awslambda.FunctionProps { return functionProps(awslambda.Runtime_PYTHON_3_13()) }

// templateOf synthesises the stack and gives its template as indented JSON.
func templateOf(t *testing.T, stack awscdk.Stack) string {
	t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(assertions.Template_FromStack(stack, nil).ToJSON()); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// functionsOf gives the properties of the stack's functions by their logical ids.
func functionsOf(t *testing.T, stack awscdk.Stack) map[string]functionProperties {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties functionProperties
		}
	}
	if err := json.Unmarshal([]byte(templateOf(t, stack)), &template); err != nil {
		t.Fatal(err)
	}
	functions := map[string]functionProperties{}
	for id, resource := range template.Resources {
		if resource.Type == "AWS::Lambda::Function" {
			functions[id] = resource.Properties
		}
	}
	return functions
}

type functionProperties struct {
	Environment struct{ Variables map[string]any }
	Layers      []any
}

// onlyFunction gives the one function of a stack that has only one.
func onlyFunction(t *testing.T, stack awscdk.Stack) functionProperties {
	t.Helper()
	functions := functionsOf(t, stack)
	if len(functions) != 1 {
		t.Fatalf("%d functions, want one", len(functions))
	}
	for _, f := range functions {
		return f
	}
	panic("unreachable")
}

// panicOf runs f and gives what it panicked with.
func panicOf(t *testing.T, f func()) (message string) {
	t.Helper()
	defer func() { message = fmt.Sprint(recover()) }()
	f()
	t.Error("no panic")
	return ""
}

func mustHold(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q\ndoes not hold %q", text, want)
		}
	}
}

// toCollector is Instrumentation that exports to a collector and changes no role.
func toCollector() *Instrumentation {
	return &Instrumentation{Exporters: &[]Exporter{ToOTLP(&OTLPProps{Endpoint: jsii.String("https://collector.example.com:4318")})}}
}

// toNowhere is Instrumentation that neither exports nor changes a role.
func toNowhere() *Instrumentation { return &Instrumentation{Exporters: &[]Exporter{}} }
