package otlp

import (
	"math"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

var start = time.Unix(1_750_000_000, 123_456_000)

func TestEncodingDecodesWithTheOfficialTypes(t *testing.T) {
	tests := []struct {
		name string
		give ResourceSpans
		want *tracepb.ResourceSpans
	}{
		{"nothing", ResourceSpans{}, resourceSpans(nil)},
		{
			"every field of a span",
			ResourceSpans{
				Resource:  []KeyValue{String("service.name", "orders")},
				Scope:     Scope{"afterglow", "0.1.0"},
				SchemaURL: "https://example.com/schema",
				Spans: []Span{{
					Trace: [16]byte{1}, ID: [8]byte{2}, Parent: [8]byte{3}, State: "a=b", Flags: FlagSampled,
					Name: "GET", Kind: KindClient, Start: start, End: start.Add(time.Millisecond),
					Status:            Status{CodeError, "boom"},
					Attributes:        []KeyValue{String("k", "v")},
					Events:            []Event{{Time: start, Name: "exception", Attributes: []KeyValue{Int("n", 1)}, Dropped: 7}},
					Links:             []Link{{Trace: [16]byte{4}, Span: [8]byte{5}, State: "c=d", Flags: 1, Attributes: []KeyValue{Bool("b", true)}, Dropped: 8}},
					DroppedAttributes: 4, DroppedEvents: 5, DroppedLinks: 6,
				}},
			},
			&tracepb.ResourceSpans{
				Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{stringAttribute("service.name", "orders")}},
				SchemaUrl: "https://example.com/schema",
				ScopeSpans: []*tracepb.ScopeSpans{{
					Scope:     &commonpb.InstrumentationScope{Name: "afterglow", Version: "0.1.0"},
					SchemaUrl: "https://example.com/schema",
					Spans: []*tracepb.Span{{
						TraceId: id(16, 1), SpanId: id(8, 2), ParentSpanId: id(8, 3), TraceState: "a=b", Flags: 1,
						Name: "GET", Kind: tracepb.Span_SPAN_KIND_CLIENT,
						StartTimeUnixNano: uint64(start.UnixNano()), EndTimeUnixNano: uint64(start.Add(time.Millisecond).UnixNano()),
						Status:                 &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "boom"},
						Attributes:             []*commonpb.KeyValue{stringAttribute("k", "v")},
						Events:                 []*tracepb.Span_Event{{TimeUnixNano: uint64(start.UnixNano()), Name: "exception", Attributes: []*commonpb.KeyValue{{Key: "n", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 1}}}}, DroppedAttributesCount: 7}},
						Links:                  []*tracepb.Span_Link{{TraceId: id(16, 4), SpanId: id(8, 5), TraceState: "c=d", Flags: 1, Attributes: []*commonpb.KeyValue{{Key: "b", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}}}, DroppedAttributesCount: 8}},
						DroppedAttributesCount: 4, DroppedEventsCount: 5, DroppedLinksCount: 6,
					}},
				}},
			},
		},
		{
			"every kind of value",
			ResourceSpans{Resource: []KeyValue{
				String("string", "s"), String("empty string", ""), Int("int", -5), Int("zero", 0), Double("double", 1.5), Double("zero double", 0),
				Bool("true", true), Bool("false", false), Strings("strings", []string{"a", ""}), Strings("no strings", nil), StringIn("one string", "a"), StringIn("one empty", ""), {Key: "nothing"},
			}},
			resourceSpans([]*commonpb.KeyValue{
				stringAttribute("string", "s"), stringAttribute("empty string", ""),
				{Key: "int", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: -5}}},
				{Key: "zero", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{}}},
				{Key: "double", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 1.5}}},
				{Key: "zero double", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{}}},
				{Key: "true", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
				{Key: "false", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{}}},
				{Key: "strings", Value: arrayValue("a", "")},
				{Key: "no strings", Value: arrayValue()},
				{Key: "one string", Value: arrayValue("a")},
				{Key: "one empty", Value: arrayValue("")},
				{Key: "nothing", Value: &commonpb.AnyValue{}},
			}),
		},
		{
			"text that is not UTF-8 is repaired, wherever it stands",
			ResourceSpans{Resource: []KeyValue{String("k\xff", "v\xfe"), Strings("l", []string{"\x80"})}},
			resourceSpans([]*commonpb.KeyValue{stringAttribute("k\uFFFD", "v\uFFFD"), {Key: "l", Value: arrayValue("\uFFFD")}}),
		},
		{
			"lengths that need several bytes, and those before and behind a byte's end",
			ResourceSpans{Resource: longAttributes(func(s string) KeyValue { return String("long", s) })},
			resourceSpans(longAttributes(func(s string) *commonpb.KeyValue { return stringAttribute("long", s) })),
		},
		{
			"the same of lists",
			ResourceSpans{Resource: longAttributes(func(s string) KeyValue { return StringIn("long", s) })},
			resourceSpans(longAttributes(func(s string) *commonpb.KeyValue { return &commonpb.KeyValue{Key: "long", Value: arrayValue(s)} })),
		},
		{
			"an attribute without a name",
			ResourceSpans{Resource: []KeyValue{String("", "v")}},
			resourceSpans([]*commonpb.KeyValue{stringAttribute("", "v")}),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := decode(t, AppendRequest(nil, test.give))
			if len(got.ResourceSpans) != 1 || !proto.Equal(got.ResourceSpans[0], test.want) {
				t.Errorf("got  %s\nwant %s", prototext.Format(got), prototext.Format(test.want))
			}
		})
	}
}

