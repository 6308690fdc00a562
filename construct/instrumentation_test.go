package construct

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/settings"
)

// elsewhere are the settings that have no field, each with the reason.
var elsewhere = map[string]string{
	"AFTERGLOW_EXEC_WRAPPER_NEXT": "made of the function's own AWS_LAMBDA_EXEC_WRAPPER",
	"AFTERGLOW_EXPORTERS":         "made of Exporters",

	"OTEL_EXPORTER_OTLP_PROTOCOL":         "there is but one, the default",
	"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL":  "there is but one, the default",
	"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "there is but one, the default",
	"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL":    "there is but one, the default",
}

// otherFields are those that reach no setting of their own.
var otherFields = []string{"Exporters", "Layer"}

// Every row of the settings table has a field, and every field has a row.
func TestInstrumentationCoversTheSettings(t *testing.T) {
	rows := map[string]string{}
	var fields []string
	for _, r := range append((&Instrumentation{}).rows(), ToOTLP(nil).rows()...) {
		rows[r.setting] = r.field
		fields = append(fields, r.field)
	}
	for _, s := range settings.Table() {
		_, hasField := rows[s.Name]
		if reason, excused := elsewhere[s.Name]; hasField == excused {
			t.Errorf("%s: has a field: %v, reason for none: %q; give Instrumentation a field and rows a line for it", s.Name, hasField, reason)
		}
		delete(rows, s.Name)
	}
	for name, field := range rows {
		t.Errorf("field %s is for %s, which the settings do not have", field, name)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Instrumentation]()) {
		if f.IsExported() && !slices.Contains(append(fields, otherFields...), f.Name) {
			t.Errorf("field %s reaches no setting", f.Name)
		}
	}
}

func TestEnumsHaveTheSettingsValues(t *testing.T) {
	for name, constants := range map[string][]string{
		"AFTERGLOW_LOG_LEVEL":            {string(LogLevelDebug), string(LogLevelInfo), string(LogLevelWarn), string(LogLevelError), string(LogLevelOff)},
		"OTEL_EXPORTER_OTLP_COMPRESSION": {string(CompressionGzip), string(CompressionNone)},
		"AFTERGLOW_UNDELIVERED":          {string(UndeliveredLog), string(UndeliveredDrop)},
		"AFTERGLOW_FLUSH":                {string(FlushAdaptive), string(FlushEnd), string(FlushInterval)},
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": {
			string(MetricTemporalityDelta), string(MetricTemporalityCumulative), string(MetricTemporalityLowMemory),
		},
		"AFTERGLOW_MASK_PRESET":  {string(MaskPresetDefault), string(MaskPresetStrict), string(MaskPresetPCI), string(MaskPresetOff)},
		"AFTERGLOW_MASK_UNKNOWN": {string(MaskUnknownDetect), string(MaskUnknownDrop)},
	} {
		if s, _ := settings.Lookup(name); !slices.Equal(s.Values, constants) {
			t.Errorf("%s takes %v, the constants are %v", name, s.Values, constants)
		}
	}
}

// otlpAt is an exporter to a collector that is somewhere.
func otlpAt(props OTLPProps) *[]Exporter {
	if props.Endpoint == nil {
		props.Endpoint = jsii.String("https://collector.example.com")
	}
	return &[]Exporter{ToOTLP(&props)}
}

