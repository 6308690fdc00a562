package construct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"
)

// statementsOf gives what the stack's policies allow, as lines "action on resource".
func statementsOf(t *testing.T, stack awscdk.Stack) (lines []string) {
	t.Helper()
	for _, policy := range *assertions.Template_FromStack(stack, nil).FindResources(jsii.String("AWS::IAM::Policy"), nil) {
		document := (*policy)["Properties"].(map[string]any)["PolicyDocument"].(map[string]any)
		for _, s := range document["Statement"].([]any) {
			statement := s.(map[string]any)
			lines = append(lines, inJSON(statement["Action"])+" on "+inJSON(statement["Resource"]))
		}
	}
	return lines
}

func TestExporters(t *testing.T) {
	const endpoint = "https://collector.example.com"
	for _, c := range []struct {
		name        string
		exporters   func(awscdk.Stack) *[]Exporter
		environment map[string]any
		allowed     []string
	}{
		{"by default", func(awscdk.Stack) *[]Exporter { return nil }, map[string]any{"AFTERGLOW_EXPORTERS": "xray"}, []string{`"xray:PutTraceSegments" on "*"`}},
		{"nowhere", func(awscdk.Stack) *[]Exporter { return &[]Exporter{} }, map[string]any{"AFTERGLOW_EXPORTERS": "none"}, nil},
		{"all", func(awscdk.Stack) *[]Exporter {
			return &[]Exporter{ToOTLP(&OTLPProps{Endpoint: jsii.String(endpoint)}), ToXRay(), ToLog()}
		}, map[string]any{"AFTERGLOW_EXPORTERS": "otlp,xray,log", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, []string{`"xray:PutTraceSegments" on "*"`}},
		{"headers that anybody may see", func(awscdk.Stack) *[]Exporter {
			return &[]Exporter{ToOTLP(&OTLPProps{Endpoint: jsii.String(endpoint), Headers: &map[string]*string{"x-dataset": jsii.String("a b")}})}
		}, map[string]any{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-dataset=a%20b"}, nil},
		{"a secret", func(stack awscdk.Stack) *[]Exporter {
			secret := awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil)
			return &[]Exporter{ToOTLP(&OTLPProps{Endpoint: jsii.String(endpoint), HeadersFromSecret: secret, SecretHeader: jsii.String("api-key")})}
		}, map[string]any{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "AFTERGLOW_OTLP_SECRET": map[string]any{"Ref": "Key961B73FD"}, "AFTERGLOW_OTLP_SECRET_HEADER": "api-key"},
			[]string{`"secretsmanager:GetSecretValue" on {"Ref":"Key961B73FD"}`}},
		{"a secret that is known by its name", func(stack awscdk.Stack) *[]Exporter {
			secret := awssecretsmanager.Secret_FromSecretPartialArn(stack, jsii.String("Key"), jsii.String("arn:aws:secretsmanager:eu-west-1:123456789012:secret:key"))
			return otlpAt(OTLPProps{HeadersFromSecret: secret})
		}, map[string]any{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "AFTERGLOW_OTLP_SECRET": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key"},
			[]string{`"secretsmanager:GetSecretValue" on "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-??????"`}},
		{"a secret with a key of others", func(stack awscdk.Stack) *[]Exporter {
			key := awskms.Key_FromKeyArn(stack, jsii.String("CMK"), jsii.String("arn:aws:kms:eu-west-1:123456789012:key/1"))
			return otlpAt(OTLPProps{HeadersFromSecret: awssecretsmanager.NewSecret(stack, jsii.String("Key"), &awssecretsmanager.SecretProps{EncryptionKey: key})})
		}, map[string]any{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "AFTERGLOW_OTLP_SECRET": map[string]any{"Ref": "Key961B73FD"}},
			[]string{`"secretsmanager:GetSecretValue" on {"Ref":"Key961B73FD"}`, `"kms:Decrypt" on "arn:aws:kms:eu-west-1:123456789012:key/1"`}},
		{"a parameter in plain text", func(stack awscdk.Stack) *[]Exporter {
			return otlpAt(OTLPProps{HeadersFromParameter: awsssm.StringParameter_FromStringParameterName(stack, jsii.String("Key"), jsii.String("/keys/collector"))})
		}, map[string]any{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "AFTERGLOW_OTLP_SECRET": arnOfParameter},
			[]string{`"ssm:GetParameter" on ` + inJSON(arnOfParameter)}},
		{"an encrypted parameter", func(stack awscdk.Stack) *[]Exporter {
			parameter := awsssm.StringParameter_FromSecureStringParameterAttributes(stack, jsii.String("Key"), &awsssm.SecureStringParameterAttributes{ParameterName: jsii.String("/keys/collector")})
			return &[]Exporter{ToOTLP(&OTLPProps{Traces: &OTLPSignalProps{Endpoint: jsii.String(endpoint + "/v1/traces")}, HeadersFromParameter: parameter})}
		}, map[string]any{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint + "/v1/traces", "AFTERGLOW_OTLP_SECRET": arnOfParameter},
			[]string{`["ssm:DescribeParameters","ssm:GetParameters","ssm:GetParameter","ssm:GetParameterHistory"] on ` + inJSON(arnOfParameter)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack := newStack(t)
			NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: &Instrumentation{Exporters: c.exporters(stack)}})
			got := onlyFunction(t, stack).Environment.Variables
			delete(got, "AWS_LAMBDA_EXEC_WRAPPER")
			if inJSON(got) != inJSON(c.environment) {
				t.Errorf("environment %s\nwant %s", inJSON(got), inJSON(c.environment))
			}
			if allowed := statementsOf(t, stack); fmt.Sprint(allowed) != fmt.Sprint(c.allowed) {
				t.Errorf("allowed %q\nwant %q", allowed, c.allowed)
			}
			if w := warningsOf(t, stack, "/Shop/Orders"); len(w) != 0 {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// arnOfParameter is the ARN that the CDK makes of a name, in whatever partition.
var arnOfParameter = map[string]any{"Fn::Join": []any{"", []any{"arn:", map[string]any{"Ref": "AWS::Partition"}, ":ssm:", map[string]any{"Ref": "AWS::Region"}, ":",
	map[string]any{"Ref": "AWS::AccountId"}, ":parameter/keys/collector"}}}

// TestOwnEnvironmentSaysWhereTo: what the function's environment says by itself is not overruled by our default.
func TestOwnEnvironmentSaysWhereTo(t *testing.T) {
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com", "AFTERGLOW_EXPORTERS": "log"} {
		stack, props := newStack(t), python()
		props.Environment = &map[string]*string{name: &value}
		NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props})
		got := onlyFunction(t, stack).Environment.Variables
		if want := map[string]any{name: value, "AWS_LAMBDA_EXEC_WRAPPER": "/opt/afterglow/exec-wrapper"}; inJSON(got) != inJSON(want) {
			t.Errorf("environment %v, want %v", got, want)
		}
		if allowed := statementsOf(t, stack); len(allowed) != 0 {
			t.Errorf("allowed %q, want nothing", allowed)
		}
	}
}

// TestKeyOfASecret: the key's own policy lets the function decrypt, by Secrets Manager alone.
func TestKeyOfASecret(t *testing.T) {
	stack := newStack(t)
	key := awskms.NewKey(stack, jsii.String("CMK"), nil)
	secret := awssecretsmanager.NewSecret(stack, jsii.String("Key"), &awssecretsmanager.SecretProps{EncryptionKey: key})
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: &Instrumentation{Exporters: otlpAt(OTLPProps{HeadersFromSecret: secret})}})
	if allowed := statementsOf(t, stack); fmt.Sprint(allowed) != `["secretsmanager:GetSecretValue" on {"Ref":"Key961B73FD"}]` {
		t.Errorf("allowed %q", allowed)
	}
	role := map[string]any{"AWS": map[string]any{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("OrdersServiceRole")), "Arn"}}}
	statement := assertions.Match_ObjectLike(&map[string]any{"Action": "kms:Decrypt", "Principal": role, "Condition": map[string]any{"StringEquals": map[string]any{"kms:ViaService": assertions.Match_AnyValue()}}})
	assertions.Template_FromStack(stack, nil).HasResourceProperties(jsii.String("AWS::KMS::Key"), map[string]any{"KeyPolicy": map[string]any{"Statement": assertions.Match_ArrayWith(&[]any{statement})}})
}

