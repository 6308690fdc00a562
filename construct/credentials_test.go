package construct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

func TestNamesOfCredentials(t *testing.T) {
	for _, name := range []string{"bearer", "x-jwt", "pwd", "x-pass", "x-passphrase", "x-cred", "x-access", "PIN", "otp", "x-sas", "private", "x_hec"} {
		if checkHeader(name, "value") == nil {
			t.Errorf("%s is not refused", name)
		}
	}
	for _, name := range []string{"x-dataset", "x-scope-orgid", "x-compass", "x-ping", "x-accessory", "x-stage"} {
		if err := checkHeader(name, "value"); err != nil {
			t.Error(err)
		}
	}
}

// TestCredentialsWithinIntrinsicFunctions: what stands in an argument of CloudFormation's functions stands in the template; what these fetch does not.
func TestCredentialsWithinIntrinsicFunctions(t *testing.T) {
	stack := newStack(t)
	const secret = "sk-geheim1234567890"
	region, text := awscdk.Aws_REGION(), func(value any) *string { return awscdk.Token_AsString(value, nil) }
	header := func(name string, value *string) OTLPProps { return headed(name, *value) }
	endpoint := func(value *string) OTLPProps { return OTLPProps{Endpoint: value} }
	imported, parameter := awscdk.Fn_ImportValue(jsii.String("Key")), awscdk.NewCfnParameter(stack, jsii.String("P"), &awscdk.CfnParameterProps{NoEcho: jsii.Bool(true)})
	condition := awscdk.NewCfnCondition(stack, jsii.String("C"), &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionEquals(region, "x")})
	for n, c := range []struct {
		props OTLPProps
		want  string // in the error; "" for none
	}{
		{endpoint(awscdk.Fn_Sub(jsii.String("https://user:"+secret+"@c.${AWS::Region}.example.com"), nil)), "Exporters[0].Endpoint: the URL holds credentials"},
		{endpoint(awscdk.Fn_Join(jsii.String(""), &[]*string{jsii.String("https://c."), region, jsii.String(".example.com/?key=" + secret)})), "Exporters[0].Endpoint: the URL has a query"},
		{endpoint(text(awscdk.Fn_ConditionIf(condition.LogicalId(), "https://a:"+secret+"@x", "https://y"))), "Exporters[0].Endpoint: the URL holds credentials"},
		{OTLPProps{Traces: &OTLPSignalProps{Endpoint: awscdk.Fn_Sub(jsii.String("https://c/${AWS::Region}/"+secret), nil)}}, "Exporters[0].Traces.Endpoint: the URL holds what looks like a key"},
		{header("api-key", awscdk.Fn_Sub(jsii.String(secret+"-${AWS::Region}"), nil)), `Exporters[0].Headers: "api-key" sounds like`},
		{header("api-key", awscdk.Fn_Join(jsii.String(""), &[]*string{jsii.String(secret), region})), `"api-key"`},
		{header("api-key", awscdk.Fn_Base64(jsii.String(secret))), `"api-key"`},
		{header("api-key", text(awscdk.SecretValue_UnsafePlainText(jsii.String(secret)))), `"api-key"`},
		{header("x-forward", awscdk.Fn_Sub(jsii.String("Bearer geheim-${AWS::Region}"), nil)), `"x-forward" has a value that looks like`},

		{endpoint(awscdk.Fn_Sub(jsii.String("https://c.${AWS::Region}.example.com"), nil)), ""},
		{endpoint(text(awscdk.Fn_ConditionIf(condition.LogicalId(), "https://x", imported))), ""},
		{header("api-key", imported), ""},
		{header("api-key", parameter.ValueAsString()), ""},
		{header("api-key", awscdk.Fn_Select(jsii.Number(1), awscdk.Fn_Split(jsii.String("x"), imported, nil))), ""},
		{header("api-key", awscdk.Fn_FindInMap(jsii.String("Keys"), region, jsii.String("key"), nil)), ""},
		{header("api-key", awscdk.Fn_Sub(jsii.String("${P}"), nil)), ""},
		{header("api-key", awscdk.SecretValue_SecretsManager(imported, nil).UnsafeUnwrap()), ""},
		{header("x-region", awscdk.Fn_Sub(jsii.String("in ${AWS::Region}"), nil)), ""},
	} {
		id, props := fmt.Sprintf("F%02d", n), python()
		Instrument(awslambda.NewFunction(stack, &id, &props), &Instrumentation{Exporters: &[]Exporter{ToOTLP(&c.props)}})
		defer func() {
			errors := inJSON(errorsOf(stack, "/Shop/"+id))
			switch {
			case strings.Contains(errors, "geheim"):
				t.Errorf("%s: the error shows the secret: %s", id, errors)
			case c.want == "" && errors != "null":
				t.Errorf("%s: %s", id, errors)
			case c.want != "" && !strings.Contains(errors, inJSON(c.want)[1:len(inJSON(c.want))-1]):
				t.Errorf("%s: %s, want %q", id, errors, c.want)
			}
		}()
	}
	template := awscdk.Stage_Of(stack).Synth(nil).GetStackByName(jsii.String("Shop")).Template()
	if strings.Contains(fmt.Sprint(template), "geheim") {
		t.Error("a secret is in the template")
	}
}

// errorsOf gives the texts of the errors on the construct at a path.
func errorsOf(stack awscdk.Stack, path string) (texts []string) {
	for _, m := range *assertions.Annotations_FromStack(stack).FindError(&path, assertions.Match_AnyValue()) {
		texts = append(texts, fmt.Sprint(m.Entry.Data))
	}
	return texts
}
