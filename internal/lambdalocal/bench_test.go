package lambdalocal

import "testing"

// BenchmarkInvocation is a warm invocation with one extension, from Invoke to the frozen environment: what
// the local Lambda itself costs.
func BenchmarkInvocation(b *testing.B) {
	fn, opt, _ := lambda{extensions: map[string]string{"ext": ""}}.make(b)
	opt.Log = nil
	e, err := Start(b.Context(), fn, opt)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close(b.Context())
	for b.Loop() {
		if _, err := e.Invoke(b.Context(), Invocation{}); err != nil {
			b.Fatal(err)
		}
		if err := e.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkColdStart is an environment's whole life with one invocation.
func BenchmarkColdStart(b *testing.B) {
	fn, opt, _ := lambda{}.make(b)
	opt.Log = nil
	for b.Loop() {
		e, err := Start(b.Context(), fn, opt)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.Invoke(b.Context(), Invocation{}); err != nil {
			b.Fatal(err)
		}
		if err := e.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
