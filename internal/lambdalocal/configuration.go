package lambdalocal

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// maxEnvironment is what the names and values of a function's variables may have together (LIM, ENV).
const maxEnvironment = 4096

// variableName is what Lambda takes as the name of a variable (ENV).
var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// reserved tells whether Lambda keeps a variable for itself (ENV "reserved environment variables").
func reserved(name string) bool {
	switch name {
	case "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
		"AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN":
		return true
	}
	return false
}

// CheckEnv finds what AWS would refuse in a function's variables, with InvalidParameterValueException at
// CreateFunction and UpdateFunctionConfiguration: reserved and malformed names, and more than 4 KB in all.
// Start calls it; whoever reads a function earlier can tell earlier. The error has one line for each
// variable, with the function's name and what to do. What AWS has accepted passes.
func (fn Function) CheckEnv() error {
	names := make([]string, 0, len(fn.Env))
	size := 0
	for name, value := range fn.Env {
		names = append(names, name)
		size += len(name) + len(value)
	}
	sort.Strings(names)
	var errs []error
	for _, name := range names {
		var problem string
		switch {
		case reserved(name):
			problem = "is reserved by Lambda, which sets it itself: give it another name"
		case !variableName.MatchString(name):
			problem = "is no name that Lambda takes: start with a letter and go on with letters, digits and underscores, two characters at least"
		case strings.ContainsRune(fn.Env[name], 0):
			problem = "has a value with a zero byte, which no process can be given: encode it, for example in Base64"
		default:
			continue
		}
		errs = append(errs, fmt.Errorf("function %s: variable %q %s", fn.Name, name, problem))
	}
	if size > maxEnvironment {
		errs = append(errs, fmt.Errorf("function %s: its %d variables have %d bytes with their names, Lambda takes %d: put the longest, %q, into a file or a parameter store",
			fn.Name, len(names), size, maxEnvironment, fn.longestVariable(names)))
	}
	return errors.Join(errs...)
}

func (fn Function) longestVariable(names []string) string {
	longest := names[0]
	for _, name := range names {
		if len(fn.Env[name]) > len(fn.Env[longest]) {
			longest = name
		}
	}
	return longest
}
