package span

import (
	"maps"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// A Resource is what the extension knows of the function that it runs beside.
type Resource struct {
	Service    string            // service.name; empty: of Attributes, else Function
	Function   string            // AWS_LAMBDA_FUNCTION_NAME
	Version    string            // AWS_LAMBDA_FUNCTION_VERSION
	Region     string            // AWS_REGION
	Memory     int64             // AWS_LAMBDA_FUNCTION_MEMORY_SIZE in MB; 0: unknown
	Attributes map[string]string // OTEL_RESOURCE_ATTRIBUTES; go before what is built in
	Release    string            // version of Afterglow
}

const (
	bytesPerMB     = 1 << 20
	unknownService = "unknown_service" // the conventions' word
)

// An Origin is what is known of an environment only when data comes from it. None of it changes from invocation to invocation: backends tell
// environments apart by it.
type Origin struct {
	Account        string // of AWS
	LogGroup       string
	LogStream      string // also the name of the environment
	Runtime        string // e.g. python
	RuntimeVersion string
}

func originOf(inv mask.Invocation) Origin {
	return Origin{
		Account: Account(inv.ARN.String()), LogGroup: inv.Process.LogGroup.String(), LogStream: inv.Process.LogStream.String(),
		Runtime: inv.Process.Runtime.String(), RuntimeVersion: inv.Process.Version.String(),
	}
}

// Account gives the account of an ARN, or "".
func Account(arn string) string { return arnPart(arn, 4) }

// Of gives the attributes of the resource, of whatever signal.
func (r Resource) Of(o Origin) []otlp.KeyValue {
	kvs := []otlp.KeyValue{otlp.String("service.name", r.service())}
	put := func(kv otlp.KeyValue) {
		if _, users := r.Attributes[kv.Key]; !users {
			kvs = append(kvs, kv)
		}
	}
	add := func(key, value string) {
		if value != "" {
			put(otlp.String(key, value))
		}
	}
	add("cloud.provider", "aws")
	add("cloud.platform", "aws_lambda")
	add("cloud.region", r.Region)
	add("cloud.account.id", o.Account)
	add("faas.name", r.Function)
	add("faas.version", r.Version)
	add("faas.instance", o.LogStream)
	if r.Memory > 0 {
		put(otlp.Int("faas.max_memory", r.Memory*bytesPerMB))
	}
	if o.LogGroup != "" {
		put(otlp.Strings("aws.log.group.names", []string{o.LogGroup}))
	}
	if o.LogStream != "" {
		put(otlp.Strings("aws.log.stream.names", []string{o.LogStream}))
	}
	add("process.runtime.name", o.Runtime)
	add("process.runtime.version", o.RuntimeVersion)
	add("telemetry.sdk.name", "afterglow")
	add("telemetry.sdk.language", o.Runtime)
	add("telemetry.sdk.version", r.Release)
	for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
		if key != "service.name" && r.Attributes[key] != "" {
			kvs = append(kvs, otlp.String(key, r.Attributes[key]))
		}
	}
	return kvs
}

func (r Resource) service() string {
	for _, name := range [...]string{r.Service, r.Attributes["service.name"], r.Function} {
		if name != "" {
			return name
		}
	}
	return unknownService
}

// resourceID is the function's ARN with its version in the place of an alias: one environment may be invoked under several aliases.
func (r Resource) resourceID(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) == 8 && r.Version != "" { // arn:partition:lambda:region:account:function:name:qualifier
		parts[7] = r.Version
	}
	return strings.Join(parts, ":")
}

// arnPart gives a part of an ARN, counted from 0, or "".
func arnPart(arn string, n int) string {
	parts := strings.Split(arn, ":")
	if parts[0] != "arn" || len(parts) <= n {
		return ""
	}
	return parts[n]
}
