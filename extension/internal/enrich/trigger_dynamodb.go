package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseDynamoDBStream reads the changes of a table: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html. Who made them, a stream does not
// tell: an item and its key may be written by many.
func recogniseDynamoDBStream(e document.Value) (event.Trigger, bool) {
	var b batch
	operations := map[string]bool{}
	operation := ""
	e.Get("Records").Items(func(record document.Value) bool {
		var source, name, table string
		record.Fields(func(key []byte, v document.Value) bool {
			switch string(key) {
			case "eventSource":
				source = v.String()
			case "eventName":
				name = v.String()
			case "eventSourceARN": // arn:aws:dynamodb:region:account:table/name/stream/label
				_, rest, _ := strings.Cut(arnResource(v.String()), "/")
				table, _, _ = strings.Cut(rest, "/")
			}
			return true
		})
		if source != "aws:dynamodb" {
			return true
		}
		if operation = dynamoOperation(name); operation != "" {
			operations[operation] = true
		}
		return b.count(table)
	})
	if b.records == 0 {
		return event.Trigger{}, false
	}
	t := event.Trigger{Source: "aws.dynamodb", Kind: kindDatasource, Name: b.name()}
	if len(b.all) == 1 {
		t.Attributes = text(t.Attributes, "faas.document.collection", t.Name)
	}
	if len(operations) == 1 && operation != "" {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "faas.document.operation", Value: operation})
	}
	return t, true
}

func dynamoOperation(name string) string {
	switch name {
	case "INSERT":
		return "insert"
	case "MODIFY":
		return "edit"
	case "REMOVE":
		return "delete"
	}
	return ""
}
