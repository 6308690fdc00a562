package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct"
	"github.com/afterglow-lambda/afterglow/construct/layer"
)

const (
	ordersTimeoutSeconds     = 15
	fulfilmentTimeoutSeconds = 20
	// visibilitySeconds is six times the function's timeout, as AWS advises for queues that trigger functions.
	visibilitySeconds = 6 * fulfilmentTimeoutSeconds
	memoryMB          = 256
	// keepDays is how long orders stay in the bucket: an example should not fill an account.
	keepDays = 7
)

// config is what the CDK context says.
type config struct {
	functions    string // directory of the functions' code
	cacheDir     string // for what is bundled
	architecture awslambda.Architecture
	otlpEndpoint *string
	paymentURL   *string
	shippingURL  *string
}

// readConfig panics on a wrong architecture, as the CDK does on wrong properties.
func readConfig(scope constructs.Construct, getenv func(string) string) config {
	c := config{
		functions:    "infra/functions", // cdk runs the app in the directory of cdk.json
		cacheDir:     ".afterglow/cache/functions",
		otlpEndpoint: contextOf(scope, "otlpEndpoint"),
		paymentURL:   contextOf(scope, "paymentUrl"),
		shippingURL:  contextOf(scope, "shippingUrl"),
	}
	if endpoint := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); c.otlpEndpoint == nil && endpoint != "" {
		c.otlpEndpoint = &endpoint
	}
	name := layer.ARM64 // cheaper; every region has it
	if given := contextOf(scope, "architecture"); given != nil {
		name = *given
	}
	switch name {
	case layer.ARM64:
		c.architecture = awslambda.Architecture_ARM_64()
	case layer.X86_64:
		c.architecture = awslambda.Architecture_X86_64()
	default:
		panic(fmt.Errorf("context architecture=%q: write %s or %s", name, layer.ARM64, layer.X86_64))
	}
	return c
}

func contextOf(scope constructs.Construct, name string) *string {
	if value, ok := scope.Node().TryGetContext(jsii.String(name)).(string); ok && value != "" {
		return &value
	}
	return nil
}

// An example is the stack and what its parts have in common.
type example struct {
	stack  awscdk.Stack
	config config
}

func newExample(scope constructs.Construct, id string, c config) awscdk.Stack {
	e := example{awscdk.NewStack(scope, jsii.String(id), &awscdk.StackProps{
		Description: jsii.String("Afterglow's example: an order from its HTTP request through two queues to table, bucket and carrier"),
	}), c}

	paymentURL, shippingURL := e.services()
	ordersQueue, itemsQueue := e.queues()
	orders := e.orders(paymentURL, ordersQueue, itemsQueue)
	table, bucket := e.stores()
	fulfilment := e.fulfilment(shippingURL, table, bucket)

	// An order fails alone: one that cannot be shipped must not take others with it into the dead letter queue.
	fulfilment.AddEventSource(awslambdaeventsources.NewSqsEventSource(ordersQueue,
		&awslambdaeventsources.SqsEventSourceProps{BatchSize: jsii.Number(1)}))
	fulfilment.AddEventSource(awslambdaeventsources.NewSqsEventSource(itemsQueue,
		&awslambdaeventsources.SqsEventSourceProps{BatchSize: jsii.Number(10)}))

	// Anyone who has the URL may order: the example is to be tried with curl. It costs next to nothing and keeps nothing for long.
	url := orders.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
	e.output("OrdersUrl", url.Url())
	e.output("OrdersFunction", orders.FunctionName())
	e.output("FulfilmentFunction", fulfilment.FunctionName())
	e.output("OrdersQueueUrl", ordersQueue.QueueUrl())
	e.output("ItemsQueueUrl", itemsQueue.QueueUrl())
	e.output("TableName", table.TableName())
	e.output("BucketName", bucket.BucketName())
	return e.stack
}

func (e example) output(name string, value *string) {
	awscdk.NewCfnOutput(e.stack, jsii.String(name), &awscdk.CfnOutputProps{Value: value})
}

// services gives the URLs of the payment and the shipping service, made here unless both are given.
func (e example) services() (payment, shipping *string) {
	payment, shipping = e.config.paymentURL, e.config.shippingURL
	if payment != nil && shipping != nil {
		return payment, shipping
	}
	partners := awslambda.NewFunction(e.stack, jsii.String("Partners"), &awslambda.FunctionProps{
		Description:  jsii.String("Stands in for the payment and the shipping service of other companies"),
		Runtime:      awslambda.Runtime_NODEJS_22_X(),
		Architecture: e.config.architecture,
		Handler:      jsii.String("index.handler"),
		Code:         awslambda.Code_FromAsset(jsii.String(e.config.functions+"/partners"), nil),
		LogGroup:     e.logGroup("Partners"),
	})
	// A company next door calls it as it would call any other: over the internet, without credentials of this account.
	url := partners.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE}).Url()
	if payment == nil {
		payment = jsii.String(*url + "payment") // the URL ends in a slash
	}
	if shipping == nil {
		shipping = jsii.String(*url + "shipping")
	}
	return payment, shipping
}