func TestEnvironment(t *testing.T) {
	token := awscdk.Fn_ImportValue(jsii.String("Collector"))
	for _, c := range []struct {
		name string
		i    Instrumentation
		want map[string]string
	}{
		{"nothing", Instrumentation{}, map[string]string{}},
		{"defaults written out", Instrumentation{
			Exporters: otlpAt(OTLPProps{Compression: CompressionGzip, Timeout: awscdk.Duration_Seconds(jsii.Number(3))}), Disabled: jsii.Bool(false),
			LogLevel: LogLevelWarn, CaptureBodySize: awscdk.Size_Kibibytes(jsii.Number(32)), DeadlineMargin: awscdk.Duration_Millis(jsii.Number(150)),
			SpoolDir: jsii.String(settings.DefaultSpoolDir), MaskKeys: &[]*string{},
			Signals: jsii.Strings("traces", "metrics"), MetricTemporality: MetricTemporalityDelta, MetricInterval: awscdk.Duration_Minutes(jsii.Number(1)),
		}, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com"}},
		{"every type", Instrumentation{
			Exporters: otlpAt(OTLPProps{Compression: CompressionNone, Timeout: awscdk.Duration_Millis(jsii.Number(250))}), Disabled: jsii.Bool(true), CaptureBodySize: awscdk.Size_Mebibytes(jsii.Number(1)),
			MaskKeys:           jsii.Strings("iban", "tax_id"),
			MaskPreset:         MaskPresetPCI,
			Signals:            jsii.Strings("logs"),
			MetricTemporality:  MetricTemporalityCumulative,
			PricePerGBSecond:   jsii.Number(0.0000221),
			MaskAll:            jsii.Strings("query", "errors"),
			ResourceAttributes: &map[string]*string{"team": jsii.String("shop, web"), "deployment.environment.name": jsii.String("test")},
		}, map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com", "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
			"OTEL_EXPORTER_OTLP_TIMEOUT": "250ms", "AFTERGLOW_DISABLED": "true", "AFTERGLOW_CAPTURE_BODY_BYTES": "1048576",
			"AFTERGLOW_MASK_KEYS": "iban,tax_id", "AFTERGLOW_MASK_PRESET": "pci", "AFTERGLOW_SIGNALS": "logs",
			"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "cumulative", "AFTERGLOW_PRICE_GB_SECOND": "2.21e-05", "AFTERGLOW_MASK_ALL": "query,errors", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,team=shop%2C%20web",
		}},
		{"tokens", Instrumentation{Exporters: otlpAt(OTLPProps{Endpoint: token})}, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": *token}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.i.environment()
			if err == nil {
				err = functionState{runtime: "provided.al2023"}.merge(got)
			}
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("%v, %v\nwant %v", got, err, c.want)
			}
			for name, value := range got {
				if err := settings.Parse(name, value); err != nil && !isToken(value) {
					t.Error(err)
				}
			}
		})
	}
}

func TestWrongSettingsAreErrors(t *testing.T) {
	parameters := newStack(t)
	number := awscdk.NewCfnParameter(parameters, jsii.String("Number"), &awscdk.CfnParameterProps{Type: jsii.String("Number")}).ValueAsNumber()
	list := awscdk.NewCfnParameter(parameters, jsii.String("List"), &awscdk.CfnParameterProps{Type: jsii.String("CommaDelimitedList")}).ValueAsList()
	for _, c := range []struct {
		name string
		i    Instrumentation
		want []string
	}{
		{"url", Instrumentation{Exporters: otlpAt(OTLPProps{Endpoint: jsii.String("collector:4318")})}, []string{"Afterglow.Exporters[0].Endpoint", `"collector:4318"`, "write one like https://"}},
		{"duration", Instrumentation{Exporters: otlpAt(OTLPProps{Timeout: awscdk.Duration_Hours(jsii.Number(1))})}, []string{"Afterglow.Exporters[0].Timeout", `"3600000ms"`, "from 1ms to 60000ms"}},
		{"fraction", Instrumentation{DeadlineMargin: awscdk.Duration_Millis(jsii.Number(10.5))}, []string{"Afterglow.DeadlineMargin", "10.5 milliseconds", "without a fraction"}},
		{"size", Instrumentation{CaptureBodySize: awscdk.Size_Gibibytes(jsii.Number(1))}, []string{"Afterglow.CaptureBodySize", `"1073741824"`, "from 0 to 1048576"}},
		{"enum", Instrumentation{LogLevel: "loud"}, []string{"Afterglow.LogLevel", `"loud"`, "debug, info, warn, error, off"}},
		{"list", Instrumentation{MaskKeys: jsii.Strings("a,b")}, []string{"Afterglow.MaskKeys", `"a,b"`, "one entry for each"}},
		{"no signals", Instrumentation{Signals: &[]*string{}}, []string{"Afterglow.Signals", "empty", "metrics"}},
		{"a duration of CloudFormation's", Instrumentation{FlushInterval: awscdk.Duration_Seconds(number)}, []string{"Afterglow.FlushInterval", "known at synth"}},
		{"a size of CloudFormation's", Instrumentation{CaptureBodySize: awscdk.Size_Bytes(number)}, []string{"Afterglow.CaptureBodySize", "known at synth"}},
		{"a number of CloudFormation's", Instrumentation{PricePerGBSecond: number}, []string{"Afterglow.PricePerGBSecond", "known at synth"}},
		{"a list of CloudFormation's", Instrumentation{MaskKeys: list}, []string{"Afterglow.MaskKeys", "known at synth"}},
		{"an entry of a variable that is not set", Instrumentation{MaskKeys: jsii.Strings("iban", "")}, []string{"Afterglow.MaskKeys", `entry 1 is ""`, "leave it out"}},
		{"a way out of /tmp", Instrumentation{SpoolDir: jsii.String("/tmp/../etc")}, []string{"Afterglow.SpoolDir", `"/tmp/../etc"`, "not below /tmp"}},
		{"a number that is none", Instrumentation{PricePerGBSecond: jsii.Number(math.NaN())}, []string{"Afterglow.PricePerGBSecond", "NaN", "write one like"}},
		{"a number without end", Instrumentation{PricePerGBSecond: jsii.Number(math.Inf(-1))}, []string{"Afterglow.PricePerGBSecond", "-Inf", "write one like"}},
		{"a key that would be two", Instrumentation{ResourceAttributes: &map[string]*string{"a=b": jsii.String("c")}}, []string{"Afterglow.ResourceAttributes", `"a…"`, "no key can have"}},
		{"a key of somebody's", Instrumentation{ResourceAttributes: &map[string]*string{"a.b": jsii.String("sk-geheim1234567890")}}, []string{"Afterglow.ResourceAttributes", `"a.b"`, "looks like a credential"}},
		{"a blank name", Instrumentation{ServiceName: jsii.String(" ")}, []string{"Afterglow.ServiceName", `" "`, "leave the property out"}},
		{"a path with a line end", Instrumentation{SpoolDir: jsii.String("/tmp/a\n")}, []string{"Afterglow.SpoolDir", `"…"`, "white space"}},
		{"a URL around a token for a host", Instrumentation{PropagationDomains: jsii.Strings("https://" + *awscdk.Aws_REGION() + ".example.com")}, []string{"Afterglow.PropagationDomains", "host alone"}},
		{"path", Instrumentation{SpoolDir: jsii.String("spool")}, []string{"Afterglow.SpoolDir", `"spool"`, "starts with /"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack := newStack(t)
			message := panicOf(t, func() {
				NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: python(), Afterglow: &c.i})
			})
			mustHold(t, message, append(c.want, "Shop/Orders")...)
		})
	}
}