// TestRoles: once for each role, and a word where a role cannot be changed.
func TestRoles(t *testing.T) {
	t.Run("of two functions", func(t *testing.T) {
		stack := newStack(t)
		role := awsiam.NewRole(stack, jsii.String("Role"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil)})
		for _, id := range []string{"Orders", "Items"} {
			props := python()
			props.Role = role
			NewInstrumentedFunction(stack, &id, &InstrumentedFunctionProps{FunctionProps: props})
		}
		if allowed := statementsOf(t, stack); fmt.Sprint(allowed) != `["xray:PutTraceSegments" on "*"]` {
			t.Errorf("allowed %q, want one statement", allowed)
		}
	})
	t.Run("of somebody else", func(t *testing.T) {
		stack := newStack(t)
		props := python()
		props.Role = awsiam.Role_FromRoleArn(stack, jsii.String("Role"), jsii.String("arn:aws:iam::123456789012:role/theirs"), &awsiam.FromRoleArnOptions{Mutable: jsii.Bool(false)})
		secret := awssecretsmanager.Secret_FromSecretCompleteArn(stack, jsii.String("Key"), jsii.String("arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-abcdef"))
		fn := NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: &Instrumentation{
			Exporters: &[]Exporter{ToXRay(), ToOTLP(&OTLPProps{Endpoint: jsii.String("https://collector.example.com"), HeadersFromSecret: secret})}}})
		warnings := strings.Join(warningsOf(t, stack, "/Shop/Orders"), "\n")
		mustHold(t, warnings, "cannot change the role", "exported to xray", `"xray:PutTraceSegments"`, "exported to otlp", `"secretsmanager:GetSecretValue"`, "secret:key-abcdef")
		if !*fn.IsInstrumented() || len(onlyFunction(t, stack).Layers) != 1 {
			t.Error("the function was not instrumented")
		}
	})
}

