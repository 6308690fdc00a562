package construct

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"
)

// An Exporter is somewhere that telemetry goes to: ToOTLP, ToXRay and ToLog make one. A function may have several, one of each kind.
type Exporter interface {
	// kind is its word in AFTERGLOW_EXPORTERS.
	kind() string
	// rows joins its fields to their settings.
	rows() []row
	// check finds what no single setting shows to be wrong.
	check() error
	// needsPermission tells whether grant has anything to do.
	needsPermission() bool
	// grant lets a function's role do what the exporter needs, and gives the statements that it could not add. nil is a role that nothing is known of.
	grant(to awsiam.IGrantable) (missing []awsiam.PolicyStatement)
	// hint says what would keep this function from exporting, and what helps; "" if nothing is known to.
	hint(s functionState) string
}

// A Compression is how export requests are compressed.
type Compression string

const (
	CompressionGzip Compression = "gzip"
	CompressionNone Compression = "none"
)

// OTLPProps say where a collector is, and how it is spoken to: OTLP over HTTP in protobuf. Source: the OpenTelemetry Protocol Exporter's
// specification (opentelemetry.io/docs/specs/otel/protocol/exporter).
type OTLPProps struct {
	// Base URL of the collector, such as https://collector.example.com:4318; /v1/traces, /v1/metrics or /v1/logs is appended. It must not hold
	// credentials, a query or a fragment, nor be empty, nor end in one of these paths.
	// Default: none. Then at least one of Traces, Metrics and Logs needs an Endpoint.
	Endpoint *string
	// Headers of every request, readable in the template and by everybody who may read the function's configuration. A name that sounds like a
	// credential's is refused, unless its whole value is a token that fetches it, and so is a value that looks like one.
	// Default: none.
	Headers *map[string]*string
	// A secret with headers, which are read after the first response, never before, and again when the collector refuses them. The function's
	// role may read it. It holds name=value lines or a JSON object, unless SecretHeader is set.
	// Default: none.
	HeadersFromSecret awssecretsmanager.ISecret
	// The same from the Parameter Store, where it is cheaper; a SecureString is decrypted.
	// Default: none.
	HeadersFromParameter awsssm.IStringParameter
	// Name of the one header whose value the secret or the parameter holds, such as api-key.
	// Default: it holds name=value lines or a JSON object.
	SecretHeader *string
	// Compression of requests.
	// Default: CompressionGzip.
	Compression Compression
	// Longest time that one request may take, from 1 ms to 60 s. What the invocation has left bounds it further.
	// Default: 3 seconds.
	Timeout awscdk.Duration
	// File with certificates in PEM that are trusted in the place of the system's. The function's package or a layer brings it along.
	// Default: the system's certificates.
	CertificateFile *string
	// File with the certificate in PEM that is shown to a collector which asks for one; needs ClientKeyFile.
	// Default: none.
	ClientCertificateFile *string
	// File with that certificate's key in PEM.
	// Default: none.
	ClientKeyFile *string

	// What is different for spans.
	// Default: nothing.
	Traces *OTLPSignalProps
	// What is different for metrics.
	// Default: nothing.
	Metrics *OTLPSignalProps
	// What is different for log records.
	// Default: nothing.
	Logs *OTLPSignalProps
}

// OTLPSignalProps are what is different for one signal. Each field goes before the one of OTLPProps.
type OTLPSignalProps struct {
	// URL, used as it is.
	// Default: made from the Endpoint of OTLPProps.
	Endpoint *string
	// Headers, in the place of those of OTLPProps; readable in the template.
	// Default: those of OTLPProps.
	Headers *map[string]*string
	// Compression of requests.
	// Default: that of OTLPProps.
	Compression Compression
	// Longest time that one request may take, from 1 ms to 60 s.
	// Default: that of OTLPProps.
	Timeout awscdk.Duration
	// File with certificates in PEM that are trusted.
	// Default: that of OTLPProps.
	CertificateFile *string
	// File with the certificate in PEM that is shown.
	// Default: that of OTLPProps.
	ClientCertificateFile *string
	// File with its key in PEM.
	// Default: that of OTLPProps.
	ClientKeyFile *string
}

type otlp struct{ props OTLPProps }

// ToOTLP exports to any collector or backend that takes OTLP over HTTP.
func ToOTLP(props *OTLPProps) Exporter {
	if props == nil {
		props = &OTLPProps{}
	}
	return &otlp{*props}
}

func (*otlp) kind() string { return "otlp" }

