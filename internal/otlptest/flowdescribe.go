package otlptest

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// targetKeys names, for each AWS service, the attributes that say what was called, joined by a slash where there are several.
// A service that is not here is told by its operation alone.
var targetKeys = map[string][]string{
	"SQS":            {"messaging.destination.name"},
	"SNS":            {"messaging.destination.name"},
	"DynamoDB":       {"aws.dynamodb.table_names"},
	"S3":             {"aws.s3.bucket", "aws.s3.key"},
	"Lambda":         {"faas.invoked_name"},
	"Kinesis":        {"aws.kinesis.stream_name"},
	"EventBridge":    {"messaging.destination.name"},
	"SecretsManager": {"aws.secretsmanager.secret.arn"},
	"SFN":            {"aws.step_functions.state_machine.arn"},
}

// arnKeys stand in when the name itself is missing: the last part of a URL or ARN is the name.
var arnKeys = map[string]string{"SQS": "aws.sqs.queue.url", "SNS": "aws.sns.topic.arn"}

// describeCall is the one line that says what an outbound call was, and how it was answered.
func describeCall(span Span) line {
	if service, operation := awsCall(span); service != "" {
		return describeAWS(span, service, operation)
	}
	if method := span.Text("http.request.method"); method != "" {
		l := line{}.add(plain, "HTTP %s ", method).add(bold, "%s", shortURL(span))
		return l.answer(span, true)
	}
	if span.Name == "" {
		return line{}.add(dim, "no name").answer(span, false)
	}
	return line{}.add(plain, "%s", span.Name).answer(span, false)
}

func describeAWS(span Span, service, operation string) line {
	l := line{}.add(plain, "%s %s", service, operation)
	if target := awsTarget(span, service); target != "" {
		if service == "SQS" || service == "SNS" {
			l = l.add(dim, " →")
		}
		l = l.add(bold, " %s", target)
	}
	if count, ok := number(span, "messaging.batch.message_count"); ok {
		l = l.add(dim, " (%s)", plural(int(count), "message"))
	}
	return l.answer(span, false)
}

// answer adds the HTTP status: of AWS calls only a failed one, because the service's own words say more.
func (l line) answer(span Span, always bool) line {
	status, known := number(span, "http.response.status_code")
	failed := span.StatusCode == StatusError
	switch {
	case failed && known && (always || status >= 400):
		return l.add(styleError, " → %d ✗", status)
	case failed:
		return l.add(styleError, " ✗")
	case known && always:
		return l.add(dim, " → ").add(styleGood, "%d", status)
	}
	return l
}

// awsCall reads service and operation: of rpc.service and rpc.method, of a method that holds both ("SQS/SendMessage"), else of
// the span's name ("SQS.SendMessage").
func awsCall(span Span) (service, operation string) {
	system := span.Text("rpc.system.name")
	if system == "" {
		system = span.Text("rpc.system")
	}
	if system != "aws-api" {
		return "", ""
	}
	service, method := span.Text("rpc.service"), span.Text("rpc.method")
	if service != "" && method != "" {
		return service, method
	}
	if service, operation, ok := strings.Cut(method, "/"); ok {
		return service, operation
	}
	if service, operation, ok := strings.Cut(span.Name, "."); ok {
		return service, operation
	}
	return "AWS", span.Name
}

func awsTarget(span Span, service string) string {
	var parts []string
	for _, key := range targetKeys[service] {
		if value := joined(span.Attributes[key]); value != "" {
			parts = append(parts, value)
		}
	}
	if len(parts) == 0 {
		if name := span.Text(arnKeys[service]); name != "" {
			return path.Base(strings.ReplaceAll(name, ":", "/"))
		}
	}
	return strings.Join(parts, "/")
}

// shortURL is host, path and query: the scheme and the credentials say nothing about where a call went.
func shortURL(span Span) string {
	full := span.Text("url.full")
	parsed, err := url.Parse(full)
	if full == "" || err != nil || parsed.Host == "" {
		return full + span.Text("server.address")
	}
	short := parsed.Host + parsed.EscapedPath()
	if parsed.RawQuery != "" {
		short += "?" + parsed.RawQuery
	}
	return short
}

// describeInvocation is the one line that says which function ran, for what, and how it ended.
func describeInvocation(n *node) line {
	span := n.span
	service := span.Service()
	if service == "" {
		service = "unknown service"
	}
	l := line{}.add(styleName, "λ %s", service)
	if asked := askedFor(span, service); asked != "" {
		l = l.add(bold, "  %s", asked)
	}
	if status, ok := number(span, "http.response.status_code"); ok {
		s := styleGood
		if status >= 500 {
			s = styleError
		}
		l = l.add(dim, " → ").add(s, "%d", status)
	}
	if span.StatusCode == StatusError {
		l = l.add(styleError, " ✗")
	}
	if span.Attributes["faas.coldstart"] == true {
		l = l.add(styleCold, "  cold start")
	}
	return l
}

// askedFor is the request of an invocation by HTTP, method and route or path, or whatever the span is named after beside its function.
func askedFor(span Span, service string) string {
	target := span.Text("http.route")
	if target == "" {
		target = span.Text("url.path")
	}
	if method := span.Text("http.request.method"); method != "" && target != "" {
		return method + " " + target
	}
	if span.Name == service {
		return ""
	}
	return span.Name
}

// failure is what an error span says about why: the recorded exception, else its type and message.
type failure struct {
	kind, message, stack string
}

func (f failure) title() string {
	if f.kind != "" && f.message != "" {
		return f.kind + ": " + f.message
	}
	return f.kind + f.message
}

// openError is the extension's error.type for what had no end that anyone saw; its message says so in words.
const openError = "afterglow.open"

// failures lists the exceptions of a span. Without one, an error is told by error.type and the status message, unless the
// HTTP status, which the call's line shows already, is all they say.
func failures(span Span) []failure {
	var list []failure
	for _, event := range span.Events {
		if event.Name != "exception" {
			continue
		}
		kind, _ := event.Attributes["exception.type"].(string)
		message, _ := event.Attributes["exception.message"].(string)
		stack, _ := event.Attributes["exception.stacktrace"].(string)
		list = append(list, failure{kind, message, stack})
	}
	if len(list) > 0 || span.StatusCode != StatusError {
		return list
	}
	only := failure{kind: span.Text("error.type"), message: span.StatusMessage}
	status, known := number(span, "http.response.status_code")
	if known && only.kind == strconv.FormatInt(status, 10) || only.kind == openError && only.message != "" {
		only.kind = ""
	}
	if only.title() == "" {
		return nil
	}
	return []failure{only}
}

func number(span Span, key string) (int64, bool) {
	value, ok := span.Attributes[key].(int64)
	return value, ok
}

// joined prints an attribute that is a string or a list of them.
func joined(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, 0, len(v))
		for _, element := range v {
			parts = append(parts, fmt.Sprint(element))
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
