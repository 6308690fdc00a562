package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseKinesis reads the event of a stream: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
func recogniseKinesis(e document.Value) (event.Trigger, bool) {
	var b batch
	e.Get("Records").Items(func(record document.Value) bool {
		var source, id, stream string
		record.Fields(func(key []byte, v document.Value) bool {
			switch string(key) {
			case "eventSource":
				source = v.String()
			case "eventID": // shardId-000000000006:4959…
				id = v.String()
			case "eventSourceARN":
				stream = streamName(v.String())
			}
			return true
		})
		if source != "aws:kinesis" || !strings.HasPrefix(id, "shardId-") || !isID(id) || stream == "" {
			return true
		}
		return b.add(kinesisMessage(stream, id))
	})
	t, ok := b.trigger("aws.kinesis", "aws.kinesis")
	if ok && len(b.all) == 1 {
		t.Attributes = text(t.Attributes, "aws.kinesis.stream_name", t.Name)
	}
	return t, ok
}

// kinesisMessage makes a message of a record. A sequence number is unique in its shard, and names of shards are the same in every stream.
func kinesisMessage(stream, id string) event.Message {
	m := message(spaceKinesis, id, stream)
	m.Key.ID = stream + "/" + id
	return m
}

// streamName takes the name out of a stream's ARN, or out of one of a consumer of it: arn:aws:kinesis:region:account:stream/name/consumer/…
func streamName(arn string) string {
	rest, ok := strings.CutPrefix(arnResource(arn), "stream/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}
