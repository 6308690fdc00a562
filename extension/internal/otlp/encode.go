package otlp

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendRequest appends r to b as an ExportTraceServiceRequest with one ResourceSpans in it. Such requests can be put one behind the
// other to make a greater request: protobuf joins repeated fields, so a batch is the concatenation of its parts.
//
//	ExportTraceServiceRequest { 1: ResourceSpans { 1: Resource { 1: KeyValue* }, 2: ScopeSpans { 1: Scope, 2: Span*, 3: url }, 3: url } }
func AppendRequest(b []byte, r ResourceSpans) []byte {
	b = slices.Grow(b, r.size())
	return message(b, 1, func(b []byte) []byte {
		b = message(b, 1, func(b []byte) []byte { return attributes(b, 1, r.Resource) })
		b = message(b, 2, func(b []byte) []byte {
			b = message(b, 1, func(b []byte) []byte {
				b = text(b, 1, r.Scope.Name)
				return text(b, 2, r.Scope.Version)
			})
			for i := range r.Spans {
				b = message(b, 2, func(b []byte) []byte { return appendSpan(b, &r.Spans[i]) })
			}
			return text(b, 3, r.SchemaURL)
		})
		return text(b, 3, r.SchemaURL)
	})
}

// mostOverhead is what tag and length of a field take, and of the message around it.
const mostOverhead = 12

// size is about how many bytes a request takes, and seldom less: room that is made once is cheaper than room that doubles again and again.
func (r ResourceSpans) size() int {
	const fixed = 128 // of a span: its ids, times and the rest of its small fields
	n := fixed + len(r.Scope.Name) + len(r.Scope.Version) + 2*len(r.SchemaURL) + attributesSize(r.Resource)
	for i := range r.Spans {
		s := &r.Spans[i]
		n += fixed + len(s.State) + len(s.Name) + len(s.Status.Message) + attributesSize(s.Attributes)
		for k := range s.Events {
			n += fixed + attributesSize(s.Events[k].Attributes)
		}
		for k := range s.Links {
			n += fixed + attributesSize(s.Links[k].Attributes)
		}
	}
	return n
}

func attributesSize(kvs []KeyValue) int {
	n := 0
	for i := range kvs {
		n += mostOverhead + len(kvs[i].Key) + kvs[i].Value.size()
	}
	return n
}

func appendSpan(b []byte, s *Span) []byte {
	b = data(b, 1, s.Trace[:])
	b = data(b, 2, s.ID[:])
	b = text(b, 3, s.State)
	if s.Parent != [8]byte{} {
		b = data(b, 4, s.Parent[:])
	}
	b = text(b, 5, s.Name)
	b = varint(b, 6, uint64(s.Kind))
	b = nanos(b, 7, s.Start)
	b = nanos(b, 8, s.End)
	b = attributes(b, 9, s.Attributes)
	b = varint(b, 10, uint64(s.DroppedAttributes))
	for i := range s.Events {
		b = message(b, 11, func(b []byte) []byte { return appendEvent(b, &s.Events[i]) })
	}
	b = varint(b, 12, uint64(s.DroppedEvents))
	for i := range s.Links {
		b = message(b, 13, func(b []byte) []byte { return appendLink(b, &s.Links[i]) })
	}
	b = varint(b, 14, uint64(s.DroppedLinks))
	if s.Status != (Status{}) {
		b = message(b, 15, func(b []byte) []byte {
			b = text(b, 2, s.Status.Message)
			return varint(b, 3, uint64(s.Status.Code))
		})
	}
	return flags(b, 16, s.Flags)
}

func appendEvent(b []byte, e *Event) []byte {
	b = nanos(b, 1, e.Time)
	b = text(b, 2, e.Name)
	b = attributes(b, 3, e.Attributes)
	return varint(b, 4, uint64(e.Dropped))
}

func appendLink(b []byte, l *Link) []byte {
	b = data(b, 1, l.Trace[:])
	b = data(b, 2, l.Span[:])
	b = text(b, 3, l.State)
	b = attributes(b, 4, l.Attributes)
	b = varint(b, 5, uint64(l.Dropped))
	return flags(b, 6, l.Flags)
}

func attributes(b []byte, field protowire.Number, kvs []KeyValue) []byte {
	for i := range kvs {
		kv := &kvs[i]
		if kv.Value.kind == kindString || kv.Value.kind == kindOneString {
			key, value := valid(kv.Key), valid(kv.Value.str)
			if key != "" && field < 1<<4 && len(key)+len(value) <= mostOfShort {
				b = short(b, field, key, value, kv.Value.kind == kindOneString)
				continue
			}
		}
		b = message(b, field, func(b []byte) []byte {
			b = text(b, 1, kv.Key)
			return message(b, 2, func(b []byte) []byte { return appendValue(b, &kv.Value) })
		})
	}
	return b
}

