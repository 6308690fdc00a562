package enrich

import (
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A service is one of AWS's that is known in detail.
type service struct {
	name      string                           // as AWS's SDKs name it; becomes the first half of the span's name
	ids       [mostIDs]string                  // what requests to it are signed for, or its host is called
	target    string                           // what stands before the operation in its x-amz-target
	recognise func(r request, t *event.Target) // fills Operation, Resource, Key, Messages, Attributes
}

// mostIDs of a service. They are looked through for each call, so that all services are put on the stack, and nothing on the heap.
const mostIDs = 4

// services gives the services that are known in detail.
func services() [8]service {
	return [...]service{sqs(), dynamoDB(), s3(), sns(), eventBridge(), kinesis(), lambda(), states()}
}

func (s service) matches(id, target string) bool {
	if id == "" {
		return s.target != "" && strings.HasPrefix(target, s.target)
	}
	return slices.Contains(s.ids[:], id)
}

// serviceName gives the name that SDKs use for a service; what is not listed keeps the name it is signed for. Masking knows the services
// whose traffic is never shown by these names too.
func serviceName(id string) string {
	switch id {
	case "secretsmanager":
		return "SecretsManager"
	case "ssm":
		return "SSM"
	case "kms":
		return "KMS"
	case "sts":
		return "STS"
	case "sns":
		return "SNS"
	case "lambda":
		return "Lambda"
	case "events":
		return "EventBridge"
	case "scheduler":
		return "Scheduler"
	case "states":
		return "SFN"
	case "kinesis":
		return "Kinesis"
	case "firehose":
		return "Firehose"
	case "logs":
		return "CloudWatchLogs"
	case "monitoring":
		return "CloudWatch"
	case "ses", "email":
		return "SES"
	case "cognito-idp":
		return "CognitoIdentityProvider"
	case "cognito-identity":
		return "CognitoIdentity"
	case "rds-data":
		return "RDSData"
	case "bedrock", "bedrock-runtime":
		return "BedrockRuntime"
	case "appsync":
		return "AppSync"
	case "xray":
		return "XRay"
	case "iam":
		return "IAM"
	}
	return id
}

// targetService guesses the service from an x-amz-target alone: AWSEvents, DynamoDB_20120810, AWSSecurityTokenServiceV20110615.
func targetService(target string) string {
	switch {
	case strings.HasPrefix(target, "secretsmanager"):
		return "secretsmanager"
	case strings.HasPrefix(target, "TrentService"):
		return "kms"
	case strings.HasPrefix(target, "AmazonSSM"):
		return "ssm"
	case strings.HasPrefix(target, "AWSSecurityTokenService"):
		return "sts"
	case strings.HasPrefix(target, "AWSEvents"):
		return "events"
	case strings.HasPrefix(target, "AWSStepFunctions"):
		return "states"
	case strings.HasPrefix(target, "Kinesis_"):
		return "kinesis"
	case strings.HasPrefix(target, "Firehose_"):
		return "firehose"
	}
	if !isName(target) {
		return "aws"
	}
	return target
}