func TestCredentialsAreRefusedUnseen(t *testing.T) {
	region := *awscdk.Aws_REGION()
	for endpoint, remedy := range map[string]string{
		"https://user:geheim@collector.example.com":       "remove user and password",
		"https://collector.example.com/?key=geheim":       "remove the query",
		"https://collector.example.com/#geheim":           "remove # and",
		"https://user:geheim@" + region + ".example.com":  "remove user and password",
		"https://" + region + ".example.com/?key=geheim":  "remove the query",
		"https://" + region + ".example.com/#k=geheim":    "remove # and",
		"https://user:geheim@collector.example:" + region: "remove user and password",
	} {
		for _, i := range []Instrumentation{
			{Exporters: otlpAt(OTLPProps{Endpoint: &endpoint})},
			{Exporters: otlpAt(OTLPProps{Traces: &OTLPSignalProps{Endpoint: &endpoint}})},
		} {
			_, err := i.environment()
			if err == nil {
				t.Fatalf("%s: no error", endpoint)
			}
			mustHold(t, err.Error(), "Endpoint", remedy)
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error shows the secret: %v", err)
			}
		}
	}
}

// TestConflicts: what is set in both places is an error where it differs, also from a default that was written out, and theirs where it does not.
func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		i      Instrumentation
		theirs map[string]any
		want   string // in the error
	}{
		{"a default written out", Instrumentation{MaskPreset: MaskPresetDefault}, map[string]any{"AFTERGLOW_MASK_PRESET": "off"}, "AFTERGLOW_MASK_PRESET is set in Environment"},
		{"an empty list", Instrumentation{MaskAllowKeys: &[]*string{}}, map[string]any{"AFTERGLOW_MASK_ALLOW_KEYS": "password"}, "AFTERGLOW_MASK_ALLOW_KEYS is set"},
		{"a collector, and theirs to the log", Instrumentation{Exporters: otlpAt(OTLPProps{})}, map[string]any{"AFTERGLOW_EXPORTERS": "log"}, "AFTERGLOW_EXPORTERS is set"},
		{"a value of CloudFormation's", Instrumentation{LogLevel: LogLevelWarn}, map[string]any{"AFTERGLOW_LOG_LEVEL": map[string]any{"Ref": "Level"}}, "AFTERGLOW_LOG_LEVEL is set"},
		{"the same, written otherwise", Instrumentation{MaskPreset: MaskPresetStrict, Disabled: jsii.Bool(true), FlushInterval: awscdk.Duration_Seconds(jsii.Number(7))},
			map[string]any{"AFTERGLOW_MASK_PRESET": "STRICT", "AFTERGLOW_DISABLED": "1", "AFTERGLOW_FLUSH_INTERVAL": "7s"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wanted, err := c.i.environment()
			if err != nil {
				t.Fatal(err)
			}
			err = functionState{runtime: "provided.al2023", environment: c.theirs}.merge(wanted)
			if c.want == "" && (err != nil || len(wanted) > 0) {
				t.Errorf("%v, %v, want theirs alone", wanted, err)
			}
			if c.want != "" {
				mustHold(t, fmt.Sprint(err), c.want, "keep one of the two")
			}
		})
	}
}

