package construct

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/settings"
)

// warningID is what a user acknowledges to silence the warning on a function that is left alone on purpose.
const warningID = "@afterglow-lambda/construct:notInstrumented"

// maxLayers is Lambda's quota of layers of one function.
const maxLayers = 5

// Environment variables of the exec wrapper.
const (
	envExecWrapper     = "AWS_LAMBDA_EXEC_WRAPPER"
	envExecWrapperNext = "AFTERGLOW_EXEC_WRAPPER_NEXT"
)

// hookedRuntimes are the managed runtimes that the layer has a hook for.
var hookedRuntimes = []string{
	"python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
	"nodejs20.x", "nodejs22.x", "nodejs24.x",
	"ruby3.2", "ruby3.3", "ruby3.4",
	"java11", "java11.al2023", "java17", "java17.al2023", "java21", "java25",
	"dotnet6", "dotnet8", "dotnet9", "dotnet10",
}

// instrument wires a function and tells whether it did. Everything that can stop it is looked at before anything is changed.
func instrument(fn awslambda.Function, i *Instrumentation) bool {
	path := *fn.Node().Path()
	if i == nil {
		i = &Instrumentation{}
	}
	wanted, err := i.environment()
	if err != nil {
		panic(fmt.Errorf("%s: %w", path, err))
	}
	found := look(fn)
	if why, remedy := found.obstacle(); why != "" {
		awscdk.Annotations_Of(fn).AddWarningV2(jsii.String(warningID),
			jsii.String(fmt.Sprintf("Afterglow leaves this function as it is: %s. %s.", why, remedy)))
		return false
	}
	if err := found.merge(wanted); err != nil {
		panic(fmt.Errorf("%s: %w", path, err))
	}
	layerVersion := layerOf(fn)
	if found.compiled() {
		awscdk.Annotations_Of(fn).AddInfo(jsii.String("Afterglow's hook for runtime " + found.runtime + " is compiled into the function, which nobody can see from here: " +
			"build it as github.com/afterglow-lambda/afterglow/wrapper/golang says. Without the hook its invocations are recorded, and its calls are not."))
	}

	fn.AddLayers(layerVersion)
	for _, name := range sortedKeys(wanted) {
		fn.AddEnvironment(jsii.String(name), jsii.String(wanted[name]), nil)
	}
	return true
}

// functionState is what a function has before Afterglow touches it.
type functionState struct {
	runtime      string
	architecture string
	layers       int
	environment  map[string]any // string or an unresolved CloudFormation expression
}

// look reads the resolved properties of the L1 construct, which also have what was added after the function was made.
func look(fn awslambda.Function) functionState {
	cfn, ok := fn.Node().DefaultChild().(awslambda.CfnFunction)
	if !ok {
		panic(fmt.Errorf("%s: not a function of CloudFormation's", *fn.Node().Path()))
	}
	stack := awscdk.Stack_Of(fn)
	state := functionState{
		runtime:      *fn.Runtime().Name(),
		architecture: *fn.Architecture().Name(),
		environment:  map[string]any{},
	}
	if environment, ok := stack.Resolve(cfn.Environment()).(map[string]any); ok {
		if variables, ok := environment["variables"].(map[string]any); ok {
			state.environment = variables
		}
	}
	if layers, ok := stack.Resolve(cfn.Layers()).([]any); ok {
		state.layers = len(layers)
	}
	return state
}

// obstacle tells why a function cannot be instrumented and what would help; "" if nothing stands in the way.
func (s functionState) obstacle() (why, remedy string) {
	supported := "Runtimes with a hook are " + strings.Join(hookedRuntimes, ", ") + ", and Go on provided.al2023"
	switch {
	case s.runtime == "FROM_IMAGE":
		return "it is a container image, and Lambda gives those no layers",
			"Deploy it as a zip package with one of the managed runtimes. " + supported
	case !s.compiled() && !slices.Contains(hookedRuntimes, s.runtime):
		return "there is no hook for runtime " + s.runtime + " yet", supported
	case s.architecture != layer.ARM64 && s.architecture != layer.X86_64:
		return "its architecture " + s.architecture + " is not known", "Set Architecture to ARM_64 or X86_64"
	case s.layers >= maxLayers:
		return fmt.Sprintf("it already has %d layers, as many as Lambda takes", s.layers),
			"Merge two of them, or put one into the function's package"
	}
	return "", ""
}

// compiled tells whether the runtime starts the function's own program, without an exec wrapper: a hook is part of that program, or there is none.
func (s functionState) compiled() bool { return strings.HasPrefix(s.runtime, "provided") }

// merge completes the wanted environment in view of the one that the user has set: the exec wrapper is chained, and nothing that
// the user wrote is overruled in silence.
func (s functionState) merge(wanted map[string]string) error {
	for _, name := range sortedKeys(s.environment) {
		theirs, isText := s.environment[name].(string)
		if ours, both := wanted[name]; both && (!isText || ours != theirs) {
			return fmt.Errorf("%s is set in Environment and, to another value, in Afterglow; keep one of the two", name)
		}
		if isText && strings.HasPrefix(name, "AFTERGLOW_") {
			if err := settings.Parse(name, theirs); err != nil {
				return fmt.Errorf("property Environment: %w", err)
			}
		}
	}
	if s.compiled() {
		return nil
	}
	wanted[envExecWrapper] = layer.ExecWrapper
	theirs, set := s.environment[envExecWrapper]
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
