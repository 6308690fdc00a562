package otlptest

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestContent(t *testing.T) {
	for name, c := range map[string]struct{ captured, want string }{
		"text":              {"a=1&b=2", "a=1&b=2"},
		"json":              {`{"a":1}`, `{"a":1}`},
		"event of a URL":    {`{"headers":{},"body":"{\"a\":1}"}`, `{"a":1}`},
		"no body":           {`{"headers":{},"body":""}`, `{"headers":{},"body":""}`},
		"body of an object": {`{"body":{"a":1}}`, `{"a":1}`},
		"item of DynamoDB":  {`{"TableName":"t","Item":{"b":{"S":"1"},"a":{"S":"2"}}}`, `{"b":{"S":"1"},"a":{"S":"2"}}`},
		"nothing":           {" null ", ""},
		"empty object":      {"{}", ""},
		"records of SQS":    {`{"Records":[{"body":"1"},{"body":"2"}]}`, "1 | 2"},
		"records of SNS":    {`{"Records":[{"Sns":{"Message":"hello"}}]}`, "hello"},
		"records of S3":     {`{"Records":[{"s3":{}}]}`, `{"Records":[{"s3":{}}]}`},
		"records of nobody": {`{"Records":[1,null],"Entries":{}}`, `{"Records":[1,null],"Entries":{}}`},
		"batch to SQS":      {`{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"a"},{"Id":"2","MessageBody":"b"}]}`, "a | b"},
		"cut json":          {`{"body":"{\"a`, `{"body":"{\"a`},
	} {
		span := Span{Attributes: map[string]any{"afterglow.event.content": c.captured}}
		if got := content(span, requestKeys); got != c.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestCutBody(t *testing.T) {
	long := strings.Repeat("abcdefghi ", 20)
	for name, c := range map[string]struct{ body, want string }{
		"short":         {`{"a":"****"}`, `{"a":"****"}`},
		"lines":         {"{\n  \"a\": 1\n}", `{ "a": 1 }`},
		"no mask":       {long, "abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi…"},
		"mask near":     {`{"a":"****",` + long, `{"a":"****",abcdefghi abcdefghi abcdefghi abcdefghi abcdefg…`},
		"mask far":      {`{"order":"1",` + long + `,"password":"****"}`, `{"order":"1",abcdefghi abcdefghi abcdef … "password":"****"…`},
		"mask at end":   {long + "token=****", "abcdefghi abcdefghi abcdefghi ab … ghi abcdefghi token=****"},
		"two masks":     {`{"a":"****",` + long + `,"b":"****"}`, `{"a":"****",abcdefghi abcdefghi abcdefghi abcd … "b":"****"…`},
		"neighbours":    {long + `,"a":"****","b":"****",` + long, `abcdefghi abcdefghi abcdefghi abcde … "a":"****","b":"****"…`},
		"inside a mask": {strings.Repeat("x", 50) + `,"secret":"****",` + long, strings.Repeat("x", 41) + ` … "secret":"****"…`},
		"too many":      {strings.Repeat(long+`,"a":"****"`, 9), `abcdefghi abcdefghi  … "a":"****" … "a":"****" … "a":"****"…`},
		"wide":          {strings.Repeat("日本", 40) + `"a":"****"`, strings.Repeat("日本", 4) + " … 本" + strings.Repeat("日本", 7) + `"a":"****"`},
	} {
		if got := cutBody(c.body, 60); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func FuzzCutBody(f *testing.F) {
	f.Add(`{"a":"****","b":"`+strings.Repeat("x", 100)+`","c":"****"}`, uint8(60))
	f.Add("日本****\n\x1b", uint8(3))
	f.Fuzz(func(t *testing.T, body string, columns uint8) {
		if !utf8.ValidString(body) {
			t.Skip("OTLP has valid strings only")
		}
		n := max(int(columns), 50)
		got := cutBody(body, n)
		if width(got) > n || clean(got) != got {
			t.Errorf("%d of %d columns: %q", width(got), n, got)
		}
		if strings.Contains(squeeze(body), masked) && !strings.Contains(got, masked) {
			t.Errorf("no masked value of %q in %q", body, got)
		}
	})
}

func TestUserFrames(t *testing.T) {
	const java = "java.lang.IllegalStateException: no\n\tat example.Handler.pay(Handler.java:9)\n\tat java.base/java.lang.Thread.run(Thread.java:1)"
	const ruby = "/var/task/app.rb:7:in 'pay': no (RuntimeError)\n\tfrom /var/runtime/lib/aws_lambda_ric.rb:3:in 'run'"
	for name, c := range map[string]struct {
		stack string
		want  []string
	}{
		"node":        {nodeStack, []string{"at ship (/var/task/index.js:31:9)", "at async handler (/var/task/index.js:12:3)"}},
		"python":      {pythonStack, []string{"at charge (/var/task/payment.py:40)", "at handler (/var/task/app.py:12)"}},
		"java":        {java, []string{"at example.Handler.pay(Handler.java:9)"}},
		"ruby":        {ruby, []string{"/var/task/app.rb:7:in 'pay': no (RuntimeError)"}},
		"nobody's":    {"Error\n    at x (node:internal/a:1:1)", []string{"at x (node:internal/a:1:1)"}},
		"not a stack": {"no frames here", nil},
		"many":        {"E\nat a\nat b\nat c\nat d", []string{"at a", "at b", "at c"}},
	} {
		if got := userFrames(c.stack, 3); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
