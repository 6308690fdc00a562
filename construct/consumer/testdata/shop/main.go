// Command shop is the CDK app of a project that uses Afterglow from outside. Its arguments are the names of editions, each of which is the app as it was
// at some time; each goes into a cloud assembly of its own below the directory SHOP_ASSEMBLIES.
package main

import (
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct"
)

// An edition is what differs from time to time.
type edition struct {
	afterglow *construct.Instrumentation
	wrapper   bool // the functions have an exec wrapper of their own
	broken    bool // a resource behind the functions cannot be made
}

var editions = map[string]edition{
	"plain":        {wrapper: true},
	"instrumented": {wrapper: true, afterglow: instrumentation("first")},
	"changed":      {wrapper: false, afterglow: instrumentation("second", construct.ToOTLP(&construct.OTLPProps{Endpoint: jsii.String("https://collector.example.com")}))},
	"broken":       {wrapper: true, afterglow: instrumentation("third"), broken: true},
}

func instrumentation(service string, to ...construct.Exporter) *construct.Instrumentation {
	i := &construct.Instrumentation{ServiceName: &service}
	if to != nil {
		i.Exporters = &to
	}
	return i
}

const (
	python = `
import os
def handler(event, context):
    return {"hello": event["name"], "wrapped": os.environ.get("WRAPPED", "no")}
`
	node = `
exports.handler = async (event) => ({ hello: event.name, wrapped: process.env.WRAPPED ?? "no" });
`
)

func main() {
	defer jsii.Close()
	for _, name := range os.Args[1:] {
		props := &awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)}
		if dir := os.Getenv("SHOP_ASSEMBLIES"); dir != "" {
			props.Outdir = jsii.String(filepath.Join(dir, name))
		}
		app := awscdk.NewApp(props)
		newShop(app, editions[name])
		app.Synth(nil)
	}
}

func newShop(app awscdk.App, e edition) {
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	layers := &[]awslambda.ILayerVersion{}
	if e.wrapper {
		layers = &[]awslambda.ILayerVersion{awslambda.NewLayerVersion(stack, jsii.String("Wrapping"), &awslambda.LayerVersionProps{
			Code: awslambda.Code_FromAsset(jsii.String("wrapping"), nil),
		})}
	}
	var functions []constructs.IDependable
	for id, props := range map[string]awslambda.FunctionProps{
		"python": {Runtime: awslambda.Runtime_PYTHON_3_13(), Handler: jsii.String("index.handler"), Code: awslambda.Code_FromInline(jsii.String(python))},
		"node":   {Runtime: awslambda.Runtime_NODEJS_22_X(), Handler: jsii.String("index.handler"), Code: awslambda.Code_FromInline(jsii.String(node))},
		"ruby":   {Runtime: awslambda.Runtime_RUBY_3_3(), Handler: jsii.String("index.handler"), Code: awslambda.Code_FromAsset(jsii.String("ruby"), nil)},
	} {
		props.FunctionName = jsii.String("shop-" + id)
		props.Layers = layers
		props.Timeout = awscdk.Duration_Minutes(jsii.Number(2)) // a busy machine starts runtimes slowly
		props.Architecture = awslambda.Architecture_X86_64()
		if os.Getenv("SHOP_ARCHITECTURE") == "arm64" {
			props.Architecture = awslambda.Architecture_ARM_64()
		}
		if e.wrapper {
			props.Environment = &map[string]*string{"AWS_LAMBDA_EXEC_WRAPPER": jsii.String("/opt/wrapping")}
		}
		fn := awslambda.NewFunction(stack, jsii.String(id), &props)
		functions = append(functions, fn)
		awslambda.NewAlias(stack, jsii.String(id+"Live"), &awslambda.AliasProps{AliasName: jsii.String("live"), Version: fn.CurrentVersion()})
	}
	if e.afterglow != nil {
		construct.InstrumentAll(app, &construct.InstrumentAllProps{Afterglow: e.afterglow})
	}
	if e.broken {
		queue := awssqs.NewQueue(stack, jsii.String("Queue"), nil)
		queue.Node().AddDependency(functions...)
		queue.Node().DefaultChild().(awscdk.CfnResource).AddPropertyOverride(jsii.String("RedrivePolicy"), "not a policy")
	}
}
