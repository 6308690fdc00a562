package redact

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A verdict is what is known of a key. Flags.
type verdict uint32

const (
	hides        verdict = 1 << iota // its values are secret
	atEnd                            // the secret word is the last one: "access_token", not "token_expired"
	numbers                          // numbers are shown all the same: "total_tokens" counts
	toLine                           // in text, its value goes to the end of the line: "Cookie: a=b; c=d"
	isName                           // its value names what the value beside it is: {"name":"password","value":"…"}
	isValue                          // and this is the value beside it
	leaks                            // it is or holds a credential itself
	isExpression                     // its value names what the operands beside it are: {"UpdateExpression":"SET password = :p"}
	isNames                          // so do the texts in its value
	isOperand                        // and these are the operands
	isAllowed                        // the user wants to see its values
	isVoid                           // the element of HTML never has an end
	alone                            // the secret word counts only as the whole key, and not for an object: an "auth" of one has keys of its own
	behind                           // a value only where its name stood before it: "text" is too frequent to look ahead for one
	ifDrawn                          // those of its values are secret that look drawn at random: "code" is more often one of an error
	lastKey                          // the last word alone, "key", says so
	holdsValue                       // the word is in it: of a form, it may be the value of a pair
	isID                             // its value may name what the value beside it is: {"id":"password","value":"…"}; most are ids
	isPairs                          // in its list, names and values follow each other: Node.js' "rawHeaders"
	ifLong                           // those of them that are long as well: of a JSON Web Key's "k" and "d"
	isVersion                        // of a format of Kubernetes
	isKind                           // of what Kubernetes has: in a Secret, the data are
	isData                           // these are the data
	isPatch                          // in JSON, it makes an object an operation of a JSON Patch (RFC 6902), or of SCIM (RFC 7644)
	isPath                           // in which this names what the value beside it is
	anything     verdict = 0
)

// keyRules judge keys by their words, so that api_key, apiKey, API-KEY and x-api-key are one and the same, and monkey and compass are none of it.
type keyRules struct {
	words map[string]verdict // words, or several without what stood between them: "token", "apikey"
	shown map[string]bool    // whole keys that are shown although a word in them is secret
	allow map[string]bool    // those of them that the user names
	long  []string           // long enough to be recognised within a word: "dbpassword"
	ends  []string           // recognised at the end of a word: "clientsecret"
	most  int                // length of the longest in words
	key   bool               // a last word "key" is secret, but behind those in keysOfData
}

// maxVerdicts bounds what is remembered of keys, maxKey how long a key is judged at all: past it, it is content of a hostile kind.
const (
	maxVerdicts = 1024
	maxKey      = 256
	maxKeyDepth = 2 // encodings in a key
)

func newKeyRules(o Options) keyRules {
	k := keyRules{words: map[string]verdict{}, shown: map[string]bool{}, allow: map[string]bool{}}
	add := func(word string, v verdict) {
		k.words[word] |= v
		k.most = max(k.most, len(word))
	}
	if o.Preset != Off {
		k.long, k.ends = strings.Fields(longWords), strings.Fields(endWords)
		for _, word := range strings.Fields(secretWords) {
			add(word, hides)
		}
		for _, word := range strings.Fields(lastWords) {
			add(word, hides|atEnd)
		}
		for _, word := range strings.Fields(loneWords) {
			add(word, hides|alone)
		}
		for _, word := range strings.Fields(drawnWords) {
			add(word, ifDrawn)
		}
		for _, word := range strings.Fields(webKeyWords) {
			add(word, ifLong)
		}
		add("tokens", hides|numbers)
		k.key = true
	}
	if o.Preset == PCI {
		for _, word := range strings.Fields(cardWords) {
			add(word, hides)
		}
	}
	for _, word := range strings.Fields("authorization cookie cookies setcookie") {
		add(word, toLine)
	}
	for _, word := range strings.Fields("name key k label parametername parameterkey headername fieldname attributename variable param field property header column " + pairedNames) {
		add(word, isName)
	}
	for _, word := range strings.Fields("value values parametervalue headervalue fieldvalue attributevalue stringvalue " + pairedValues) {
		add(word, isValue)
	}
	for _, word := range strings.Fields("v val text string content") {
		add(word, isValue|behind)
	}
	for _, word := range strings.Fields("updateexpression conditionexpression filterexpression keyconditionexpression statement sql") {
		add(word, isExpression)
	}
	add("id", isID)
	add("op", isPatch)
	add("path", isPath)
	if o.Preset != Off {
		add("apiversion", isVersion)
		add("kind", isKind)
		add("data", isData)
		add("stringdata", isData)
	}
	add("rawheaders", isPairs)
	add("rawtrailers", isPairs)
	add("expressionattributenames", isNames)
	for _, word := range strings.Fields("expressionattributevalues parameters") {
		add(word, isOperand)
	}
	for _, key := range strings.Fields(shownKeys) {
		k.shown[key] = true
	}
	for _, key := range o.Keys {
		if word := glue(key); word != "" {
			add(word, hides)
			k.words[word] &^= alone | atEnd | numbers | ifDrawn | ifLong
			delete(k.shown, word)
		}
	}
	for _, key := range o.Allow {
		if whole := glue(key); whole != "" {
			k.shown[whole], k.allow[whole] = true, true
		}
	}
	return k
}

