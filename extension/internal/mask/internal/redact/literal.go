package redact

// literal gives the index behind a number, true, false, null or what programs write instead; -1 if there is none of these.
func literal(in []byte, i int) (end int, number bool) {
	end = i
	for end < len(in) && in[end] > ' ' && in[end] != ',' && in[end] != '}' && in[end] != ']' {
		if c := in[end]; c == '"' || c == ':' || c == '{' || c == '[' {
			return -1, false
		}
		end++
	}
	word := in[i:end]
	if len(word) == 0 {
		return -1, false
	}
	if c := word[0]; c == '-' || c >= '0' && c <= '9' {
		dots, before := 0, byte('0')
		for _, c := range word[1:] {
			switch {
			case c >= '0' && c <= '9', c == 'e', c == 'E', c == '.' && dots == 0, (c == '+' || c == '-') && before|0x20 == 'e':
			default: // groups of digits are no number
				return -1, false
			}
			if c == '.' {
				dots++
			}
			before = c
		}
		return end, true
	}
	for _, known := range [...]string{"true", "false", "null", "NaN", "Infinity"} {
		if string(word) == known || end == len(in) && len(word) < len(known) && known[:len(word)] == string(word) {
			return end, false
		}
	}
	return -1, false
}
