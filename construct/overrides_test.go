package construct

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfrontorigins"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// TestOverrides: AddPropertyOverride has the last word in the template. What it says counts, and does not take half of us away: an exec wrapper without its layer
// would keep the function from starting.
func TestOverrides(t *testing.T) {
	theirs := func(n int) (arns []string) {
		for i := range n {
			arns = append(arns, fmt.Sprintf("arn:aws:lambda:eu-west-1:123456789012:layer:theirs:%d", i+1))
		}
		return arns
	}
	for _, c := range []struct {
		name     string
		override func(awslambda.CfnFunction)
		layers   int    // that it has in the end
		next     any    // behind our wrapper
		warning  string // if it is not instrumented
	}{
		{"layers", func(fn awslambda.CfnFunction) { fn.AddPropertyOverride(jsii.String("Layers"), theirs(2)) }, 3, nil, ""},
		{"too many layers", func(fn awslambda.CfnFunction) { fn.AddPropertyOverride(jsii.String("Layers"), theirs(5)) }, 5, nil, "already has 5 layers"},
		{"layers that only CloudFormation knows", func(fn awslambda.CfnFunction) {
			fn.AddPropertyOverride(jsii.String("Layers"), map[string]any{"Fn::Split": []any{",", map[string]any{"Ref": "P"}}})
		}, 0, nil, "its list of layers"},
		{"a wrapper", func(fn awslambda.CfnFunction) {
			fn.AddPropertyOverride(jsii.String("Environment.Variables.AWS_LAMBDA_EXEC_WRAPPER"), "/opt/theirs")
		}, 1, "/opt/theirs", ""},
		{"a wrapper that CloudFormation knows", func(fn awslambda.CfnFunction) {
			fn.AddPropertyOverride(jsii.String("Environment.Variables.AWS_LAMBDA_EXEC_WRAPPER"), map[string]any{"Ref": "AWS::Region"})
		}, 1, map[string]any{"Ref": "AWS::Region"}, ""},
		{"another variable", func(fn awslambda.CfnFunction) {
			fn.AddPropertyOverride(jsii.String("Environment.Variables.STAGE"), "x")
		}, 1, nil, ""},
		{"an environment that only CloudFormation knows", func(fn awslambda.CfnFunction) {
			fn.AddPropertyOverride(jsii.String("Environment"), map[string]any{"Fn::If": []any{"C", map[string]any{}, map[string]any{}}})
		}, 0, nil, "its environment is known"},
		{"a runtime", func(fn awslambda.CfnFunction) { fn.AddPropertyOverride(jsii.String("Runtime"), "python3.6") }, 0, nil, "no hook for runtime python3.6"},
		{"variables that only CloudFormation knows", func(fn awslambda.CfnFunction) {
			fn.AddPropertyOverride(jsii.String("Environment.Variables"), map[string]any{"Fn::If": []any{"C", map[string]any{}, map[string]any{}}})
		}, 0, nil, "its environment is known"},
		{"no environment", func(fn awslambda.CfnFunction) { fn.AddPropertyDeletionOverride(jsii.String("Environment")) }, 0, nil, "takes from its environment"},
		{"no variables", func(fn awslambda.CfnFunction) {
			fn.AddPropertyDeletionOverride(jsii.String("Environment.Variables"))
		}, 0, nil, "takes from its environment"},
		{"no wrapper", func(fn awslambda.CfnFunction) {
			fn.AddPropertyDeletionOverride(jsii.String("Environment.Variables.AWS_LAMBDA_EXEC_WRAPPER"))
			fn.AddPropertyOverride(jsii.String("Environment.Variables.STAGE"), "x")
		}, 0, nil, "takes from its environment"},
		{"not another variable", func(fn awslambda.CfnFunction) {
			fn.AddPropertyDeletionOverride(jsii.String("Environment.Variables.STAGE"))
		}, 1, nil, ""},
		{"no layers", func(fn awslambda.CfnFunction) { fn.AddPropertyDeletionOverride(jsii.String("Layers")) }, 0, nil, "takes from its list of layers"},
		{"the first layer", func(fn awslambda.CfnFunction) { fn.AddPropertyOverride(jsii.String("Layers.0"), theirs(1)[0]) }, 0, nil, "its list of layers is known"},
		{"something else", func(fn awslambda.CfnFunction) { fn.AddOverride(jsii.String("Metadata.team"), "web") }, 1, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack, props := newStack(t), python()
			fn := awslambda.NewFunction(stack, jsii.String("Orders"), &props)
			Instrument(fn, toNowhere())
			c.override(fn.Node().DefaultChild().(awslambda.CfnFunction))
			template, warnings := templateOf(t, stack), warningsOf(t, stack, "/Shop/Orders")
			if c.warning != "" {
				if len(warnings) != 1 || !strings.Contains(warnings[0], c.warning) || strings.Contains(template, "fterglow") {
					t.Errorf("warnings %q, template\n%s", warnings, template)
				}
				return
			}
			got := onlyFunction(t, stack)
			if n := len(got.Layers); n != c.layers || !strings.Contains(inJSON(got.Layers[n-1]), "AfterglowLayer") || len(warnings) != 0 {
				t.Errorf("layers %v, warnings %q", got.Layers, warnings)
			}
			if v := got.Environment.Variables; v["AWS_LAMBDA_EXEC_WRAPPER"] != layer.ExecWrapper || inJSON(v["AFTERGLOW_EXEC_WRAPPER_NEXT"]) != inJSON(c.next) {
				t.Errorf("environment %v", v)
			}
		})
	}
}

