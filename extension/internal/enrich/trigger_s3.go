package enrich

import (
	"net/url"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseS3Event reads a notification of a bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func recogniseS3Event(e document.Value) (event.Trigger, bool) {
	var b batch
	last := readS3Records(e, &b, maxMessages)
	if b.records == 0 {
		return event.Trigger{}, false
	}
	t := event.Trigger{Source: "aws.s3", Kind: kindDatasource, Name: b.name(), Messages: b.messages}
	if len(b.all) == 1 {
		t.Attributes = text(t.Attributes, "faas.document.collection", t.Name)
		t.Attributes = text(t.Attributes, "aws.s3.bucket", t.Name)
	}
	if b.records == 1 {
		if operation := last.operation(); operation != "" {
			t.Attributes = append(t.Attributes, event.Attribute{Name: "faas.document.operation", Value: operation})
		}
		t.Attributes = text(t.Attributes, "faas.document.time", last.time)
		t.Attributes = text(t.Attributes, "faas.document.name", last.key)
		t.Attributes = text(t.Attributes, "aws.s3.key", last.key)
	}
	return t, true
}

// An s3Record is what happened to one object.
type s3Record struct{ source, name, time, bucket, key, request string }

// operation gives the conventions' word for what happened: eventName is ObjectCreated:Put, ObjectRemoved:Delete, LifecycleExpiration:Delete, …
func (r s3Record) operation() string {
	switch kind, how, _ := strings.Cut(r.name, ":"); {
	case kind == "ObjectCreated", kind == "ObjectRestore":
		return "insert"
	case kind == "ObjectRemoved", kind == "LifecycleExpiration":
		return "delete"
	case strings.HasPrefix(how, "Put"): // tags and rights
		return "edit"
	}
	return ""
}

// readS3Records takes the records of a notification, as far as most, and gives the last.
func readS3Records(e document.Value, b *batch, most int) (last s3Record) {
	e.Get("Records").Items(func(v document.Value) bool {
		r := readS3Record(v)
		if r.source != "aws:s3" || !isID(r.request) {
			return true
		}
		last = r
		m := event.Message{Key: event.Key{Space: spaceS3, ID: r.request}, Destination: r.bucket}
		m.Attributes = text(m.Attributes, "aws.s3.bucket", r.bucket)
		m.Attributes = text(m.Attributes, "aws.s3.key", r.key)
		return b.add(m) && b.records < most
	})
	return last
}

func readS3Record(v document.Value) (r s3Record) {
	v.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "eventSource":
			r.source = v.String()
		case "eventName":
			r.name = v.String()
		case "eventTime":
			r.time = v.String()
		case "responseElements":
			r.request = v.Get("x-amz-request-id").String()
		case "s3":
			r.bucket = v.Get("bucket", "name").String()
			r.key = v.Get("object", "key").String()
			if plain, err := url.QueryUnescape(r.key); err == nil { // as in a form: a blank is a plus sign
				r.key = plain
			}
		}
		return true
	})
	return r
}