func (e *otlp) rows() []row {
	p := &e.props
	const prefix = "OTEL_EXPORTER_OTLP_"
	all := []row{
		{"Endpoint", prefix + "ENDPOINT", p.Endpoint},
		{"Headers", prefix + "HEADERS", p.Headers},
		{"Compression", prefix + "COMPRESSION", p.Compression},
		{"Timeout", prefix + "TIMEOUT", p.Timeout},
		{"CertificateFile", prefix + "CERTIFICATE", p.CertificateFile},
		{"ClientCertificateFile", prefix + "CLIENT_CERTIFICATE", p.ClientCertificateFile},
		{"ClientKeyFile", prefix + "CLIENT_KEY", p.ClientKeyFile},
		{"SecretHeader", "AFTERGLOW_OTLP_SECRET_HEADER", p.SecretHeader},
	}
	secret := row{"HeadersFromSecret", "AFTERGLOW_OTLP_SECRET", nil}
	switch {
	case p.HeadersFromSecret != nil:
		secret.value = p.HeadersFromSecret.SecretArn()
	case p.HeadersFromParameter != nil:
		secret = row{"HeadersFromParameter", "AFTERGLOW_OTLP_SECRET", p.HeadersFromParameter.ParameterArn()}
	}
	all = append(all, secret)
	for _, signal := range e.signals() {
		s := signal.props
		if s == nil {
			s = &OTLPSignalProps{}
		}
		field, variable := signal.field+".", prefix+signal.variable+"_"
		all = append(all,
			row{field + "Endpoint", variable + "ENDPOINT", s.Endpoint},
			row{field + "Headers", variable + "HEADERS", s.Headers},
			row{field + "Compression", variable + "COMPRESSION", s.Compression},
			row{field + "Timeout", variable + "TIMEOUT", s.Timeout},
			row{field + "CertificateFile", variable + "CERTIFICATE", s.CertificateFile},
			row{field + "ClientCertificateFile", variable + "CLIENT_CERTIFICATE", s.ClientCertificateFile},
			row{field + "ClientKeyFile", variable + "CLIENT_KEY", s.ClientKeyFile},
		)
	}
	return all
}

type otlpSignal struct {
	field, variable string
	props           *OTLPSignalProps
}

func (e *otlp) signals() []otlpSignal {
	return []otlpSignal{{"Traces", "TRACES", e.props.Traces}, {"Metrics", "METRICS", e.props.Metrics}, {"Logs", "LOGS", e.props.Logs}}
}

func (e *otlp) needsPermission() bool {
	return e.props.HeadersFromSecret != nil || e.props.HeadersFromParameter != nil
}

func (e *otlp) grant(to awsiam.IGrantable) (missing []awsiam.PolicyStatement) {
	switch {
	case e.props.HeadersFromSecret != nil:
		return grantSecret(e.props.HeadersFromSecret, to)
	case e.props.HeadersFromParameter != nil:
		return grantParameter(e.props.HeadersFromParameter, to)
	}
	return nil
}

// shortTimeout is the function's default, and not more than a request may take by default.
const shortTimeout = 3

func (e *otlp) hint(s functionState) string {
	if s.timeout > 0 && s.timeout <= shortTimeout && e.props.Timeout == nil {
		return fmt.Sprintf("its timeout is %g s, of which a collector that is slow or gone may take all that the function leaves. "+
			"Nothing is lost by that, and no response waits for it; set Timeout of ToOTLP to less if the bill matters", s.timeout)
	}
	return ""
}

type xray struct{ _ byte }

// ToXRay exports spans to AWS X-Ray's OTLP endpoint of the function's region, signed with the function's own credentials, which may do that then. CloudWatch's
// Transaction Search has to be switched on in the account and region: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Transaction-Search.html.
// X-Ray takes spans alone.
func ToXRay() Exporter { return &xray{} }

func (*xray) kind() string { return "xray" }
func (*xray) rows() []row  { return nil }
func (*xray) check() error { return nil }

// xrayAction is what X-Ray's OTLP endpoint asks for, as AWS's managed policy AWSXrayWriteOnlyAccess has it. X-Ray knows no resources for it.
const xrayAction = "xray:PutTraceSegments"

func (*xray) needsPermission() bool { return true }

func (*xray) grant(to awsiam.IGrantable) (missing []awsiam.PolicyStatement) {
	statement := allow(jsii.String("*"), xrayAction)
	if to == nil {
		return []awsiam.PolicyStatement{statement}
	}
	return addTo(to, statement)
}

func (*xray) hint(s functionState) string {
	if s.vpc {
		return "it is in a VPC, from where X-Ray is reached through a NAT gateway or an interface endpoint for com.amazonaws.<region>.xray alone"
	}
	return ""
}

type toLog struct{ _ byte }

// ToLog writes telemetry into the function's own log, compressed, in lines that `go run ./infra/local replay` turns back into OTLP. CloudWatch charges for them by
// size.
func ToLog() Exporter { return &toLog{} }

func (*toLog) kind() string                                     { return "log" }
func (*toLog) rows() []row                                      { return nil }
func (*toLog) check() error                                     { return nil }
func (*toLog) needsPermission() bool                            { return false }
func (*toLog) grant(awsiam.IGrantable) []awsiam.PolicyStatement { return nil }
func (*toLog) hint(functionState) string                        { return "" }
