package construct

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/settings"
)

// What annotations are known by; a user acknowledges one to silence it.
const (
	warningID    = "@afterglow-lambda/construct:notInstrumented"
	permissionID = "@afterglow-lambda/construct:permissionMissing"
)

// Lambda's quotas of one function: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxLayers           = 5
	maxEnvironmentBytes = 4 << 10
)

// Environment variables that the construct itself knows.
const (
	envExecWrapper     = "AWS_LAMBDA_EXEC_WRAPPER"
	envExecWrapperNext = "AFTERGLOW_EXEC_WRAPPER_NEXT"
	envExporters       = "AFTERGLOW_EXPORTERS"
)

// envEndpoints each say on their own that there is a collector.
var envEndpoints = []string{
	"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
}

// hookedRuntimes are the managed runtimes that the layer has a hook for.
var hookedRuntimes = []string{
	"python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
	"nodejs20.x", "nodejs22.x", "nodejs24.x",
	"java11", "java11.al2023", "java17", "java17.al2023", "java21", "java25",
	"ruby3.2", "ruby3.3", "ruby3.4",
	"dotnet6", "dotnet8", "dotnet10", // Lambda has 9 for container images alone, although the CDK names a runtime of it
}

// functionState is what a function has before Afterglow touches it.
type functionState struct {
	runtime      string // "a token" where only CloudFormation knows it
	architecture string
	image        bool
	edge         bool
	vpc          bool
	timeout      float64 // seconds; 0 if only CloudFormation knows it
	layers       []any
	environment  map[string]any // string or an unresolved CloudFormation expression
	opaque       string         // what cannot be looked into
	removed      string         // what an override takes away
	attached     bool           // whether the very layer is among layers, by hand

	variablesByHand  bool           // set on the resource, past the construct around it
	layersOverridden bool           // by AddPropertyOverride
	overridden       map[string]any // variables that are, which are in environment too
}

// obstacle tells why a function cannot be instrumented and what would help; "" if nothing stands in the way.
func (s functionState) obstacle() (why, remedy string) {
	supported := "Runtimes with a hook are " + strings.Join(hookedRuntimes, ", ") + ", and Go on provided.al2023"
	switch {
	case s.image:
		return "it is a container image, and Lambda gives those no layers",
			"Put Afterglow's layer into the image (docs/other-tools.md), or deploy a zip package"
	case s.edge:
		return "CloudFront runs it, and Lambda@Edge takes neither layers nor environment variables", "Acknowledge this warning"
	case s.runtime == unresolved:
		return "its runtime is known to CloudFormation alone, and so is whether there is a hook for it", "Write the runtime into the app"
	case !s.compiled() && !slices.Contains(hookedRuntimes, s.runtime):
		return "there is no hook for runtime " + s.runtime + " yet", supported
	case s.architecture != layer.ARM64 && s.architecture != layer.X86_64:
		return "its architecture is " + s.architecture + ", and there is a layer for each architecture", "Set Architecture to ARM_64 or X86_64"
	case s.removed != "":
		return "AddPropertyDeletionOverride takes from its " + s.removed + " what would be written there", "Remove that override, or acknowledge this warning"
	case s.opaque != "":
		return "its " + s.opaque + " is known to CloudFormation alone, as a whole", "Write it into the app; single values in it may be tokens"
	case len(s.layers) >= maxLayers:
		return fmt.Sprintf("it already has %d layers, as many as Lambda takes", len(s.layers)),
			"Merge two of them, or put one into the function's package"
	}
	return "", ""
}

// compiled tells whether the runtime starts the function's own program, without an exec wrapper: a hook is part of that program, or there is none.
func (s functionState) compiled() bool { return strings.HasPrefix(s.runtime, "provided") }

// completeFor completes the settings' variables, and gives the exporters that are known here, in view of a function.
func (i *Instrumentation) completeFor(s functionState, variables map[string]string) (map[string]string, []Exporter) {
	wanted := maps.Clone(variables)
	if i.Exporters != nil {
		return wanted, *i.Exporters
	}
	byDefault := ToXRay()
	if s.exporting() {
		if s.names(byDefault.kind()) { // which needs a permission, whoever names it
			return wanted, []Exporter{byDefault}
		}
		return wanted, nil
	}
	wanted[envExporters] = byDefault.kind()
	return wanted, []Exporter{byDefault}
}

// merge completes the wanted environment in view of the one that the user has set: the exec wrapper is chained, and nothing that
// the user wrote is overruled in silence.
func (s functionState) merge(wanted map[string]string) error {
	for _, name := range sortedKeys(s.environment) {
		theirs, isText := s.environment[name].(string)
		if isText && strings.HasPrefix(name, "AFTERGLOW_") {
			if err := settings.Parse(name, theirs); err != nil {
				return fmt.Errorf("property Environment: %w", err)
			}
		}
		if isText && theirs == "" { // which is none
			continue
		}
		if ours, both := wanted[name]; both && (!isText || !sameMeaning(name, ours, theirs)) {
			return fmt.Errorf("%s is set in Environment and, to another value, in Afterglow; keep one of the two", name)
		}
		delete(wanted, name) // theirs does
	}
	maps.DeleteFunc(wanted, isDefault) // Lambda allows 4 KB for all of them
	if s.compiled() {
		return nil
	}
	theirs, set := s.environment[envExecWrapper]
	wanted[envExecWrapper] = layer.ExecWrapper
	if !set || theirs == "" || theirs == layer.ExecWrapper {
		return nil
	}
	if _, taken := s.environment[envExecWrapperNext]; taken {
		return fmt.Errorf("property Environment has both %s and %s, and only one wrapper can come after Afterglow's; remove one of the two",
			envExecWrapper, envExecWrapperNext)
	}
	if text, ok := theirs.(string); ok {
		if err := settings.Parse(envExecWrapperNext, text); err != nil {
			return fmt.Errorf("property Environment: exec wrapper: %w", err)
		}
		wanted[envExecWrapperNext] = text
		return nil
	}
	wanted[envExecWrapperNext] = *awscdk.Token_AsString(theirs, nil)
	return nil
}

// crowded tells whether the environment would be larger than Lambda takes, as far as its values are known.
func (s functionState) crowded(wanted map[string]string) (why, remedy string) {
	before := 0
	for name, value := range s.environment {
		before += len(name) + literal(value)
	}
	after := before
	for name, value := range wanted {
		if _, set := s.environment[name]; !set {
			after += len(name)
		} else {
			after -= literal(s.environment[name])
		}
		after += len(tokens.ReplaceAllLiteralString(value, ""))
	}
	if after <= maxEnvironmentBytes {
		return "", ""
	}
	return fmt.Sprintf("its environment would have %d bytes, of which %d are Afterglow's, and Lambda takes %d", after, after-before, maxEnvironmentBytes),
		"Move values into the Parameter Store, or leave settings of Afterglow at their defaults"
}

// literal counts the bytes of a resolved value that stand in the app, whatever CloudFormation puts beside them. What it takes apart or looks up counts for nothing.
func literal(value any) (bytes int) {
	switch value := value.(type) {
	case string:
		return len(value)
	case map[string]any:
		join, _ := value["Fn::Join"].([]any)
		if len(join) != 2 {
			return 0
		}
		parts, _ := join[1].([]any)
		for _, part := range parts {
			bytes += literal(part)
		}
		return bytes + max(0, len(parts)-1)*literal(join[0])
	}
	return 0
}

// inJSON writes a value as JSON for a message.
func inJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
