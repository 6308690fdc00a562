package redact

import (
	"bytes"
	"strings"
)

// paths are exact places in documents whose whole value is hidden: keys with dots between them, "customer.address.street". Case does not matter. A star
// stands for any one key, \. for a dot in a key. Lists have no place of their own, and neither have the types that DynamoDB wraps values in, so that
// "Item.customer.phone" is found in {"Item":{"customer":{"M":{"phone":{"S":"…"}}}}}. A document in a string of a document is found from either root:
// "Records.body.customer.phone" and "customer.phone" name the same in an event of SQS.
//
// Other notations are read as well, and hide more rather than less: a number may also be an index of a list, which counts for nothing; a slash
// may be in a key, or stand between keys.
//
// They are a tree of keys. What is read is in several places of it at once, one for each way to get there: a set of nodes, which every key leads on
// to another set. That costs the same for each key of the input, however deep it is.
type paths struct {
	nodes   []node
	longest int // key
	words   int // of a set
}

// A node is a place in the tree. The first one is the root of every document.
type node struct {
	next map[string]int
	any  int // behind a star; 0 if there is none
	last bool
}

// nowhere is the set of no node at all, which is kept before all others.
const nowhere = 0

func newPaths(list []string) paths {
	p := paths{nodes: []node{{next: map[string]int{}}}}
	for _, path := range list {
		p.add(pathKeys(path, "."))
		if strings.Contains(path, "/") {
			p.add(pathKeys(path, "/"))
		}
	}
	if len(p.nodes) > 1 {
		p.words = (len(p.nodes) + 63) / 64
	}
	return p
}

// add adds a path.
func (p *paths) add(keys []string) {
	const mostWays = 16 // of reading one path: four numbers in it that may be indices
	at := []int{0}
	for _, key := range keys {
		behind := make([]int, 0, 2*len(at))
		for _, before := range at {
			behind = append(behind, p.below(before, key))
		}
		if isNumber([]byte(key)) && len(at) < mostWays {
			behind = append(behind, at...)
		}
		at = behind
		p.longest = max(p.longest, len(key))
	}
	for _, end := range at {
		p.nodes[end].last = end > 0 // the root is no place
	}
}

// below gives the node behind a key, a new one if there was none.
func (p *paths) below(at int, key string) int {
	next := p.nodes[at].next[key]
	if key == "*" {
		next = p.nodes[at].any
	}
	if next > 0 {
		return next
	}
	next = len(p.nodes)
	p.nodes = append(p.nodes, node{next: map[string]int{}})
	if key == "*" {
		p.nodes[at].any = next
	} else {
		p.nodes[at].next[key] = next
	}
	return next
}

// pathKeys takes a path apart. What other notations write before it and into it for lists is left out: $.items[*].price is items.price.
func pathKeys(path, separator string) []string {
	const dot = "\x00" // no key holds one
	path = strings.ReplaceAll(strings.ToLower(path), `\.`, dot)
	var keys []string
	for key := range strings.SplitSeq(path, separator) {
		if bracket := strings.IndexByte(key, '['); bracket >= 0 {
			key = key[:bracket]
		}
		if key = strings.TrimSpace(key); key != "" && key != "$" {
			keys = append(keys, strings.ReplaceAll(key, dot, "."))
		}
	}
	return keys
}

// set gives the words of a set.
func (w *work) set(at int32) []uint64 {
	words := w.rules.paths.words
	return w.sets[int(at)*words : (int(at)+1)*words]
}

// push adds an empty set.
func (w *work) push() (at int32) {
	words := w.rules.paths.words
	at = int32(len(w.sets) / words)
	for range words {
		w.sets = append(w.sets, 0)
	}
	return at
}

// root gives the set that a document begins with: its own root, and where it stands in the document around it. Whoever asks for it calls forget at the
// document's end.
func (w *work) root() int32 {
	words := w.rules.paths.words
	if words == 0 {
		return nowhere
	}
	if len(w.sets) == 0 {
		w.push() // nowhere
	}
	at := w.push()
	set := w.set(at)
	copy(set, w.set(w.outer))
	set[0] |= 1
	return at
}

// forget takes off a document's sets.
func (w *work) forget(root int32) {
	if root != nowhere {
		w.sets = w.sets[:int(root)*w.rules.paths.words]
	}
}

// follow gives the set that a key leads to from another one, and whether a path ends there. Sets behind the one that it starts from are forgotten.
func (w *work) follow(from int32, key []byte) (to int32, hit bool) {
	const asMuchLonger = 2 // some letters have more bytes in upper case
	p := &w.rules.paths
	if from == nowhere {
		return nowhere, false
	}
	w.sets = w.sets[:int(from+1)*p.words]
	to = w.push()
	before, after := w.set(from), w.set(to)
	if isAttributeType(key) {
		copy(after, before)
	}
	long := len(key) > asMuchLonger*p.longest
	if !long {
		w.lower = appendLower(w.lower[:0], key)
	}
	alive := uint64(0)
	for n := range p.nodes {
		if before[n/64]>>(n%64)&1 == 0 {
			continue
		}
		behind := [...]int{p.nodes[n].any, 0}
		if !long {
			behind[1] = p.nodes[n].next[string(w.lower)]
		}
		for _, next := range behind {
			if next > 0 {
				after[next/64] |= 1 << (next % 64)
				hit = hit || p.nodes[next].last
			}
		}
	}
	for _, bits := range after {
		alive |= bits
	}
	if alive == 0 {
		return nowhere, hit
	}
	return to, hit
}

// appendLower appends a key in lower case.
func appendLower(to, key []byte) []byte {
	for _, c := range key {
		if c >= 0x80 {
			return append(to[:0], bytes.ToLower(key)...)
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// isAttributeType tells whether a key is one of the types that DynamoDB wraps values in.
func isAttributeType(key []byte) bool {
	switch string(key) {
	case "M", "L", "S", "N", "B", "SS", "NS", "BS", "BOOL":
		return true
	}
	return false
}

// followQuoted follows a key that may be written with escapes.
func (w *work) followQuoted(from int32, key []byte, escaped bool) (to int32, hit bool) {
	if !escaped {
		return w.follow(from, key)
	}
	at := len(w.plain)
	w.plain = unescape(w.plain, key)
	to, hit = w.follow(from, w.plain[at:])
	w.plain = w.plain[:at]
	return to, hit
}
