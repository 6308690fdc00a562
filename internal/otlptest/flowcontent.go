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
	requestKeys  = []string{"afterglow.request.body.content", "afterglow.event.content"}
	responseKeys = []string{"afterglow.response.body.content", "afterglow.response.content"}
)

// Names under which AWS wraps what the user wrote: the event of a function URL or API, a record of SQS, SNS; the response to an
// API; the request of SQS and SNS; an item for DynamoDB.
var (
	wrappedOne  = []string{"body", "MessageBody", "Message", "Item"}
	wrappedMany = []string{"Records", "Entries"}
)

// empties are contents that say nothing.
var empties = []string{"", "null", "{}", "[]", `""`}

// content is the first of some attributes that a span has, in one readable piece, "" if it says nothing.
func content(span Span, keys []string) string {
	for _, key := range keys {
		text := ""
		switch value := span.Attributes[key].(type) {
		case nil:
			continue
		case string:
			text = essence(value)
		default:
			text = asJSON(value)
		}
		if slices.Contains(empties, strings.TrimSpace(text)) {
			return ""
		}
		return text
	}
	return ""
}

// essence takes what the user wrote out of what AWS wrapped around it. On one line, the headers of an event would leave no room
// for its body. What is not understood, cut JSON included, stays as it is.
func essence(text string) string {
	if inner, ok := unwrap([]byte(text)); ok {
		return inner
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return text
	}
	for _, name := range wrappedMany {
		var list []json.RawMessage
		if json.Unmarshal(object[name], &list) != nil {
			continue
		}
		var parts []string
		for _, record := range list {
			var sns struct{ Sns json.RawMessage }
			if json.Unmarshal(record, &sns) == nil && sns.Sns != nil {
				record = sns.Sns
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

// unwrap takes the text or the object out of a JSON object that wraps it.
func unwrap(wrapped []byte) (inner string, ok bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(wrapped, &object) != nil {
		return "", false
	}
	for _, name := range wrappedOne {
		raw := object[name]
		if json.Unmarshal(raw, &inner) == nil && inner != "" {
			return inner, true
		}
		if strings.HasPrefix(string(raw), "{") {
			return string(raw), true
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
