package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// kinesis speaks JSON: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
func kinesis() service {
	return service{name: "Kinesis", ids: [mostIDs]string{"kinesis", "data-kinesis", "control-kinesis"}, target: "Kinesis_", recognise: recogniseKinesisCall}
}

func recogniseKinesisCall(r request, t *event.Target) {
	t.Operation = r.action
	body := r.body()
	if t.Resource = body.Get("StreamName").String(); t.Resource == "" {
		t.Resource = streamName(body.Get("StreamARN").String())
	}
	t.Attributes = text(t.Attributes, "aws.kinesis.stream_name", t.Resource)
	if !strings.HasPrefix(t.Operation, "PutRecord") {
		return
	}
	t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.system", Value: "aws.kinesis"})
	t.Batch = t.Operation == "PutRecords"
	count := 0
	body.Get("Records").Items(func(document.Value) bool { count++; return count < maxMessages })
	var ids []string
	add := func(v document.Value) bool {
		shard, sequence := v.Get("ShardId").String(), v.Get("SequenceNumber").String()
		if id := shard + ":" + sequence; shard != "" && sequence != "" && isID(id) && len(ids) < maxMessages {
			ids = append(ids, id)
		}
		return true
	}
	if r.answered() {
		if add(r.response()); t.Batch {
			r.response().Get("Records").Items(add)
		}
	}
	sent(t, spaceKinesis, ids, count)
	for i := range t.Messages { // the same id in another stream is another record
		t.Messages[i].Key = kinesisMessage(t.Resource, t.Messages[i].Key.ID).Key
	}
	if t.Key != nil {
		t.Key = &t.Messages[0].Key
	}
}