// glue gives the letters and digits of a key, without what stands between its words.
func glue(key string) string {
	letters, _ := split([]byte(key), nil, nil)
	return string(letters)
}

// A memory is the verdict on one key, at the place that its ends and length give it: looking there costs a third of looking it up.
type memory struct {
	key string
	v   verdict
}

// A few times the number of keys of most documents.
const (
	memoryBits = 8
	memories   = 1 << memoryBits
)

// judge gives the verdict on a key, from memory if it was seen lately.
func (w *work) judge(key []byte) verdict {
	if len(key) == 0 {
		return anything
	}
	const spread = 0x9e3779b1 // Knuth's, for multiplicative hashing
	at := (uint32(len(key))<<24 ^ uint32(key[0])<<16 ^ uint32(key[len(key)-1])<<8 ^ uint32(key[len(key)/2])) * spread >> (32 - memoryBits)
	m := &w.lately[at]
	if m.key != string(key) {
		*m = w.recall(key)
	}
	return m.v
}

// recall is judge for what was not seen very lately.
func (w *work) recall(key []byte) memory {
	if m, ok := w.verdicts[string(key)]; ok {
		return m
	}
	whole := string(key)
	v := anything
	for len(key) > maxKey { // what is seen twice is longer than any word of the rules
		const overlap = maxKey / 4
		v |= w.judgeWords(key[:maxKey]) & hides
		key = key[maxKey-overlap:]
	}
	v |= w.judgeWords(key)
	if bytes.Contains(w.letters, []byte("value")) {
		v |= holdsValue
	}
	e, outer := edit{in: key}, w.depth
	w.depth = max(outer, maxDepth-maxKeyDepth)
	if w.text(&e, 0, len(key), 0); e.changed {
		v |= leaks
	}
	if isVoidElement(key) {
		v |= isVoid
	}
	w.depth = outer
	if len(w.verdicts) >= maxVerdicts {
		clear(w.verdicts)
	}
	m := memory{whole, v}
	w.verdicts[whole] = m
	return m
}

// judgeWords judges a key by its words.
func (w *work) judgeWords(key []byte) verdict {
	if bytes.ContainsFunc(key, func(r rune) bool { return r >= utf8.RuneSelf }) {
		key = plainLetters(key)
	}
	w.letters, w.bounds = split(key, w.letters[:0], w.bounds[:0])
	v := w.rules.keys.judge(w.letters, w.bounds)
	if v&lastKey != 0 && isLevel(key) {
		v &^= hides | atEnd | numbers | ifDrawn
	}
	return v
}

// isLevel tells whether the last word of a field's key is a level of its own, behind a bracket or a number: the word before it, as in tag[key] and Tags.member.1.Key,
// is the name of what has a key then.
func isLevel(key []byte) bool {
	before, last := cutField(key)
	return len(before) > 0 && bytes.EqualFold(last, []byte("key")) && (key[len(before)] == '[' || isDigit(before[len(before)-1]))
}

// plainLetters writes letters of the full width of East Asian ones (U+FF01 and on) as those of ASCII, and leaves out what nobody sees: soft hyphens and the like.
func plainLetters(key []byte) []byte {
	const fullWidth, lastFullWidth, apart = '\uff01', '\uff5e', '\uff01' - '!'
	return bytes.Map(func(r rune) rune {
		switch {
		case r >= fullWidth && r <= lastFullWidth:
			return r - apart
		case r == '\u00ad', r >= '\u200b' && r <= '\u200d', r == '\u2060', r == '\ufeff':
			return -1
		}
		return r
	}, key)
}