// TestPastTheConstruct: what is set on the resource of a construct takes the construct's place, and what would be added to that.
func TestPastTheConstruct(t *testing.T) {
	for name, set := range map[string]func(awslambda.CfnFunction){
		"nothing": func(awslambda.CfnFunction) {},
		"variables": func(fn awslambda.CfnFunction) {
			fn.SetEnvironment(&awslambda.CfnFunction_EnvironmentProperty{Variables: &map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": jsii.String("/opt/theirs")}})
		},
		"variables as a token": func(fn awslambda.CfnFunction) {
			fn.SetEnvironment(awscdk.Token_AsAny(map[string]any{"variables": map[string]any{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/theirs"}}))
		},
		"no layers": func(fn awslambda.CfnFunction) { fn.SetLayers(&[]*string{}) },
	} {
		t.Run(name, func(t *testing.T) {
			stack, props := newStack(t), python()
			fn := awslambda.NewFunction(stack, jsii.String("Orders"), &props)
			set(fn.Node().DefaultChild().(awslambda.CfnFunction))
			Instrument(fn, toNowhere())
			want := map[string]any{"AWS_LAMBDA_EXEC_WRAPPER": layer.ExecWrapper, "AFTERGLOW_EXPORTERS": "none"}
			if strings.HasPrefix(name, "variables") {
				want["AFTERGLOW_EXEC_WRAPPER_NEXT"] = "/opt/theirs"
			}
			if got := onlyFunction(t, stack); len(got.Layers) != 1 || !reflect.DeepEqual(got.Environment.Variables, want) {
				t.Errorf("got %+v, want one layer and %v", got, want)
			}
		})
	}
}

func TestAtTheEdge(t *testing.T) {
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false)})
	stack := awscdk.NewStack(app, jsii.String("Shop"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String("us-east-1"), Account: jsii.String("123456789012")}})
	props := functionProps(awslambda.Runtime_NODEJS_22_X())
	fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props})
	awscloudfront.NewDistribution(stack, jsii.String("Site"), &awscloudfront.DistributionProps{DefaultBehavior: &awscloudfront.BehaviorOptions{
		Origin:      awscloudfrontorigins.NewHttpOrigin(jsii.String("example.com"), nil),
		EdgeLambdas: &[]*awscloudfront.EdgeLambda{{EventType: awscloudfront.LambdaEdgeEventType_VIEWER_REQUEST, FunctionVersion: fn.CurrentVersion()}},
	}})
	if got := onlyFunction(t, stack); len(got.Layers) != 0 || len(got.Environment.Variables) != 0 {
		t.Errorf("the function was touched: %+v", got)
	}
	if w := warningsOf(t, stack, "/Shop/Orders"); len(w) != 1 || !strings.Contains(w[0], "Lambda@Edge") {
		t.Errorf("warnings %q", w)
	}
}

// TestAtTheEdgeUnseen: with an imported role nothing tells of CloudFront. The app is still synthesised, and a hint says what to do; Exclude does it.
func TestAtTheEdgeUnseen(t *testing.T) {
	for name, excluded := range map[string]bool{"hint": false, "excluded": true} {
		t.Run(name, func(t *testing.T) {
			stack := awscdk.NewStack(newApp(t), jsii.String("Shop"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String("us-east-1"), Account: jsii.String("123456789012")}})
			props := functionProps(awslambda.Runtime_NODEJS_22_X())
			props.Role = awsiam.Role_FromRoleArn(stack, jsii.String("Role"), jsii.String("arn:aws:iam::123456789012:role/edge"), nil)
			fn := awslambda.NewFunction(stack, jsii.String("Orders"), &props)
			awscloudfront.NewDistribution(stack, jsii.String("Site"), &awscloudfront.DistributionProps{DefaultBehavior: &awscloudfront.BehaviorOptions{
				Origin:      awscloudfrontorigins.NewHttpOrigin(jsii.String("example.com"), nil),
				EdgeLambdas: &[]*awscloudfront.EdgeLambda{{EventType: awscloudfront.LambdaEdgeEventType_VIEWER_REQUEST, FunctionVersion: fn.CurrentVersion()}},
			}})
			if excluded {
				Exclude(fn)
				InstrumentAll(stack, &InstrumentAllProps{Afterglow: toNowhere()})
			} else {
				Instrument(fn, toNowhere())
			}
			got := onlyFunction(t, stack)
			hints := *assertions.Annotations_FromStack(stack).FindInfo(jsii.String("/Shop/Orders"), assertions.Match_StringLikeRegexp(jsii.String("construct.Exclude")))
			if len(got.Environment.Variables) != 0 || (len(got.Layers) == 0) != excluded || (len(hints) == 0) != excluded {
				t.Errorf("got %+v, %d hints", got, len(hints))
			}
		})
	}
}

