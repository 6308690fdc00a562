package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/internal/cfnlint"
)

// One jsii kernel serves all tests of this package. It is not safe for goroutines: no test is parallel.
func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// A template is what the tests look at.
type template struct {
	Resources map[string]struct {
		Type       string
		Properties struct {
			Architectures  []string
			Runtime        string
			Layers         []any
			Environment    struct{ Variables map[string]any }
			RedrivePolicy  struct{ MaxReceiveCount int }
			PolicyDocument struct {
				Statement []struct {
					Effect           string
					Action, Resource any
				}
			}
		}
	}
	Outputs map[string]any
}

// synth makes the example as the app does and gives its template, read and as text.
func synth(t *testing.T, context map[string]any, getenv func(string) string) (template, string) {
	t.Helper()
	all := map[string]any{"afterglow:cacheDir": "../.afterglow/cache/layer"}
	maps.Copy(all, context)
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false), Context: &all})
	config := readConfig(app, getenv)
	config.functions, config.cacheDir = "functions", "../.afterglow/cache/functions"
	text, err := json.Marshal(assertions.Template_FromStack(newExample(app, "AfterglowExample", config), nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var read template
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read, string(text)
}

func noEnv(string) string { return "" }

// functions gives the logical ids of the functions, without the CDK's hash.
func (p template) functions() []string {
	var names []string
	for id, resource := range p.Resources {
		if resource.Type == "AWS::Lambda::Function" {
			names = append(names, id[:len(id)-8])
		}
	}
	slices.Sort(names)
	return names
}

func TestExample(t *testing.T) {
	made, text := synth(t, nil, noEnv)
	if got := made.functions(); !slices.Equal(got, []string{"Fulfilment", "Orders", "Partners"}) {
		t.Errorf("functions %v", got)
	}
	queues := 0
	for id, resource := range made.Resources {
		properties := resource.Properties
		switch resource.Type {
		case "AWS::Lambda::Function":
			if !slices.Equal(properties.Architectures, []string{"arm64"}) {
				t.Errorf("%s: architectures %v, want arm64", id, properties.Architectures)
			}
			instrumented := len(properties.Layers) == 1 && properties.Environment.Variables["AWS_LAMBDA_EXEC_WRAPPER"] != nil
			if want := !strings.HasPrefix(id, "Partners"); instrumented != want {
				t.Errorf("%s: instrumented %v, want %v", id, instrumented, want)
			}
		case "AWS::SQS::Queue":
			if properties.RedrivePolicy.MaxReceiveCount == 1 {
				queues++
			}
		case "AWS::IAM::Policy":
			for _, statement := range properties.PolicyDocument.Statement {
				// X-Ray knows no resources for what its exporter needs.
				if statement.Resource == "*" && statement.Action != "xray:PutTraceSegments" || statement.Action == "*" {
					t.Errorf("%s allows too much: %v", id, statement)
				}
			}
		}
	}
	if queues != 2 {
		t.Errorf("%d queues whose messages go to the dead letters at once, want 2", queues)
	}
	for _, name := range []string{"OrdersUrl", "OrdersFunction", "FulfilmentFunction", "OrdersQueueUrl", "ItemsQueueUrl", "TableName", "BucketName"} {
		if made.Outputs[name] == nil {
			t.Errorf("no output %s", name)
		}
	}
	if strings.Contains(text, "OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Error("an endpoint out of nowhere")
	}
	if _, again := synth(t, nil, noEnv); again != text {
		t.Error("two synths differ: a deploy without a change")
	}
	t.Run("linted", func(t *testing.T) {
		cfnlint.Check(t, "..", map[string]string{"example.json": text}, []cfnlint.Allowance{
			{Rules: []string{"W3005"}, Says: "dependency already enforced", Why: "the CDK writes what a function depends on although the function refers to it"},
		})
	})
}

func TestContext(t *testing.T) {
	environment := func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://from.environment:4318"}[name]
	}
	for _, c := range []struct {
		name      string
		context   map[string]any
		getenv    func(string) string
		holds     []string
		functions []string
	}{
		{"architecture", map[string]any{"architecture": "x86_64"}, noEnv, []string{`"Architectures":["x86_64"]`}, []string{"Fulfilment", "Orders", "Partners"}},
		{"endpoint", map[string]any{"otlpEndpoint": "http://from.context:4318"}, environment,
			[]string{`"OTEL_EXPORTER_OTLP_ENDPOINT":"http://from.context:4318"`}, []string{"Fulfilment", "Orders", "Partners"}},
		{"endpoint of the environment", nil, environment,
			[]string{`"OTEL_EXPORTER_OTLP_ENDPOINT":"http://from.environment:4318"`}, []string{"Fulfilment", "Orders", "Partners"}},
		{"one service", map[string]any{"paymentUrl": "http://pay.example.com"}, noEnv,
			[]string{`"PAYMENT_URL":"http://pay.example.com"`}, []string{"Fulfilment", "Orders", "Partners"}},
		{"both services", map[string]any{"paymentUrl": "http://pay.example.com", "shippingUrl": "http://ship.example.com"}, noEnv,
			[]string{`"PAYMENT_URL":"http://pay.example.com"`, `"SHIPPING_URL":"http://ship.example.com"`}, []string{"Fulfilment", "Orders"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, text := synth(t, c.context, c.getenv)
			for _, want := range c.holds {
				if !strings.Contains(text, want) {
					t.Errorf("the template does not hold %s", want)
				}
			}
			if got := made.functions(); !slices.Equal(got, c.functions) {
				t.Errorf("functions %v, want %v", got, c.functions)
			}
		})
	}
}

func TestRunTellsWhatIsWrong(t *testing.T) {
	t.Chdir(t.TempDir()) // no functions here
	var stderr strings.Builder
	if code := run(noEnv, &stderr); code != 1 || !strings.Contains(stderr.String(), "infra/functions") || strings.Contains(stderr.String(), "goroutine") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// The product's claim, held where everybody looks first.
func TestFunctionsDoNotKnowOfAfterglow(t *testing.T) {
	err := filepath.WalkDir("functions", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		for _, word := range []string{"afterglow", "opentelemetry", "otel", "traceparent"} {
			if strings.Contains(strings.ToLower(string(data)), word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
