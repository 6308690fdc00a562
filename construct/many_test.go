package construct

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// maxTemplateBytes is CloudFormation's quota of one template: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html.
const maxTemplateBytes = 1 << 20

// TestThreeHundredFunctions: an app as large as they come, over stacks, a nested stack and a Stage. Each stack gets a layer for each architecture that it has, and
// stays within CloudFormation's quotas.
func TestThreeHundredFunctions(t *testing.T) {
	if os.Getenv(envNewest) != "" {
		t.Skip("the CDK's version makes no difference to it")
	}
	app := newApp(t)
	stage := awscdk.NewStage(app, jsii.String("Live"), nil)
	shop := awscdk.NewStack(app, jsii.String("Shop"), nil)
	scopes := []constructs.Construct{shop, awscdk.NewNestedStack(shop, jsii.String("Nested"), nil), awscdk.NewStack(app, jsii.String("Single"), nil), awscdk.NewStack(stage, jsii.String("Shop"), nil)}
	runtimes := []awslambda.Runtime{awslambda.Runtime_PYTHON_3_13(), awslambda.Runtime_NODEJS_22_X(), awslambda.Runtime_JAVA_21(), awslambda.Runtime_RUBY_3_3(), awslambda.Runtime_DOTNET_8()}
	architectures := []awslambda.Architecture{awslambda.Architecture_ARM_64(), awslambda.Architecture_X86_64()}
	const each = 75
	for _, scope := range scopes {
		code := handlerAsset()
		role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil)})
		for n := range each {
			props := functionProps(runtimes[n%len(runtimes)])
			props.Code, props.Architecture = code, architectures[n%len(architectures)]
			if scope == scopes[2] {
				props.Architecture = architectures[0]
			}
			if n > 0 { // a role of its own takes longer than all the rest
				props.Role = role
			}
			awslambda.NewFunction(scope, jsii.String(fmt.Sprint("Function", n)), &props)
		}
	}
	InstrumentAll(app, nil)
	app.Synth(nil)

	layers, functions := map[string]int{}, 0
	for _, name := range templatesBelow(t, *app.Outdir()) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Resources map[string]struct {
				Type       string
				Properties functionProperties
			}
		}
		if err := json.Unmarshal(content, &template); err != nil {
			t.Fatal(err)
		}
		if len(template.Resources) > maxResources || len(content) > maxTemplateBytes {
			t.Errorf("%s has %d resources and %d bytes", filepath.Base(name), len(template.Resources), len(content))
		}
		for _, r := range template.Resources {
			switch {
			case r.Type == "AWS::Lambda::LayerVersion":
				layers[filepath.Base(name)]++
			case r.Properties.Environment.Variables["AWS_LAMBDA_EXEC_WRAPPER"] == layer.ExecWrapper && len(r.Properties.Layers) == 1:
				functions++
			}
		}
		if !strings.Contains(name, "Stage") {
			t.Logf("%s: %d resources, %d bytes", filepath.Base(name), len(template.Resources), len(content))
		}
	}
	if functions != each*len(scopes) {
		t.Errorf("%d functions are instrumented, want %d", functions, each*len(scopes))
	}
	if len(layers) != len(scopes) || layers["Single.template.json"] != 1 || layers["Shop.template.json"] != 2 {
		t.Errorf("layers of the stacks: %v", layers)
	}
}

func templatesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.template.json", "*/*.template.json"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}
