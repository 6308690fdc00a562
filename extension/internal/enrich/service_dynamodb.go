package enrich

import (
	"slices"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// maxTables bounds what one call adds to a span: a transaction holds 100 items.
const maxTables = 100

// dynamoDB speaks JSON: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
func dynamoDB() service {
	return service{name: "DynamoDB", ids: [mostIDs]string{"dynamodb", "dax"}, target: "DynamoDB_", recognise: recogniseDynamoDB}
}

func recogniseDynamoDB(r request, t *event.Target) {
	t.Operation = r.action
	tables := dynamoTables(r.body())
	if len(tables) == 1 {
		t.Resource = tables[0]
	}
	t.Attributes = append(t.Attributes,
		event.Attribute{Name: "db.system.name", Value: "aws.dynamodb"},
		event.Attribute{Name: "db.operation.name", Value: t.Operation})
	t.Attributes = text(t.Attributes, "db.collection.name", t.Resource)
	if fault := faultOf(r); fault != "" {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "db.response.status_code", Value: fault})
	}
	if len(tables) > 0 {
		names := make([]event.Text, len(tables))
		for i, name := range tables {
			names[i] = event.TextOf(name)
		}
		t.Attributes = append(t.Attributes, event.Attribute{Name: "aws.dynamodb.table_names", Value: names})
	}
}

// dynamoTables gives the tables of a request, each once: of single operations, of batches (RequestItems' keys) and of transactions.
func dynamoTables(body document.Value) []string {
	var tables []string
	add := func(name string) bool {
		if name != "" && !slices.Contains(tables, name) {
			tables = append(tables, name)
		}
		return len(tables) < maxTables
	}
	body.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "TableName":
			return add(v.String())
		case "RequestItems":
			v.Fields(func(table []byte, _ document.Value) bool { return add(string(table)) })
		case "TransactItems":
			v.Items(func(item document.Value) bool {
				item.Fields(func(_ []byte, operation document.Value) bool { return add(operation.Get("TableName").String()) })
				return len(tables) < maxTables
			})
		}
		return true
	})
	return tables
}
