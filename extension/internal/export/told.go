package export

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// Names of attributes that tell of what is missing, as package span writes them.
const (
	toldLost  = "afterglow.lost." // + reason + .records or .bytes
	toldCalls = "afterglow.dropped.calls"
	// lossCalls is the reason of what toldCalls counts: calls that were left out of an invocation to keep it within its limit.
	lossCalls = "dropped-calls"
)

// Numbers of fields: opentelemetry/proto/common/v1/common.proto.
const (
	fieldKey         = 1 // of KeyValue
	fieldValue       = 2
	fieldStringValue = 1 // of AnyValue
	fieldBoolValue   = 2
	fieldIntValue    = 3
)

// Told gives what the spans of a request tell of losses in their attributes. Whoever drops the request has to tell it again: the one thing that told it
// is gone.
func Told(signal string, payload []byte, tell func(reason string, records, bytes int64)) {
	if signal != otlplog.Traces {
		return
	}
	walk(payload, func(span []byte) {
		each(span, fieldAttribute, func(attribute []byte) {
			name, n := count(attribute)
			if name == toldCalls {
				tell(lossCalls, n, 0)
			}
			reason, ok := strings.CutPrefix(name, toldLost)
			switch {
			case !ok:
			case strings.HasSuffix(reason, ".records"):
				tell(strings.TrimSuffix(reason, ".records"), n, 0)
			case strings.HasSuffix(reason, ".bytes"):
				tell(strings.TrimSuffix(reason, ".bytes"), 0, n)
			}
		})
	})
}

// count reads an attribute that is a number.
func count(attribute []byte) (name string, n int64) {
	each(attribute, fieldKey, func(key []byte) { name = string(key) })
	each(attribute, fieldValue, func(value []byte) {
		if number, kind, size := protowire.ConsumeTag(value); size > 0 && number == fieldIntValue && kind == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(value[size:])
			n = int64(v) //nolint:gosec // it was one
		}
	})
	return name, n
}
