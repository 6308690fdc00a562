package construct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// TestFullStack: a stack that has no room for a policy for each function is instrumented all the same, and each role may export, once.
func TestFullStack(t *testing.T) {
	lambda := awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil)
	changes := map[string]func(awsiam.Role){
		"Plain":  func(awsiam.Role) {},
		"Policy": func(role awsiam.Role) { role.AddToPolicy(allow(jsii.String("*"), "s3:ListAllMyBuckets")) },
		"Overridden": func(role awsiam.Role) {
			role.Node().DefaultChild().(awsiam.CfnRole).AddPropertyOverride(jsii.String("Policies"), []any{})
		},
		"Within": func(role awsiam.Role) {
			role.Node().DefaultChild().(awsiam.CfnRole).SetPolicies(&[]any{&awsiam.CfnRole_PolicyProperty{PolicyName: jsii.String("Theirs"), PolicyDocument: map[string]any{}}})
		},
	}
	for _, c := range []struct {
		name               string
		resources          int // beside 4 roles, a policy, 8 functions
		policies, byInline int
	}{
		{"room", 10, 4, 0}, {"no room", maxResources - 13 - 8 - 1, 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack, props := newStack(t), python()
			for id, change := range changes {
				role := awsiam.NewRole(stack, jsii.String(id+"Role"), &awsiam.RoleProps{AssumedBy: lambda})
				change(role)
				props.Role = role
				for n := range 2 {
					awslambda.NewFunction(stack, jsii.String(fmt.Sprint(id, n)), &props)
				}
			}
			for n := range c.resources {
				awscdk.NewCfnResource(stack, jsii.String(fmt.Sprint("Other", n)), &awscdk.CfnResourceProps{Type: jsii.String("AWS::CloudFormation::WaitConditionHandle")})
			}
			InstrumentAll(stack, nil)
			template := assertions.Template_FromStack(stack, nil)
			template.ResourceCountIs(jsii.String("AWS::IAM::Policy"), jsii.Number(float64(c.policies)))
			all := inJSON(*template.ToJSON())
			if n := strings.Count(all, `"PolicyName":"`+inlinePolicyName+`"`); n != c.byInline {
				t.Errorf("%d policies of ours within roles, want %d", n, c.byInline)
			}
			if n := strings.Count(all, xrayAction); n != len(changes) {
				t.Errorf("%s is allowed %d times, want once for each role", xrayAction, n)
			}
		})
	}
}
