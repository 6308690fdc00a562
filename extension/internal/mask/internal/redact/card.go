package redact

import "bytes"

// Lengths of card numbers, by ISO/IEC 7812, and how much of one is hidden at a cut, where the check digit is missing.
const (
	minCard    = 13
	maxCard    = 19
	minCardCut = 8
	firstGroup = 4 // digits before the first space or dash, on every card that has any
)

// card hides the card number that begins at i, with spaces, dashes or dots between its groups or without. It returns the index behind it, or behind
// the first group of digits if there is none.
func (t *tokenRules) card(e *edit, begin, i, j int, cut Cut) int {
	if end := t.cardEnd(e.in[:j], begin, i, cut); end > i {
		e.hide(i, end)
		return end
	}
	return skipDigits(e.in[:j], i)
}

// cardEnd gives the index behind the card number that begins at i, and what stands behind it on a magnetic stripe: i if there is none.
func (t *tokenRules) cardEnd(in []byte, begin, i int, cut Cut) int {
	j := len(in)
	if i-begin >= 2 && in[i-1] == '.' && isDigit(in[i-2]) { // the fraction of a number
		return i
	}
	var digits [maxCard]byte
	n, at := 0, i
	for at < j && isDigit(in[at]) {
		for at < j && isDigit(in[at]) && n < maxCard {
			digits[n] = in[at]
			n++
			at++
		}
		if at < j && isLetterOrDigit(in[at]) && (isDigit(in[at]) || !t.issuers && track2End(in, at, cut) == at) { // the group goes on, so this is something else
			break
		}
		if n >= minCard && t.isCard(digits[:n]) {
			return stripeEnd(in, at, cut)
		}
		if at == j && n >= minCardCut && cut&CutEnd != 0 && t.lengths(digits[:n])>>n > 0 {
			return at
		}
		gap := cardGap(in[at:], n)
		if n == maxCard || gap == 0 || at+gap >= j || at == i+n && n != firstGroup {
			break
		}
		at += gap
	}
	return i
}

// Tracks of a magnetic stripe, by ISO/IEC 7813. The number is followed by a name, and by the date until which the card is good, a code and what issuers write behind.
const (
	leastTrack2 = 7  // the date and the code
	mostTrack1  = 79 // characters of it
)

// stripeEnd gives the index behind what stands behind the number that ends before i if both are of a magnetic stripe: i if they are not.
func stripeEnd(in []byte, i int, cut Cut) int {
	if i < len(in) && in[i] == '^' {
		return i + indexAnyOr(in[i:min(len(in), i+mostTrack1)], "?\"'\\<&\r\n", min(len(in)-i, mostTrack1))
	}
	return track2End(in, i, cut)
}

// track2End is stripeEnd for the second track, which chips give as well, with a D in the place of the equals sign and perhaps an F at the end (EMV, tag 57).
func track2End(in []byte, i int, cut Cut) int {
	if i >= len(in) || in[i] != '=' && in[i]|0x20 != 'd' {
		return i
	}
	end := i + 1
	for end < len(in) && isDigit(in[end]) {
		end++
	}
	if end-i-1 < leastTrack2 && (end < len(in) || cut&CutEnd == 0) {
		return i
	}
	if end < len(in) && in[end]|0x20 == 'f' {
		end++
	}
	if end < len(in) && isLetterOrDigit(in[end]) {
		return i
	}
	return end
}

// track1 hides the first track of a magnetic stripe whose B is at i: %B4111…^DOE/JOHN^2512…? It returns the index behind it, or i.
func (t *tokenRules) track1(e *edit, i, j int, cut Cut) int {
	if t.on&Cards == 0 || i+minCardCut >= j || e.in[i]|0x20 != 'b' {
		return i
	}
	in, at := e.in[:j], i+1
	for at < min(j, i+1+maxCard) && isDigit(in[at]) {
		at++
	}
	switch n := at - i - 1; {
	case n >= minCard-1 && at < j && in[at] == '^':
		at = stripeEnd(in, at, cut)
	case at == j && n >= minCardCut && cut&CutEnd != 0:
	default:
		return i
	}
	e.hide(i+1, at)
	return at
}