// TestAtTheEdgeBySigns: the role of a resource without a construct, and versions by whatever construct.
func TestAtTheEdgeBySigns(t *testing.T) {
	app := newApp(t)
	stack := awscdk.NewStack(app, jsii.String("Shop"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String(edgeRegion), Account: jsii.String("123456789012")}})
	agnostic := awscdk.NewStack(app, jsii.String("Any"), nil)
	role := func(id, service string) *string {
		return awsiam.NewRole(stack, &id, &awsiam.RoleProps{AssumedBy: awsiam.NewCompositePrincipal(
			awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil), awsiam.NewServicePrincipal(&service, nil))}).RoleArn()
	}
	edge := awsiam.NewCfnRole(stack, jsii.String("EdgeAlone"), &awsiam.CfnRoleProps{AssumeRolePolicyDocument: map[string]any{"Statement": []any{
		map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": []string{"lambda.amazonaws.com", edgePrincipal}}}}}})
	settings := toNowhere()
	bare := func(id string, role *string, version bool) {
		cfn := awslambda.NewCfnFunction(stack, &id, &awslambda.CfnFunctionProps{
			Runtime: jsii.String("nodejs22.x"), Handler: jsii.String("index.handler"), Role: role, Code: &awslambda.CfnFunction_CodeProperty{ZipFile: jsii.String("//")}})
		if version {
			awslambda.NewCfnVersion(stack, jsii.String(id+"1"), &awslambda.CfnVersionProps{FunctionName: cfn.Ref()})
		}
	}
	bare("L1", edge.AttrArn(), true)
	bare("L2", role("Edge", edgePrincipal), false)
	bare("Plain", role("Scheduler", "scheduler.amazonaws.com"), true)
	bare("Unknown", jsii.String("arn:aws:iam::123456789012:role/theirs"), true)
	bare("Unversioned", jsii.String("arn:aws:iam::123456789012:role/theirs"), false)
	construct := func(in awscdk.Stack, id string) awslambda.Function {
		props := functionProps(awslambda.Runtime_NODEJS_22_X())
		props.Role = awsiam.Role_FromRoleArn(in, jsii.String(id+"Role"), jsii.String("arn:aws:iam::123456789012:role/"+id), nil)
		return awslambda.NewFunction(in, &id, &props)
	}
	awslambda.NewVersion(stack, jsii.String("V"), &awslambda.VersionProps{Lambda: construct(stack, "Versioned")})
	construct(stack, "Alone")
	construct(agnostic, "Anywhere").CurrentVersion()
	construct(agnostic, "Second").CurrentVersion()
	InstrumentAll(app, &InstrumentAllProps{Afterglow: settings})

	untouched(t, stack, "L1", "Lambda@Edge")
	untouched(t, stack, "L2", "Lambda@Edge")
	for path, hinted := range map[string]bool{"/Shop/Plain": false, "/Shop/Unknown": true, "/Shop/Unversioned": false, "/Shop/Versioned": true, "/Shop/Alone": false, "/Any/Anywhere": true} {
		in := stack
		if strings.HasPrefix(path, "/Any") {
			in = agnostic
		}
		if got := hintOf(t, app, in, path); strings.Contains(got, "construct.Exclude") != hinted {
			t.Errorf("%s: hints %q", path, got)
		}
	}
}

// hintOf gives the hints of a function, from the report.
func hintOf(t *testing.T, app awscdk.App, stack awscdk.Stack, path string) string {
	t.Helper()
	templateOf(t, stack)
	content, err := os.ReadFile(filepath.Join(*app.Outdir(), reportName+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Functions []outcome }
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatal(err)
	}
	for _, o := range report.Functions {
		if "/"+o.Path == path && o.Instrumented {
			return strings.Join(o.Hints, "\n") + "."
		}
	}
	t.Errorf("%s is not instrumented: %s", path, content)
	return ""
}
