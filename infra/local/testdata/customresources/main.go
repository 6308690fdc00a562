// Command customresources is a CDK app for tests. What is in it needs custom resources, in every way that ordinary apps have:
// the CDK's own in Python (notifications of a bucket) and in Node.js (a bucket that is emptied), its framework for others,
// its calls of AWS's SDK, and plain ones that answer by CloudFormation's module.
package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/customresources"
	"github.com/aws/jsii-runtime-go"
)

const (
	watcher = `
def handler(event, context):
    print("uploaded", event["Records"][0]["s3"]["object"]["key"])
`
	inPython = `
import boto3, cfnresponse
def handler(event, context):
    boto3.client("s3").list_buckets()
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Answer": "from Python"}, "python")
`
	inNode = `
const response = require("cfn-response");
const { SFNClient, ListStateMachinesCommand } = require("@aws-sdk/client-sfn");
exports.handler = async (event, context) => {
  await new SFNClient().send(new ListStateMachinesCommand({}));
  await response.send(event, context, response.SUCCESS, { Answer: "from Node.js" });
};
`
	provided = `
def handler(event, context):
    return {"PhysicalResourceId": "provided", "Data": {"Answer": "from a provider"}}
`
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("CustomResources"), nil)
	bucket := awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
		BucketName: jsii.String("uploads"), RemovalPolicy: awscdk.RemovalPolicy_DESTROY, AutoDeleteObjects: jsii.Bool(true),
	})
	bucket.AddEventNotification(awss3.EventType_OBJECT_CREATED,
		awss3notifications.NewLambdaDestination(function(stack, "Watcher", awslambda.Runtime_PYTHON_3_12(), watcher)))
	provider := customresources.NewProvider(stack, jsii.String("Provider"), &customresources.ProviderProps{
		OnEventHandler: function(stack, "Provided", awslambda.Runtime_PYTHON_3_12(), provided),
	})
	resource(stack, "Python", function(stack, "InPython", awslambda.Runtime_PYTHON_3_12(), inPython).FunctionArn())
	resource(stack, "Node", function(stack, "InNode", awslambda.Runtime_NODEJS_22_X(), inNode).FunctionArn())
	resource(stack, "Framework", provider.ServiceToken())
	call := customresources.NewAwsCustomResource(stack, jsii.String("Call"), &customresources.AwsCustomResourceProps{
		InstallLatestAwsSdk: jsii.Bool(false),
		OnUpdate: &customresources.AwsSdkCall{
			Service: jsii.String("STS"), Action: jsii.String("getCallerIdentity"),
			PhysicalResourceId: customresources.PhysicalResourceId_Of(jsii.String("call")),
		},
		Policy: customresources.AwsCustomResourcePolicy_FromSdkCalls(&customresources.SdkCallsPolicyOptions{
			Resources: customresources.AwsCustomResourcePolicy_ANY_RESOURCE(),
		}),
	})
	output(stack, "Call", call.GetResponseField(jsii.String("Account")))
	app.Synth(nil)
}

func function(stack awscdk.Stack, id string, runtime awslambda.Runtime, code string) awslambda.Function {
	return awslambda.NewFunction(stack, jsii.String(id), &awslambda.FunctionProps{
		Runtime: runtime, Handler: jsii.String("index.handler"), Code: awslambda.Code_FromInline(jsii.String(code)),
		Timeout: awscdk.Duration_Seconds(jsii.Number(30)),
	})
}

// resource makes a custom resource and an output of its answer.
func resource(stack awscdk.Stack, id string, token *string) {
	made := awscdk.NewCustomResource(stack, jsii.String(id), &awscdk.CustomResourceProps{ServiceToken: token})
	output(stack, id, made.GetAttString(jsii.String("Answer")))
}

func output(stack awscdk.Stack, id string, value *string) {
	awscdk.NewCfnOutput(stack, jsii.String(id+"Answer"), &awscdk.CfnOutputProps{Value: value})
}