// cardInWord hides a card number that stands between letters from i to j, where payments are protected: VISA4111…, with its other groups perhaps. It returns the
// index behind it, or j.
func (w *work) cardInWord(e *edit, s *scan, i, j int) int {
	in, t := e.in[:s.end], &w.rules.tokens
	for i < j {
		from := i
		for i < j && isDigit(in[i]) {
			i++
		}
		if n := i - from; n >= minCard || i == j && (n == firstGroup || n >= minCardCut) {
			w.steps += n
			if end := t.cardEnd(in, s.begin, from, s.cut); end > from {
				e.hide(from, end)
				return max(end, j)
			}
		}
		for i < j && !isDigit(in[i]) {
			i++
		}
	}
	return j
}

// cardGap gives the length of what stands between two groups of digits, n of which came before it: a space, also one that no line breaks at, or a dash. Dots
// stand between groups of four: between others they are those of a version or a fraction.
func cardGap(in []byte, n int) int {
	const noBreakSpace, narrowSpace, figureSpace = "\u00a0", "\u202f", "\u2007"
	if len(in) == 0 {
		return 0
	}
	switch in[0] {
	case ' ', '-', '+':
		return 1
	case '%': // a space or a dash as URLs write it
		if len(in) > len("%2") && in[1] == '2' && (in[2] == '0' || in[2]|0x20 == 'd') {
			return len("%20")
		}
	case '.':
		if n%firstGroup != 0 || len(in) <= firstGroup || !isNumber(in[1:1+firstGroup]) || len(in) > 1+firstGroup && isLetterOrDigit(in[1+firstGroup]) {
			return 0
		}
		return 1
	case noBreakSpace[0], narrowSpace[0]:
		for _, space := range [...]string{noBreakSpace, narrowSpace, figureSpace} {
			if bytes.HasPrefix(in, []byte(space)) {
				return len(space)
			}
		}
	}
	return 0
}

func skipDigits(in []byte, i int) int {
	for i < len(in) && isLetterOrDigit(in[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetterOrDigit(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isCard tells whether digits are a card number: of a length and with a beginning that issuers use, and with the check digit of Luhn's formula.
func (t *tokenRules) isCard(digits []byte) bool {
	if len(digits) < minCard || len(digits) > maxCard || t.lengths(digits)>>len(digits)&1 == 0 {
		return false
	}
	sum := 0
	for k := range digits {
		c := digits[len(digits)-1-k]
		if !isDigit(c) {
			return false
		}
		d := int(c - '0')
		if k%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// beginsCard tells whether a number that was cut may have been one of a card.
func (t *tokenRules) beginsCard(number []byte) bool {
	return t.on&Cards != 0 && len(number) >= minCardCut && len(number) <= maxCard && isNumber(number) && t.lengths(number)>>len(number) > 0
}

// isCardNumber is isCard for a number of JSON, which may have been through a floating-point type.
func (t *tokenRules) isCardNumber(number []byte) bool {
	if t.on&Cards == 0 {
		return false
	}
	whole, fraction, _ := bytes.Cut(bytes.TrimPrefix(number, []byte("-")), []byte("."))
	return len(bytes.Trim(fraction, "0")) == 0 && t.isCard(whole)
}

// lengths gives the lengths of the card numbers that begin like digits, as bits; none if no issuer's do. 16 digits that begin with anything are more
// often a time or an id than a card number.
func (t *tokenRules) lengths(digits []byte) uint32 {
	const (
		visa       = 1<<13 | 1<<16 | 1<<19
		mastercard = 1 << 16
		amex       = 1 << 15
		diners     = 1<<14 | 1<<16 | 1<<19
		every      = 1<<(maxCard+1) - 1<<minCard
		others     = 1<<13 | 1<<15 | 1<<16 | 1<<17 | 1<<18 | 1<<19 // Discover, UnionPay, JCB, Maestro
	)
	if t.issuers {
		return every
	}
	four := 0
	for _, c := range digits[:4] {
		four = four*10 + int(c-'0')
	}
	switch two := four / 100; {
	case two/10 == 4:
		return visa
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return mastercard
	case two == 34, two == 37:
		return amex
	case two == 36, two == 38, two == 39, four >= 3000 && four <= 3059:
		return diners
	case two == 35, two == 50, two >= 56 && two <= 58, two == 60, two >= 62 && two <= 65, two == 67, two == 68:
		return others
	}
	return 0
}