// judge looks up every run of words.
func (k *keyRules) judge(letters []byte, bounds []int) verdict {
	v := anything
	n := len(bounds) - 1 // words
	switch {
	case n <= 0:
		return v
	case k.allow[string(letters)]:
		return v | isAllowed
	case k.shown[string(letters)]:
		return v
	}
	last := n // the words that count as the end: digits behind them do not
	for last > 1 && letters[bounds[last-1]] <= '9' {
		last--
	}
	for i := range n {
		for j := i + 1; j <= n && bounds[j]-bounds[i] <= k.most; j++ {
			v = k.add(v, k.words[string(letters[bounds[i]:bounds[j]])], i == 0 && j == n, j >= last)
		}
		if v&hides == 0 || v&alone != 0 {
			v = k.within(v, string(letters[bounds[i]:bounds[i+1]]), i+1 >= last)
		}
	}
	if v&hides == 0 && k.key && last > 1 && string(letters[bounds[last-1]:bounds[last]]) == "key" {
		v |= kindOfKey(letters, bounds[:last])
	}
	return v
}

// kindOfKey gives the verdict on a key whose last word is "key", by what stands before that, where the last of bounds is: an AES key is secret, and a partition key
// is not. Numbers are keys of tables.
func kindOfKey(letters []byte, bounds []int) verdict {
	const mostWords = 3 // "i18n" is taken for three
	last := len(bounds) - 1
	for i := last - 1; i >= max(0, last-mostWords); i-- {
		before := string(letters[bounds[i]:bounds[last]])
		switch {
		case hasWord(keysOfData, before):
			return anything
		case hasWord(keysOfEither, before):
			return ifDrawn | lastKey
		}
	}
	return hides | atEnd | numbers | lastKey
}

// within looks for secret words in a longer one, which is the last of its key or not.
func (k *keyRules) within(v verdict, word string, last bool) verdict {
	if len(word) < len("dbpwd") {
		return v
	}
	for _, long := range k.long {
		if strings.Contains(word, long) {
			v = k.add(v, hides, false, last && strings.HasSuffix(word, long))
		}
	}
	for _, end := range k.ends {
		if strings.HasSuffix(word, end) {
			v = k.add(v, hides, false, last)
		}
	}
	return v
}

// add joins what a run of words says to the verdict on the key.
func (k *keyRules) add(v, word verdict, whole, end bool) verdict {
	if word&hides != 0 && (word&atEnd == 0 || end) && (word&alone == 0 || whole) {
		if v&hides != 0 {
			v &= word | ^numbers // numbers are shown only if every secret word says so
		} else {
			v |= word & numbers
		}
		v |= hides | word&(toLine|alone)
		if end && word&alone == 0 {
			v |= atEnd
		}
	}
	if whole {
		v |= word & (isName | isValue | behind | isExpression | isNames | isOperand | isID | isPairs | isPatch | isPath | isVersion | isKind | isData | ifDrawn | ifLong)
	}
	return v
}

// split takes a key apart into words: at whatever is no letter or digit, between letters and digits, and where the case changes. letters
// are the words in lower case, one behind the other; bounds are where they begin, and the end of the last.
func split(key, letters []byte, bounds []int) ([]byte, []int) {
	const (
		other = iota
		lower
		upper
		digit
	)
	kind := func(c byte) int {
		switch {
		case c >= 'a' && c <= 'z', c >= 0x80:
			return lower
		case c >= 'A' && c <= 'Z':
			return upper
		case c >= '0' && c <= '9':
			return digit
		}
		return other
	}
	before := other
	for i, c := range key {
		now := kind(c)
		if now != other {
			begins := before == other || (before == digit) != (now == digit) || before == lower && now == upper ||
				before == upper && now == upper && i+1 < len(key) && kind(key[i+1]) == lower
			if begins {
				bounds = append(bounds, len(letters))
			}
			if now == upper {
				c += 'a' - 'A'
			}
			letters = append(letters, c)
		}
		before = now
	}
	if len(bounds) > 0 {
		bounds = append(bounds, len(letters))
	}
	return letters, bounds
}
