// Package conformance states the rules of Lambda's lifecycle and APIs one by one, each with its source,
// and runs real extensions and runtimes by them: against internal/lambdalocal, and, where it implements
// the rule, against AWS's own Runtime Interface Emulator. So it is AWS's behaviour that is tested, and not
// our reading of it; where the two differ, or the emulator and the documentation, the rule says why.
//
// It has tests only. The rules are tables, one file for each of the things that they are about
// (rules_*_test.go); docs/conformance.md is made from them by `go test -update`.
//
// # How a rule runs
//
// Each process is the same small program, testdata/actor, that follows a script and writes what the
// platform answered into a file in /tmp, one line a step, byte for byte. What a rule wants is the whole
// transcript of every actor that it names, with identifiers and times replaced. A second process of the
// same name whose transcript is the same (an init that was tried again) is not repeated.
//
// The emulator runs in a mount and a process namespace of its own, with a private /opt and /tmp; where
// there are no namespaces, and off Linux, its half of the suite is skipped, and told so. With CI=true
// nothing is skipped.
package conformance
