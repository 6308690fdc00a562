package lambdalocal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Search paths of the managed runtimes (reference: base images' Dockerfiles, ENV).
const (
	managedPath    = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
	managedLibs    = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
	osOnlyPath     = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
	osOnlyLibs     = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
	wrapperSetting = "AWS_LAMBDA_EXEC_WRAPPER"
	// concurrencySetting tells a managed instance's runtime, and no extension (RIE-LMI rapidcore/env).
	concurrencySetting = "AWS_LAMBDA_MAX_CONCURRENCY"
)

// environ makes the environment variables of one execution environment.
type environ struct {
	fn        Function
	extra     map[string]string // Options.ExtraEnv
	runtime   map[string]string // runtimes.Runtime.Env
	api       string            // host:port
	logStream string
}

func newEnviron(fn Function, opt Options, api *apiServer) environ {
	extra := opt.ExtraEnv
	if api.credentials != nil {
		extra = api.credentials.environment(api.addr())
	}
	return environ{fn: fn, extra: extra, runtime: opt.Runtime.Env, api: api.addr(), logStream: newLogStream(fn, time.Now())}
}

// managed tells whether AWS's bootstrap starts the runtime, and so the exec wrapper (MOD: not on
// provided.*).
func (fn Function) managed() bool { return !strings.HasPrefix(fn.Runtime, "provided") }

// platform is what Lambda gives to the runtime and, but for ofRuntimeOnly, to extensions.
func (e environ) platform() map[string]string {
	path, libs := managedPath, managedLibs
	if !e.fn.managed() {
		path, libs = osOnlyPath, osOnlyLibs
	}
	env := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          e.api,
		"AWS_LAMBDA_FUNCTION_NAME":        e.fn.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     e.fn.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(e.fn.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  string(e.fn.InitType),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + e.fn.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      e.logStream,
		"AWS_REGION":                      e.fn.Region,
		"AWS_DEFAULT_REGION":              e.fn.Region,
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":         "127.0.0.1:2000",
		"_AWS_XRAY_DAEMON_ADDRESS":        "127.0.0.1",
		"_AWS_XRAY_DAEMON_PORT":           "2000",
		"_HANDLER":                        e.fn.Handler,
		"LAMBDA_TASK_ROOT":                "/var/task",
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"PATH":                            path,
		"LD_LIBRARY_PATH":                 libs,
	}
	if e.fn.onInstances() {
		env[concurrencySetting] = strconv.Itoa(e.fn.MaxConcurrency)
	}
	if e.fn.managed() {
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + e.fn.Runtime // exported by the bootstrap
	}
	return env
}

// mayBeOverridden are the platform's variables that a function's configuration may set (ENV, "unreserved
// defaults"). All the others are reserved: Lambda refuses a configuration that has them.
func mayBeOverridden(name string) bool {
	switch name {
	case "LANG", "TZ", "PATH", "LD_LIBRARY_PATH", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS":
		return true
	}
	return false
}

// ofRuntime is the environment of the runtime.
func (e environ) ofRuntime() map[string]string {
	env := map[string]string{}
	if e.fn.managed() {
		merge(env, e.runtime)
	}
	merge(env, e.extra)
	merge(env, e.fn.Env)
	for name, value := range e.platform() {
		if _, set := env[name]; set && mayBeOverridden(name) {
			continue
		}
		env[name] = value
	}
	if e.fn.jsonLogs() {
		env["AWS_LAMBDA_LOG_FORMAT"] = logFormatJSON // AWS's clients read it
	}
	return env
}

// ofExtension is the environment of an extension: the function's, without what EXT lists and without
// anything that starts with an underscore (RIE rapidcore/env AgentExecEnv).
func (e environ) ofExtension() map[string]string {
	env := map[string]string{}
	merge(env, e.extra)
	merge(env, e.fn.Env)
	for name, value := range e.platform() {
		if _, set := env[name]; set && mayBeOverridden(name) {
			continue
		}
		env[name] = value
	}
	for _, name := range []string{
		"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
		"AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", concurrencySetting,
	} {
		delete(env, name)
	}
	for name := range env {
		if strings.HasPrefix(name, "_") {
			delete(env, name)
		}
	}
	return env
}

func merge(into, from map[string]string) {
	for name, value := range from {
		into[name] = value
	}
}

// list is env in the form that exec takes, sorted so that two starts look the same.
func list(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	sort.Strings(out)
	return out
}

// newLogStream is a name in the form that Lambda uses: 2026/11/22/[$LATEST]0123….
func newLogStream(fn Function, now time.Time) string {
	return fmt.Sprintf("%s/[%s]%s", now.UTC().Format("2006/01/02"), fn.Version, randomHex(16))
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		panic(err) // documented never to happen
	}
	return hex.EncodeToString(b)
}

// newUUID is a random identifier in the form of request and extension ids.
func newUUID() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		panic(err) // documented never to happen
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// traceType is the one kind of trace header there is, by the name it has in events.
const traceType = "X-Amzn-Trace-Id"

// newTraceHeader is what Lambda sends when the caller sent nothing and tracing passes through: nothing is
// sampled, and there is a lineage (reference 1.2, 4). Readers have to go by key.
func newTraceHeader(now time.Time) string {
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0;Lineage=1:%s:0", now.Unix(), randomHex(12), randomHex(8), randomHex(4))
}
