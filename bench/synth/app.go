//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct"
)

// What an app is told by its environment.
const (
	envKind      = "SYNTH_KIND"
	envFunctions = "SYNTH_FUNCTIONS"
)

// kinds are the apps that are compared, the first one with the others.
var kinds = []struct {
	name   string
	add    func(constructs.Construct, string, *awslambda.FunctionProps, *construct.Instrumentation)
	before func(awscdk.App)
}{
	{"plain functions", plain, nil},
	{"NewInstrumentedFunction", func(scope constructs.Construct, id string, props *awslambda.FunctionProps, afterglow *construct.Instrumentation) {
		construct.NewInstrumentedFunction(scope, &id, &construct.InstrumentedFunctionProps{FunctionProps: *props, Afterglow: afterglow})
	}, nil},
	{"InstrumentAll", plain, func(app awscdk.App) {
		construct.InstrumentAll(app, &construct.InstrumentAllProps{Afterglow: settings()})
	}},
}

func plain(scope constructs.Construct, id string, props *awslambda.FunctionProps, _ *construct.Instrumentation) {
	awslambda.NewFunction(scope, &id, props)
}

func settings() *construct.Instrumentation {
	return &construct.Instrumentation{Exporters: &[]construct.Exporter{construct.ToOTLP(&construct.OTLPProps{Endpoint: jsii.String("https://collector.example.com")})}}
}

// synthesise is the app: it prints the nanoseconds that it took.
func synthesise(kind string) {
	defer jsii.Close()
	functions, err := strconv.Atoi(os.Getenv(envFunctions))
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "synth-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	code := filepath.Join(dir, "code")
	if err := os.MkdirAll(code, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(code, "index.py"), []byte("# code"), 0o644); err != nil {
		panic(err)
	}
	awscdk.NewApp(&awscdk.AppProps{Outdir: &dir}) // jsii's start
	for _, k := range kinds {
		if k.name != kind {
			continue
		}
		begin := time.Now()
		app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(dir + "/out"), Context: &map[string]any{"afterglow:cacheDir": ".afterglow/cache/layer"}})
		if k.before != nil {
			k.before(app)
		}
		stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
		afterglow := settings() // of all functions, as a team's are
		for n := range functions {
			k.add(stack, "Function"+strconv.Itoa(n), &awslambda.FunctionProps{
				Runtime: awslambda.Runtime_PYTHON_3_13(), Handler: jsii.String("index.handler"), Code: awslambda.Code_FromAsset(&code, nil),
				Environment: &map[string]*string{"STAGE": jsii.String("test")},
			}, afterglow)
		}
		app.Synth(nil)
		fmt.Println(time.Since(begin).Nanoseconds())
	}
}