// mostOfShort is how long key and value of an attribute may be together so that every length in it takes one byte.
const mostOfShort = 1<<7 - 1 - 2*5

// short writes the most frequent of all messages, an attribute of a short text or of a list with one in it: all that is not text in it are tags and lengths of a
// byte, which are known before.
//
//	KeyValue { 1: key, 2: AnyValue { 1: string } }
//	KeyValue { 1: key, 2: AnyValue { 5: ArrayValue { 1: AnyValue { 1: string } } } }
func short(b []byte, field protowire.Number, key, value string, list bool) []byte {
	const bytesType, one, two, five = byte(protowire.BytesType), 1 << 3, 2 << 3, 5 << 3
	k, v := byte(len(key)), byte(len(value))
	if !list {
		b = append(b, byte(field)<<3|bytesType, 2+k+2+2+v, one|bytesType, k)
		b = append(b, key...)
		b = append(b, two|bytesType, 2+v, one|bytesType, v)
		return append(b, value...)
	}
	b = append(b, byte(field)<<3|bytesType, 2+k+2+2+2+2+v, one|bytesType, k)
	b = append(b, key...)
	b = append(b, two|bytesType, 2+2+2+v, five|bytesType, 2+2+v, one|bytesType, 2+v, one|bytesType, v)
	return append(b, value...)
}

// appendValue writes one member of AnyValue's oneof. Unlike elsewhere in proto3, a zero is written: it says which member is meant.
func appendValue(b []byte, v *Value) []byte {
	switch v.kind {
	case kindString:
		return data(b, 1, valid(v.str))
	case kindBool:
		b = tag(b, 2, protowire.VarintType)
		return uvarint(b, v.num)
	case kindInt:
		b = tag(b, 3, protowire.VarintType)
		return uvarint(b, v.num)
	case kindDouble:
		b = tag(b, 4, protowire.Fixed64Type)
		return protowire.AppendFixed64(b, v.num)
	case kindStrings:
		return message(b, 5, func(b []byte) []byte {
			for _, s := range v.list {
				b = message(b, 1, func(b []byte) []byte { return data(b, 1, valid(s)) })
			}
			return b
		})
	case kindOneString:
		return message(b, 5, func(b []byte) []byte {
			return message(b, 1, func(b []byte) []byte { return data(b, 1, valid(v.str)) })
		})
	}
	return b
}

// replacement stands for bytes that are not UTF-8.
const replacement = "\uFFFD"

// valid repairs a text. Nearly all are valid, and to find that out is much quicker than to repair.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, replacement)
}

// message writes a nested message. Its length stands before it and is known after it: most fit into the one byte that is left for it, and else the content
// moves up.
func message(b []byte, field protowire.Number, content func([]byte) []byte) []byte {
	b = tag(b, field, protowire.BytesType)
	at := len(b)
	b = append(b, 0)
	b = content(b)
	size := len(b) - at - 1
	if size < 1<<7 {
		b[at] = byte(size)
		return b
	}
	var room [9]byte
	n := protowire.SizeVarint(uint64(size))
	b = append(b, room[:n-1]...)
	copy(b[at+n:], b[at+1:])
	protowire.AppendVarint(b[:at], uint64(size))
	return b
}

// tag and uvarint are protowire's, and short enough to be compiled into their callers for the one byte that most numbers take: there are six to an attribute.
func tag(b []byte, field protowire.Number, kind protowire.Type) []byte {
	if field < 1<<4 {
		return append(b, byte(field)<<3|byte(kind))
	}
	return protowire.AppendTag(b, field, kind)
}

func uvarint(b []byte, v uint64) []byte {
	if v < 1<<7 {
		return append(b, byte(v))
	}
	return protowire.AppendVarint(b, v)
}

func data[T string | []byte](b []byte, field protowire.Number, v T) []byte {
	b = tag(b, field, protowire.BytesType)
	b = uvarint(b, uint64(len(v)))
	return append(b, v...)
}

func text(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return data(b, field, valid(s))
}

func varint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = tag(b, field, protowire.VarintType)
	return uvarint(b, v)
}

func flags(b []byte, field protowire.Number, v uint32) []byte {
	if v == 0 {
		return b
	}
	b = tag(b, field, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, v)
}

// nanos writes a time. The zero time is year 1, which the protocol cannot say; it and all before 1970 become 1970.
func nanos(b []byte, field protowire.Number, t time.Time) []byte {
	var ns uint64
	switch s := t.Unix(); {
	case s < 0:
	case s >= math.MaxInt64/int64(time.Second):
		ns = math.MaxInt64
	default:
		ns = uint64(t.UnixNano())
	}
	b = tag(b, field, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, ns)
}