// TestSettingsAreThoseOfTheCall: settings that are changed for the next function are not changed for the one before.
func TestSettingsAreThoseOfTheCall(t *testing.T) {
	stack, props := newStack(t), python()
	settings := toCollector()
	all := awscdk.NewNestedStack(stack, jsii.String("All"), nil)
	awslambda.NewFunction(all, jsii.String("First"), &props)
	InstrumentAll(all, &InstrumentAllProps{Afterglow: settings})
	Instrument(awslambda.NewFunction(stack, jsii.String("First"), &props), settings)
	settings.Exporters = nil
	Instrument(awslambda.NewFunction(stack, jsii.String("Second"), &props), settings)
	for id, fn := range functionsOf(t, stack) {
		xray := fn.Environment.Variables["AFTERGLOW_EXPORTERS"] == "xray"
		if second := strings.HasPrefix(id, "Second"); xray != second || second == (fn.Environment.Variables["OTEL_EXPORTER_OTLP_ENDPOINT"] != nil) {
			t.Errorf("%s: %v", id, fn.Environment.Variables)
		}
	}
	for id, fn := range functionsOf(t, all) {
		if fn.Environment.Variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == nil {
			t.Errorf("%s: %v", id, fn.Environment.Variables)
		}
	}
	if allowed := statementsOf(t, stack); len(allowed) != 1 {
		t.Errorf("allowed %q, want X-Ray to one function", allowed)
	}
}

// TestNilIsNamed: what a call works on has to be there.
func TestNilIsNamed(t *testing.T) {
	for want, call := range map[string]func(){
		"Instrument: the function is nil":                               func() { Instrument(nil, nil) },
		"InstrumentAll: the scope is nil":                               func() { InstrumentAll(nil, nil) },
		"Exclude: the scope is nil":                                     func() { Exclude(nil) },
		"NewInstrumentedFunction: the scope is nil":                     func() { NewInstrumentedFunction(nil, jsii.String("F"), nil) },
		"NewInstrumentedFunction: the id is nil":                        func() { NewInstrumentedFunction(awscdk.NewApp(nil), nil, nil) },
		"NewInstrumentedFunction: the pointer to the properties is nil": func() { NewInstrumentedFunction(awscdk.NewApp(nil), jsii.String("F"), nil) },
		"NewSharedLayer: the scope is nil":                              func() { NewSharedLayer(nil, jsii.String("Layer"), nil) },
		"NewInstrumentationLayer: the scope is nil":                     func() { NewInstrumentationLayer(nil, jsii.String("Layer"), nil) },
	} {
		mustHold(t, panicOf(t, call), want, "give it")
	}
}

// TestKeysOfPairs: Kubernetes' have a slash, and a percent sign is one still where the extension reads it.
func TestKeysOfPairs(t *testing.T) {
	pairs := map[string]*string{"app.kubernetes.io/name": jsii.String("x"), "100%": jsii.String("y")}
	if err := checkPairs(&pairs); err != nil {
		t.Error(err)
	}
	if got, want := renderPairs(&pairs), "100%25=y,app.kubernetes.io/name=x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, key := range []string{"", "a=b", "a,b", "a b"} {
		if checkPairs(&map[string]*string{key: jsii.String("x")}) == nil {
			t.Errorf("%q is no error", key)
		}
	}
}

// TestPairsAroundTokens: what is written around a token is one value with it, not another pair.
func TestPairsAroundTokens(t *testing.T) {
	const name = "shop"
	unknown := *awscdk.Fn_ImportValue(jsii.String("x"))
	for value, want := range map[string]string{"a,b=c " + unknown + " 100%": "k=a%2Cb=c%20" + unknown + "%20100%25", name + ",x": "k=" + name + "%2Cx", unknown: "k=" + unknown} {
		if got := renderPairs(&map[string]*string{"k": &value}); got != want {
			t.Errorf("%q is %q, want %q", value, got, want)
		}
	}
}
