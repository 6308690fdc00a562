package construct

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// TestOrdinaryFunctions: what is taken for ordinary is not looked at any further, and what is not costs questions, with each version of the CDK.
func TestOrdinaryFunctions(t *testing.T) {
	lambda := func() awsiam.IPrincipal { return awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil) }
	edge := awsiam.NewServicePrincipal(jsii.String(edgePrincipal), nil)
	role := func(by awsiam.IPrincipal) func(awscdk.Stack, *awslambda.FunctionProps) {
		return func(stack awscdk.Stack, props *awslambda.FunctionProps) {
			props.Role = awsiam.NewRole(stack, jsii.String("Role"), &awsiam.RoleProps{AssumedBy: by})
		}
	}
	tests := map[string]struct {
		before             func(awscdk.Stack, *awslambda.FunctionProps)
		after              func(awslambda.Function, awslambda.CfnFunction)
		ordinary, unmarked bool
	}{
		"a function":         {ordinary: true, unmarked: true},
		"role that is given": {before: role(lambda()), ordinary: true, unmarked: true},
		"metadata of others": {after: func(fn awslambda.Function, _ awslambda.CfnFunction) {
			fn.Node().AddMetadata(jsii.String("theirs"), true, nil)
		}, ordinary: true, unmarked: true},
		"excluded": {after: func(fn awslambda.Function, _ awslambda.CfnFunction) { Exclude(fn) }, ordinary: true},
		"the CDK's own": {after: func(fn awslambda.Function, _ awslambda.CfnFunction) {
			fn.Node().AddMetadata(jsii.String(metaCDKs+"singleton"), true, nil)
		}, ordinary: true},
		"instrumented":             {after: func(fn awslambda.Function, _ awslambda.CfnFunction) { Instrument(fn, nil) }, ordinary: true},
		"role for CloudFront, too": {before: role(awsiam.NewCompositePrincipal(lambda(), edge))},
		"role for CloudFront":      {before: role(edge)},
		"role that is imported":    {before: func(stack awscdk.Stack, props *awslambda.FunctionProps) { props.Role = importedRole(stack) }},
		"trust that comes later":   {after: func(fn awslambda.Function, _ awslambda.CfnFunction) { trust(fn, edge) }},
		"override": {after: func(_ awslambda.Function, cfn awslambda.CfnFunction) {
			cfn.AddPropertyOverride(jsii.String("Timeout"), 5)
		}},
		"override that takes away": {after: func(_ awslambda.Function, cfn awslambda.CfnFunction) {
			cfn.AddPropertyDeletionOverride(jsii.String("Layers"))
		}},
		"override beside Properties": {after: func(_ awslambda.Function, cfn awslambda.CfnFunction) {
			cfn.AddOverride(jsii.String("Metadata.Team"), "shop")
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := awscdk.NewStack(newApp(t), jsii.String("Shop"), nil)
			props := functionProps(awslambda.Runtime_PYTHON_3_13())
			if test.before != nil {
				test.before(stack, &props)
			}
			fn := awslambda.NewFunction(stack, jsii.String("Function"), &props)
			cfn, _ := fn.Node().DefaultChild().(awslambda.CfnFunction)
			if test.after != nil {
				test.after(fn, cfn)
			}
			found := targetOf(cfn, cfn.Node())
			if got := found.fit(newSeen().ordinary()); got != test.ordinary {
				t.Errorf("ordinary: %v, want %v", got, test.ordinary)
			}
			if got := found.fit(newSeen().unmarked()); got != test.unmarked {
				t.Errorf("unmarked: %v, want %v", got, test.unmarked)
			}
		})
	}
}

func importedRole(stack awscdk.Stack) awsiam.IRole {
	return awsiam.Role_FromRoleArn(stack, jsii.String("Role"), jsii.String("arn:aws:iam::111122223333:role/theirs"), nil)
}

func trust(fn awslambda.Function, principal awsiam.IPrincipal) {
	role, _ := fn.Role().(awsiam.Role)
	role.AssumeRolePolicy().AddStatements(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("sts:AssumeRole"), Principals: &[]awsiam.IPrincipal{principal},
	}))
}