func otlpWith(props OTLPProps) func(awscdk.Stack) []Exporter {
	return func(awscdk.Stack) []Exporter { return []Exporter{ToOTLP(&props)} }
}

func headed(name, value string) OTLPProps {
	return OTLPProps{Endpoint: jsii.String("https://collector.example.com"), Headers: &map[string]*string{name: &value}}
}

func TestWrongExportersAreErrors(t *testing.T) {
	endpoint := jsii.String("https://collector.example.com")
	for _, c := range []struct {
		name      string
		exporters func(awscdk.Stack) []Exporter
		want      []string
	}{
		{"no endpoint", func(awscdk.Stack) []Exporter { return []Exporter{ToOTLP(nil)} }, []string{"Exporters[0]: property Endpoint", "there is none", "https://"}},
		{"twice", func(awscdk.Stack) []Exporter { return []Exporter{ToLog(), ToXRay(), ToLog()} }, []string{"Exporters[2]", "to log", "remove one"}},
		{"nil", func(awscdk.Stack) []Exporter { return []Exporter{nil} }, []string{"Exporters[0] is nil", "ToOTLP"}},
		{"a key in the template", func(awscdk.Stack) []Exporter {
			return []Exporter{ToOTLP(&OTLPProps{Endpoint: endpoint, Headers: &map[string]*string{"Api-Key": jsii.String("geheim")}})}
		}, []string{"property Headers", `"Api-Key"`, "HeadersFromSecret"}},
		{"a key of one signal", func(awscdk.Stack) []Exporter {
			return []Exporter{ToOTLP(&OTLPProps{Endpoint: endpoint, Logs: &OTLPSignalProps{Headers: &map[string]*string{"Authorization": jsii.String("geheim")}}})}
		}, []string{"property Logs.Headers", `"Authorization"`}},
		{"an endpoint of a variable that is not set", otlpWith(OTLPProps{Endpoint: jsii.String("")}), []string{"Exporters[0]: property Endpoint", `""`, "may not be set", "https://"}},
		{"the same of one signal", otlpWith(OTLPProps{Endpoint: endpoint, Metrics: &OTLPSignalProps{Endpoint: jsii.String("")}}), []string{"property Metrics.Endpoint", "https://"}},
		{"Honeycomb's key", otlpWith(headed("x-honeycomb-team", "geheim")), []string{`"x-honeycomb-team"`, "HeadersFromSecret"}},
		{"Uptrace's", otlpWith(headed("uptrace-dsn", "https://geheim@example.com")), []string{`"uptrace-dsn"`}},
		{"a key to send", otlpWith(headed("X-Ingest", "geheim")), []string{`"X-Ingest"`}},
		{"a licence", otlpWith(headed("x-license", "geheim")), []string{`"x-license"`}},
		{"a personal token", otlpWith(headed("x_pat", "geheim")), []string{`"x_pat"`}},
		{"a credential before a token", otlpWith(headed("Authorization", "Basic geheim"+*awscdk.Aws_REGION())), []string{`"Authorization"`, "HeadersFromSecret"}},
		{"two lines", otlpWith(headed("x-dataset", "a\r\nb: c")), []string{`"x-dataset"`, "one line"}},
		{"no name", otlpWith(headed("a=b,c d", "1")), []string{`"a…"`, "write one like"}},
		{"a name and its value", otlpWith(headed("api-key: geheim", "x")), []string{`"api-key…"`, "value as the value"}},
		{"a value for a name", otlpWith(headed("sk-geheim1234567890", "x")), []string{`"…"`, "write one like"}},
		{"a token under any name", otlpWith(headed("x-dataset", "sk-geheim1234567890")), []string{`"x-dataset"`, "looks like a credential"}},
		{"a bearer under any name", otlpWith(headed("x-forward", "Bearer geheim")), []string{`"x-forward"`, "HeadersFromSecret"}},
		{"one name twice", otlpWith(OTLPProps{Endpoint: endpoint, Headers: &map[string]*string{"x-a": endpoint, "X-A": endpoint}}), []string{`"X-A" and "x-a"`, "keep one"}},
		{"a key for its file", otlpWith(OTLPProps{Endpoint: endpoint, ClientKeyFile: jsii.String("-----BEGIN PRIVATE KEY-----\ngeheim")}), []string{"property ClientKeyFile", "set ClientCertificateFile"}},
		{"the same of one signal", otlpWith(OTLPProps{Endpoint: endpoint, Traces: &OTLPSignalProps{ClientKeyFile: jsii.String("geheim")}}), []string{"property Traces.ClientKeyFile", "set ClientCertificateFile"}},
		{"a header without a store", otlpWith(OTLPProps{Endpoint: endpoint, SecretHeader: jsii.String("Authorization: Bearer geheim")}), []string{"property SecretHeader", `"Authorization…"`, "set one of them"}},
		{"a key for its header", func(stack awscdk.Stack) []Exporter {
			return []Exporter{ToOTLP(&OTLPProps{Endpoint: endpoint, HeadersFromSecret: awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil), SecretHeader: jsii.String("sk-geheim1234567890")})}
		}, []string{"property SecretHeader", "what the secret holds"}},
		{"a URL with a key in its path", otlpWith(OTLPProps{Endpoint: jsii.String("https://c.example.com/v1/sk-geheim1234567890")}), []string{".Endpoint", "looks like a key"}},
		{"an unknown compression", otlpWith(OTLPProps{Endpoint: endpoint, Compression: "sk-geheim1234567890"}), []string{".Compression", "gzip"}},
		{"a URL of one signal for all", otlpWith(OTLPProps{Endpoint: jsii.String("https://c.example.com/v1/traces/")}), []string{".Endpoint", "ends in /v1/traces", "Traces.Endpoint"}},
		{"a port that is none", otlpWith(OTLPProps{Endpoint: jsii.String("https://c.example.com:70000")}), []string{".Endpoint", "65535"}},
		{"a secret's header with spaces", func(stack awscdk.Stack) []Exporter {
			return []Exporter{ToOTLP(&OTLPProps{Endpoint: endpoint, HeadersFromSecret: awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil), SecretHeader: jsii.String("a b\n")})}
		}, []string{"property SecretHeader", `"a…"`, "write one like"}},
		{"a certificate without a key", otlpWith(OTLPProps{Endpoint: endpoint, ClientCertificateFile: jsii.String("/opt/c.pem")}), []string{"property ClientCertificateFile", `"/opt/c.pem"`, "set ClientKeyFile"}},
		{"a key without a certificate", otlpWith(OTLPProps{Endpoint: endpoint, Logs: &OTLPSignalProps{ClientKeyFile: jsii.String("/opt/k.pem")}}), []string{"property Logs.ClientKeyFile", `"/opt/k.pem"`, "set ClientCertificateFile"}},
		{"a header of nothing", func(awscdk.Stack) []Exporter {
			return []Exporter{ToOTLP(&OTLPProps{Endpoint: endpoint, SecretHeader: jsii.String("api-key")})}
		}, []string{"SecretHeader", `"api-key"`, "set one of them"}},
		{"two stores", func(stack awscdk.Stack) []Exporter {
			return []Exporter{ToOTLP(&OTLPProps{Endpoint: endpoint, HeadersFromSecret: awssecretsmanager.NewSecret(stack, jsii.String("Key"), nil),
				HeadersFromParameter: awsssm.StringParameter_FromStringParameterName(stack, jsii.String("P"), jsii.String("/p"))})}
		}, []string{"both set", "keep one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack := newStack(t)
			exporters := c.exporters(stack)
			message := panicOf(t, func() {
				NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: &Instrumentation{Exporters: &exporters}})
			})
			mustHold(t, message, append(c.want, "Shop/Orders")...)
			if strings.Contains(message, "geheim") {
				t.Errorf("the error shows the secret: %s", message)
			}
		})
	}
}

