package redact

// A Preset is a set of rules to begin with.
type Preset byte

const (
	Default Preset = iota // keys and shapes that are known to be secret
	Strict                // every value is secret, but those below allowed keys; shapes are kept
	PCI                   // Default, and what else the rules for payment cards protect
	Off                   // nothing but what the user names is secret
)

// Detectors find credentials by how they look, whatever their key. Flags.
type Detectors uint8

const (
	AWS     Detectors = 1 << iota // access key ids and session tokens
	JWT                           // JSON Web Tokens
	Schemes                       // what follows Bearer and Basic
	PEM                           // private keys
	Cards                         // card numbers
	URLs                          // user and password in URLs, addresses that are secrets as a whole
	Vendors                       // tokens with a prefix of their issuer
	all     = AWS | JWT | Schemes | PEM | Cards | URLs | Vendors
)

// Options are what the user adds to the rules and takes away.
type Options struct {
	Preset Preset
	Keys   []string  // whose values are hidden too
	Allow  []string  // keys whose values are shown all the same; with Strict, the only ones
	Paths  []string  // see paths
	Off    Detectors // that do not look; Strict shows nothing that they could look at, and PCI keeps Cards
}

// on gives the detectors that look.
func (o Options) on() Detectors {
	switch o.Preset {
	case Off:
		return 0
	case Strict:
		return all
	case PCI:
		return all&^o.Off | Cards
	}
	return all &^ o.Off
}