// queues makes the two queues. What fails once goes into the dead letter queue: a bad order shows once, not for days.
func (e example) queues() (orders, items awssqs.Queue) {
	dead := awssqs.NewQueue(e.stack, jsii.String("DeadLetters"), &awssqs.QueueProps{EnforceSSL: jsii.Bool(true)})
	queue := func(id string) awssqs.Queue {
		return awssqs.NewQueue(e.stack, jsii.String(id), &awssqs.QueueProps{
			VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(visibilitySeconds)),
			DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(1)},
			EnforceSSL:        jsii.Bool(true),
		})
	}
	return queue("OrdersQueue"), queue("ItemsQueue")
}

func (e example) stores() (awsdynamodb.Table, awss3.Bucket) {
	table := awsdynamodb.NewTable(e.stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:  &awsdynamodb.Attribute{Name: jsii.String("order_id"), Type: awsdynamodb.AttributeType_STRING},
		SortKey:       &awsdynamodb.Attribute{Name: jsii.String("part"), Type: awsdynamodb.AttributeType_STRING},
		BillingMode:   awsdynamodb.BillingMode_PAY_PER_REQUEST,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	bucket := awss3.NewBucket(e.stack, jsii.String("Labels"), &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,
		LifecycleRules:    &[]*awss3.LifecycleRule{{Expiration: awscdk.Duration_Days(jsii.Number(keepDays))}},
	})
	return table, bucket
}

// orders is the Python function: boto3 comes with the runtime, requests is bundled.
func (e example) orders(paymentURL *string, ordersQueue, itemsQueue awssqs.Queue) construct.InstrumentedFunction {
	fn := construct.NewInstrumentedFunction(e.stack, jsii.String("Orders"), &construct.InstrumentedFunctionProps{
		FunctionProps: awslambda.FunctionProps{
			Description:  jsii.String("Takes orders, has them paid and hands them over"),
			Runtime:      awslambda.Runtime_PYTHON_3_13(),
			Architecture: e.config.architecture,
			Handler:      jsii.String("app.handler"),
			Code:         pythonCode(e.config.functions+"/orders", e.config.cacheDir),
			MemorySize:   jsii.Number(memoryMB),
			Timeout:      awscdk.Duration_Seconds(jsii.Number(ordersTimeoutSeconds)),
			LogGroup:     e.logGroup("Orders"),
			Environment: &map[string]*string{
				"PAYMENT_URL": paymentURL, "ORDERS_QUEUE_URL": ordersQueue.QueueUrl(), "ITEMS_QUEUE_URL": itemsQueue.QueueUrl(),
			},
		},
		Afterglow: e.afterglow("orders"),
	})
	ordersQueue.GrantSendMessages(fn)
	itemsQueue.GrantSendMessages(fn)
	return fn
}

// fulfilment is the Node.js function: the AWS SDK and fetch come with the runtime.
func (e example) fulfilment(shippingURL *string, table awsdynamodb.Table, bucket awss3.Bucket) construct.InstrumentedFunction {
	fn := construct.NewInstrumentedFunction(e.stack, jsii.String("Fulfilment"), &construct.InstrumentedFunctionProps{
		FunctionProps: awslambda.FunctionProps{
			Description:  jsii.String("Writes orders down and has them shipped"),
			Runtime:      awslambda.Runtime_NODEJS_22_X(),
			Architecture: e.config.architecture,
			Handler:      jsii.String("index.handler"),
			Code:         awslambda.Code_FromAsset(jsii.String(e.config.functions+"/fulfilment"), nil),
			MemorySize:   jsii.Number(memoryMB),
			Timeout:      awscdk.Duration_Seconds(jsii.Number(fulfilmentTimeoutSeconds)),
			LogGroup:     e.logGroup("Fulfilment"),
			Environment: &map[string]*string{
				"SHIPPING_URL": shippingURL, "TABLE_NAME": table.TableName(), "BUCKET_NAME": bucket.BucketName(),
			},
		},
		Afterglow: e.afterglow("fulfilment"),
	})
	table.Grant(fn, jsii.String("dynamodb:PutItem"))
	bucket.GrantPut(fn, jsii.String("labels/*"))
	return fn
}

func (e example) afterglow(service string) *construct.Instrumentation {
	settings := &construct.Instrumentation{ServiceName: jsii.String(service)}
	if e.config.otlpEndpoint != nil {
		settings.Exporters = &[]construct.Exporter{construct.ToOTLP(&construct.OTLPProps{Endpoint: e.config.otlpEndpoint})}
	}
	return settings
}

// logGroup makes the group that goes when the stack does; the one that Lambda would make stays forever.
func (e example) logGroup(function string) awslogs.ILogGroup {
	return awslogs.NewLogGroup(e.stack, jsii.String(function+"Log"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_ONE_WEEK,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}