// longAttributes makes attributes with texts whose lengths, or those of what is around them, take one more byte than the text before.
func longAttributes[T any](of func(s string) T) (all []T) {
	for n := 90; n < 130; n++ {
		all = append(all, of(strings.Repeat("x", n)))
	}
	for n := 1<<14 - 20; n < 1<<14+2; n++ {
		all = append(all, of(strings.Repeat("x", n)))
	}
	return append(all, of(strings.Repeat("x", 1<<17)))
}

func TestTimesOutsideTheProtocolsAreCutToIt(t *testing.T) {
	tests := []struct {
		name string
		give time.Time
		want uint64
	}{
		{"zero", time.Time{}, 0},
		{"before 1970", time.Unix(-1, 0), 0},
		{"1970", time.Unix(0, 0), 0},
		{"now", start, uint64(start.UnixNano())},
		{"beyond int64", time.Unix(math.MaxInt64/int64(time.Second)+1, 0), math.MaxInt64},
		{"year 9999", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := decode(t, AppendRequest(nil, ResourceSpans{Spans: []Span{{Start: test.give}}}))
			if got := r.ResourceSpans[0].ScopeSpans[0].Spans[0].StartTimeUnixNano; got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestRequestsJoinByStandingBehindEachOther(t *testing.T) {
	b := []byte(nil)
	for _, name := range []string{"one", "two", "three"} {
		b = AppendRequest(b, ResourceSpans{Resource: []KeyValue{String("service.name", name)}})
	}
	r := decode(t, b)
	if len(r.ResourceSpans) != 3 || r.ResourceSpans[2].Resource.Attributes[0].Value.GetStringValue() != "three" {
		t.Errorf("got %s", prototext.Format(r))
	}
}

func TestAnyGivesBackWhatWasPutIn(t *testing.T) {
	for _, want := range []any{"s", int64(-1), 1.5, true, false} {
		var kv KeyValue
		switch v := want.(type) {
		case string:
			kv = String("k", v)
		case int64:
			kv = Int("k", v)
		case float64:
			kv = Double("k", v)
		case bool:
			kv = Bool("k", v)
		}
		if got := kv.Value.Any(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if got, ok := StringIn("k", "v").Value.Any().([]string); !ok || len(got) != 1 || got[0] != "v" {
		t.Errorf("a list of one gives %v", got)
	}
	if got := (Value{}).Any(); got != nil {
		t.Errorf("the empty value gives %v", got)
	}
}

func FuzzEncodingAlwaysDecodes(f *testing.F) {
	f.Add("key", "value", int64(1), uint8(2))
	f.Fuzz(func(t *testing.T, key, value string, ns int64, kind uint8) {
		decode(t, AppendRequest(nil, ResourceSpans{
			Resource: []KeyValue{String(key, value), Strings(key, []string{value, key}), Int(key, ns)},
			Scope:    Scope{key, value}, SchemaURL: value,
			Spans: []Span{{
				Name: key, State: value, Kind: Kind(kind), Start: time.Unix(ns, 0), End: time.Unix(0, ns), Status: Status{Code(kind), value},
				Events: []Event{{Time: time.Unix(0, ns), Name: value}}, Links: []Link{{State: key}},
			}},
		}))
	})
}

// decode takes the request for a TracesData, which has the same bytes; the package of the request itself needs gRPC.
func decode(t *testing.T, b []byte) *tracepb.TracesData {
	t.Helper()
	var r tracepb.TracesData
	if err := proto.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.ProtoReflect().GetUnknown()) > 0 {
		t.Fatalf("unknown fields: %x", r.ProtoReflect().GetUnknown())
	}
	return &r
}

// resourceSpans is what is left of spans when there is only a resource: the messages around them are always written.
func resourceSpans(attributes []*commonpb.KeyValue) *tracepb.ResourceSpans {
	return &tracepb.ResourceSpans{
		Resource:   &resourcepb.Resource{Attributes: attributes},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{}}},
	}
}

func stringAttribute(key, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func arrayValue(vs ...string) *commonpb.AnyValue {
	a := &commonpb.ArrayValue{}
	for _, v := range vs {
		a.Values = append(a.Values, &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}})
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: a}}
}

func id(size int, first byte) []byte {
	b := make([]byte, size)
	b[0] = first
	return b
}