func TestHints(t *testing.T) {
	stack := newStack(t)
	props := python()
	props.Vpc = awsec2.NewVpc(stack, jsii.String("Net"), nil)
	NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props, Afterglow: &Instrumentation{
		Exporters: &[]Exporter{ToXRay(), ToOTLP(&OTLPProps{Endpoint: jsii.String("https://collector.example.com")})}}})
	slow := python()
	slow.Timeout = awscdk.Duration_Seconds(jsii.Number(30))
	NewInstrumentedFunction(stack, jsii.String("Items"), &InstrumentedFunctionProps{FunctionProps: slow, Afterglow: toCollector()})
	shared := toCollector()
	for _, id := range []string{"First", "Second"} {
		NewInstrumentedFunction(stack, jsii.String(id), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: shared})
	}
	infos := func(path string) string {
		var texts []string
		for _, m := range *assertions.Annotations_FromStack(stack).FindInfo(&path, assertions.Match_AnyValue()) {
			texts = append(texts, fmt.Sprint(m.Entry.Data))
		}
		return strings.Join(texts, "\n")
	}
	mustHold(t, infos("/Shop/Orders"), "in a VPC", "com.amazonaws.<region>.xray", "its timeout is 3 s")
	if got := infos("/Shop/Items"); got != "" {
		t.Errorf("hints %q, want none", got)
	}
	mustHold(t, infos("/Shop/First"), "its timeout is 3 s", "said once")
	if got := infos("/Shop/Second"); got != "" {
		t.Errorf("hints %q, want them once for functions with the same settings", got)
	}
}

// TestXRayOfTheEnvironment: who names X-Ray in the function's own environment needs the permission as well.
func TestXRayOfTheEnvironment(t *testing.T) {
	for exporters, want := range map[string]float64{"xray": 1, "log, xray": 1, "log": 0} {
		stack := newStack(t)
		props := python()
		props.Environment = &map[string]*string{envExporters: &exporters}
		Instrument(awslambda.NewFunction(stack, jsii.String("F"), &props), nil)
		assertions.Template_FromStack(stack, nil).ResourceCountIs(jsii.String("AWS::IAM::Policy"), &want)
	}
}
