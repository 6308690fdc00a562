package otlptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// requestKeys and responseKeys are the attributes that hold captured content, of calls and of invocations.
var (
	requestKeys  = []string{"http.request.body.content", "afterglow.event.content"}
	responseKeys = []string{"http.response.body.content", "afterglow.response.content"}
)

// Names under which AWS wraps what the user wrote: the event of a function URL or API, a record of SQS, SNS; the response to an
// API; the request of SQS and SNS.
var (
	wrappedOne  = []string{"body", "MessageBody", "Message"}
	wrappedMany = []string{"Records", "Entries"}
)

// content is the first of some attributes that a span has, in one readable piece.
func content(span Span, keys []string) string {
	for _, key := range keys {
		switch value := span.Attributes[key].(type) {
		case nil:
		case string:
			return essence(value)
		default:
			return asJSON(value)
		}
	}
	return ""
}

// essence takes what the user wrote out of what AWS wrapped around it. On one line, the headers of an event would leave no room
// for its body. What is not understood, cut JSON included, stays as it is.
func essence(text string) string {
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil {
		return text
	}
	if inner, ok := unwrap(object); ok {
		return inner
	}
	for _, name := range wrappedMany {
		list, _ := object[name].([]any)
		var parts []string
		for _, element := range list {
			record, _ := element.(map[string]any)
			if sns, ok := record["Sns"].(map[string]any); ok {
				record = sns
			}
			if inner, ok := unwrap(record); ok {
				parts = append(parts, inner)
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, " | ")
		}
	}
	return text
}

func unwrap(object map[string]any) (inner string, ok bool) {
	for _, name := range wrappedOne {
		if inner, _ := object[name].(string); inner != "" {
			return inner, true
		}
	}
	return "", false
}

func asJSON(value any) string {
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil { // a number that JSON does not know
		return fmt.Sprint(value)
	}
	return encoded.String()
}

// losses says what the extension counted as not recorded or left out, "" if nothing.
func losses(span Span) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(span.Attributes)) {
		count, _ := span.Attributes[key].(int64)
		if reason, ok := strings.CutPrefix(key, "afterglow.lost."); ok {
			if reason, ok = strings.CutSuffix(reason, ".records"); ok {
				parts = append(parts, fmt.Sprintf("%d lost (%s)", count, reason))
			}
		}
		if what, ok := strings.CutPrefix(key, "afterglow.dropped."); ok && what != "bytes" {
			parts = append(parts, fmt.Sprintf("%d %s left out", count, what))
		}
	}
	return strings.Join(parts, ", ")
}
