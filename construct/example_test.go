package construct_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct"
)

// A function of one's own stack: awslambda.NewFunction becomes construct.NewInstrumentedFunction, the rest stays.
func ExampleNewInstrumentedFunction() {
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)

	orders := construct.NewInstrumentedFunction(stack, jsii.String("Orders"), &construct.InstrumentedFunctionProps{
		FunctionProps: awslambda.FunctionProps{
			Runtime: awslambda.Runtime_PYTHON_3_13(),
			Handler: jsii.String("app.handler"),
			Code:    awslambda.Code_FromAsset(jsii.String("functions/orders"), nil),
		},
		Afterglow: &construct.Instrumentation{
			Exporters: &[]construct.Exporter{construct.ToOTLP(&construct.OTLPProps{Endpoint: jsii.String("https://collector.example.com:4318")})},
		},
	})
	orders.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_AWS_IAM})

	app.Synth(nil)
}
