package construct

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// inlinePolicyName is the name of what we put into a role itself.
const inlinePolicyName = "Afterglow"

// maxResources is what a template may have. Source: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html.
const maxResources = 500

// full tells whether a stack may have too many resources if each of its functions got a policy more. What jsii has no type for here may be a resource, and counts; so do
// those of nested stacks: too early does no harm.
func (s *seen) full(stack awscdk.Stack) bool {
	if full, known := s.fullStacks[stack]; known {
		return full
	}
	n := 1 // the layer of a second architecture
	for _, c := range *stack.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		switch c.(type) {
		case awslambda.CfnFunction:
			n += 2
		case awscdk.CfnResource:
			n++
		default:
			if strings.HasSuffix(fmt.Sprintf("%T", c), "_IConstruct") {
				n++
			}
		}
	}
	if s.fullStacks == nil {
		s.fullStacks = map[awscdk.Stack]bool{}
	}
	s.fullStacks[stack] = n > maxResources
	return n > maxResources
}

// permitInline lets the function's role do what an exporter needs without a resource more, where there is no room for one, and tells whether it could. Only what X-Ray needs is
// known without the CDK: who may read a secret goes by its key too.
func (t *target) permitInline(e Exporter) bool {
	if _, is := e.(*xray); !is {
		return false
	}
	role, own := t.ofRole().(awsiam.Role)
	return own && t.seen.full(t.stack) && allowInline(role, xrayAction)
}

// allowInline lets a role do something by a policy within the role's own resource, and tells whether it could. The CDK makes a resource of its own for it, which is what cdk-nag
// sees: it has looked at roles when ours changes them. Where the role has a policy of the CDK's already, or policies within it, there is nothing to be saved.
func allowInline(role awsiam.Role, action string) bool {
	node := role.Node()
	cfn, made := node.DefaultChild().(awsiam.CfnRole)
	if !made { // Role.CustomizeRoles takes one that was made before
		return false
	}
	if has := cfn.Policies(); has != nil {
		return strings.Contains(inJSON(role.Stack().Resolve(has)), `"policyName":"`+inlinePolicyName+`"`) // by another of its functions
	}
	if node.TryFindChild(jsii.String("DefaultPolicy")) != nil || !*below([]string{"Policies"}, assertions.Match_AnyValue()).Test(cfn).HasFailed() {
		return false
	}
	cfn.SetPolicies(&[]any{&awsiam.CfnRole_PolicyProperty{
		PolicyName: jsii.String(inlinePolicyName),
		PolicyDocument: map[string]any{
			"Version":   "2012-10-17",
			"Statement": []any{map[string]any{"Action": action, "Effect": "Allow", "Resource": "*"}},
		},
	}})
	return true
}
