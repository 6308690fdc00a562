package span

import (
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// appendText adds a text that is not empty.
func appendText(to []otlp.KeyValue, key string, t mask.Text) []otlp.KeyValue {
	if t.Len() == 0 {
		return to
	}
	return append(to, otlp.String(key, t.String()))
}

// appendFlag adds what is only said when it is so.
func appendFlag(to []otlp.KeyValue, key string, is bool) []otlp.KeyValue {
	if !is {
		return to
	}
	return append(to, otlp.Bool(key, true))
}

// appendCount adds a number of something, unless there is none.
func appendCount(to []otlp.KeyValue, key string, n int64) []otlp.KeyValue {
	if n == 0 {
		return to
	}
	return append(to, otlp.Int(key, n))
}

// appendAttributes adds what enrich found. A name that is there already keeps its value: a span must not have one twice.
func appendAttributes(to []otlp.KeyValue, from []mask.Attribute) []otlp.KeyValue {
	for _, a := range from {
		if slices.ContainsFunc(to, func(kv otlp.KeyValue) bool { return kv.Key == a.Name() }) {
			continue
		}
		switch v := a.Value().(type) {
		case mask.Text:
			to = append(to, otlp.String(a.Name(), v.String()))
		case []string:
			to = append(to, otlp.Strings(a.Name(), v))
		case int64:
			to = append(to, otlp.Int(a.Name(), v))
		case float64:
			to = append(to, otlp.Double(a.Name(), v))
		case bool:
			to = append(to, otlp.Bool(a.Name(), v))
		}
	}
	return to
}

// contentNames are those of the attributes of an event, a response of the function's, or a body of HTTP.
type contentNames struct{ content, size, truncated, hidden string }

func namesOfEvent() contentNames {
	return contentNames{prefixEvent + suffixContent, prefixEvent + suffixSize, prefixEvent + suffixTruncated, prefixEvent + suffixHidden}
}

func namesOfResult() contentNames {
	return contentNames{prefixResponse + suffixContent, prefixResponse + suffixSize, prefixResponse + suffixTruncated, prefixResponse + suffixHidden}
}

// namesOfRequest: for the size of a body the conventions have a name, and none for what is in it.
func namesOfRequest() contentNames {
	return contentNames{prefixRequestBody + suffixContent, "http.request.body.size", prefixRequestBody + suffixTruncated, prefixRequestBody + suffixHidden}
}

func namesOfResponse() contentNames {
	return contentNames{prefixResponseBody + suffixContent, "http.response.body.size", prefixResponseBody + suffixTruncated, prefixResponseBody + suffixHidden}
}

// appendContent adds one of these, and what became of it.
func appendContent(to []otlp.KeyValue, names contentNames, b mask.Body) []otlp.KeyValue {
	to = appendText(to, names.content, b.Text)
	to = appendCount(to, names.size, max(0, b.Size))
	to = appendFlag(to, names.truncated, b.Truncated)
	return appendText(to, names.hidden, b.Hidden)
}

// fewHeaders are compared with each other; of more of them a map is made.
const fewHeaders = 32

// appendHeaders adds headers, the values of one name together, as the conventions want them.
func (b *Builder) appendHeaders(to []otlp.KeyValue, prefix string, headers []mask.Header) []otlp.KeyValue {
	begin := len(to)
	var places map[string]int
	if len(headers) > fewHeaders {
		places = make(map[string]int, len(headers))
	}
	for _, h := range headers {
		if h.Name.Len() == 0 {
			continue
		}
		key := b.keyOf(prefix, h.Name.String())
		at, again := places[key]
		if places == nil {
			at = slices.IndexFunc(to[begin:], func(kv otlp.KeyValue) bool { return kv.Key == key }) + begin
			again = at >= begin
		}
		if again {
			list, _ := to[at].Value.Any().([]string)
			to[at] = otlp.Strings(key, append(list, h.Value.String()))
			continue
		}
		if places != nil {
			places[key] = len(to)
		}
		to = append(to, otlp.StringIn(key, h.Value.String()))
	}
	return to
}

// knownKeys are remembered: a function's requests and responses have some dozens of headers.
const knownKeys = 256

// A headerName is one of a request, or of a response.
type headerName struct{ prefix, name string }

// keyOf gives the attribute's name for a header.
func (b *Builder) keyOf(prefix, name string) string {
	key, known := b.keys[headerName{prefix, name}]
	if known {
		return key
	}
	key = prefix + strings.ToLower(name)
	if b.keys == nil || len(b.keys) >= knownKeys {
		b.keys = map[headerName]string{}
	}
	b.keys[headerName{prefix, strings.Clone(name)}] = key // a copy: the name may be part of something large
	return key
}

// appendLost adds what was not recorded, by reason.
func appendLost(to []otlp.KeyValue, lost []mask.Loss) []otlp.KeyValue {
	type sum struct{ records, bytes int64 }
	var reasons []string
	sums := map[string]sum{}
	for _, l := range lost {
		reason := l.Reason.String()
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
		sums[reason] = sum{sums[reason].records + l.Records, sums[reason].bytes + l.Bytes}
	}
	for _, reason := range reasons {
		to = append(to, otlp.Int(prefixLost+reason+".records", sums[reason].records))
		to = appendCount(to, prefixLost+reason+".bytes", sums[reason].bytes)
	}
	return to
}

// appendDropped adds what limit left out.
func appendDropped(to []otlp.KeyValue, d mask.Dropped) []otlp.KeyValue {
	to = appendCount(to, prefixDropped+"unknown", int64(d.Unknown))
	to = appendCount(to, prefixDropped+"bodies", int64(d.Bodies))
	to = appendCount(to, prefixDropped+"headers", int64(d.Headers))
	to = appendCount(to, prefixDropped+"attributes", int64(d.Attributes))
	to = appendCount(to, prefixDropped+"links", int64(d.Links))
	to = appendCount(to, prefixDropped+"messages", int64(d.Messages))
	to = appendCount(to, prefixDropped+"calls", int64(d.Calls))
	to = appendCount(to, prefixDropped+"lines", int64(d.Lines))
	return appendCount(to, prefixDropped+"bytes", d.Bytes)
}
