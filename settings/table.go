package settings

// DefaultSpoolDir is where hooks and extension meet.
const DefaultSpoolDir = "/tmp/afterglow"

// Table gives every setting, in the order in which docs/settings.md lists them.
func Table() []Setting {
	return []Setting{
		{Name: "AFTERGLOW_DISABLED", Type: Bool, Default: "false", Readers: []Reader{Wrapper, Hooks, Extension},
			Doc: "Switches everything off before anything is touched: the wrapper starts the runtime as it is, the extension registers for nothing and idles."},
		{Name: "AFTERGLOW_EXEC_WRAPPER_NEXT", Type: Path, Readers: []Reader{Wrapper},
			Doc: "Another exec wrapper, run after Afterglow's. The construct moves an existing AWS_LAMBDA_EXEC_WRAPPER here. A file that is missing or not executable is skipped."},
		{Name: "AFTERGLOW_LOG_LEVEL", Type: Enum, Default: "warn", Values: []string{"debug", "info", "warn", "error", "off"}, Readers: []Reader{Hooks, Extension},
			Doc: "How much Afterglow writes into the function's log. Content of requests is never logged."},
		{Name: "AFTERGLOW_SPOOL_DIR", Type: Path, Default: DefaultSpoolDir, Readers: []Reader{Hooks, Extension},
			Doc: "Directory of the spool. It has to be on a local file system that function and extension can write, which on Lambda means below /tmp."},
		{Name: "AFTERGLOW_SPOOL_DIR_BYTES", Type: Bytes, Default: "67108864", Min: 1 << 20, Max: 1 << 33, Readers: []Reader{Hooks},
			Doc: "Most that the spool may take of /tmp. Past it hooks write nothing until the extension has collected what is there; what was left out is counted."},
		{Name: "AFTERGLOW_SPOOL_INVOCATION_BYTES", Type: Bytes, Default: "16777216", Min: 1 << 16, Max: 1 << 30, Readers: []Reader{Hooks},
			Doc: "Most that one invocation may write. Past it calls are only counted."},
		{Name: "AFTERGLOW_CAPTURE_BODY_BYTES", Type: Bytes, Default: "32768", Min: 0, Max: 1 << 20, Readers: []Reader{Hooks},
			Doc: "Most that is kept of a request's or response's body. 0 keeps nothing; message ids of batches are found in responses, so small values cost links."},
		{Name: "AFTERGLOW_CAPTURE_EVENT_BYTES", Type: Bytes, Default: "65536", Min: 0, Max: 1 << 20, Readers: []Reader{Hooks},
			Doc: "Most that is kept of the event and of the response. Larger events are shortened, not cut, so that the ids in them survive."},
		{Name: "AFTERGLOW_CAPTURE_HEADER_BYTES", Type: Bytes, Default: "16384", Min: 0, Max: 1 << 16, Readers: []Reader{Hooks},
			Doc: "Most that is kept of the headers of one request or response."},
		{Name: "AFTERGLOW_MASK_KEYS", Type: List, Readers: []Reader{Extension},
			Doc: "Further keys whose values are hidden, beside the built-in ones. Case and the style of writing (api_key, apiKey, API-KEY) do not matter."},
		{Name: "AFTERGLOW_MASK_ALLOW_KEYS", Type: List, Readers: []Reader{Extension},
			Doc: "Keys that are shown although a rule for keys would hide them. What looks like a credential is hidden all the same."},
		{Name: "AFTERGLOW_MASK_DOMAINS", Type: List, Readers: []Reader{Extension},
			Doc: "Further hosts whose headers and bodies are never exported; a leading dot means every host below. Secrets Manager, SSM, KMS and STS always are."},
		{Name: "AFTERGLOW_LIMIT_FIELD_BYTES", Type: Bytes, Default: "2048", Min: 64, Max: 1 << 20, Readers: []Reader{Extension},
			Doc: "Most that is exported of one body, message or stack, after masking. Twice that where the call or the invocation failed."},
		{Name: "AFTERGLOW_LIMIT_INVOCATION_BYTES", Type: Bytes, Default: "524288", Min: 1 << 14, Max: 1 << 23, Readers: []Reader{Extension},
			Doc: "Most that is exported of one invocation. Bodies go first, then headers, then calls; the function, the error and the failing call go last."},
		{Name: "AFTERGLOW_DEADLINE_MARGIN", Type: Duration, Default: "150ms", Min: 10, Max: 10_000, Readers: []Reader{Extension},
			Doc: "What the extension leaves of an invocation's time: it calls it a day this long before the deadline, whatever it was doing."},
		{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Type: URL, Readers: []Reader{Extension},
			Doc: "Base URL of an OTLP/HTTP collector; /v1/traces is appended. Without an endpoint nothing is exported and the extension says so once."},
		{Name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Type: URL, Readers: []Reader{Extension},
			Doc: "URL for traces, used as it is. Goes before OTEL_EXPORTER_OTLP_ENDPOINT."},
		{Name: "OTEL_EXPORTER_OTLP_HEADERS", Type: Pairs, Readers: []Reader{Extension},
			Doc: "Headers of every export request. Never logged."},
		{Name: "OTEL_EXPORTER_OTLP_COMPRESSION", Type: Enum, Default: "gzip", Values: []string{"gzip", "none"}, Readers: []Reader{Extension},
			Doc: "Compression of export requests."},
		{Name: "OTEL_EXPORTER_OTLP_TIMEOUT", Type: Duration, Default: "3s", Min: 1, Max: 60_000, Readers: []Reader{Extension},
			Doc: "Longest time that one export request may take. What the invocation has left bounds it further."},
		{Name: "OTEL_SERVICE_NAME", Type: String, Readers: []Reader{Extension},
			Doc: "service.name of the function. Default: the function's name."},
		{Name: "OTEL_RESOURCE_ATTRIBUTES", Type: Pairs, Readers: []Reader{Extension},
			Doc: "Further resource attributes."},
	}
}
