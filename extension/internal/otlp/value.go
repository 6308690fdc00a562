package otlp

import "math"

// String makes an attribute of text.
func String(key, v string) KeyValue { return KeyValue{key, Value{kind: kindString, str: v}} }

// Strings makes an attribute of a list of text.
func Strings(key string, v []string) KeyValue {
	return KeyValue{key, Value{kind: kindStrings, list: v}}
}

// StringIn makes an attribute of a list with one text in it.
func StringIn(key, v string) KeyValue { return KeyValue{key, Value{kind: kindOneString, str: v}} }

// Int makes an attribute of a whole number.
func Int(key string, v int64) KeyValue {
	return KeyValue{key, Value{kind: kindInt, num: uint64(v)}}
}

// Double makes an attribute of a floating-point number.
func Double(key string, v float64) KeyValue {
	return KeyValue{key, Value{kind: kindDouble, num: math.Float64bits(v)}}
}

// Bool makes an attribute of a truth value.
func Bool(key string, v bool) KeyValue {
	kv := KeyValue{key, Value{kind: kindBool}}
	if v {
		kv.Value.num = 1
	}
	return kv
}

// size is how many bytes a value takes at most.
func (v Value) size() int {
	n := mostOverhead + len(v.str)
	for _, s := range v.list {
		n += mostOverhead + len(s)
	}
	return n
}

// Any gives the value as string, int64, float64, bool, []string or []byte, or nil for the empty one. Tests and size accounting want it;
// the encoder does not.
func (v Value) Any() any {
	switch v.kind {
	case kindString:
		return v.str
	case kindBool:
		return v.num == 1
	case kindInt:
		return int64(v.num)
	case kindDouble:
		return math.Float64frombits(v.num)
	case kindStrings:
		return v.list
	case kindOneString:
		return []string{v.str}
	}
	return nil
}
