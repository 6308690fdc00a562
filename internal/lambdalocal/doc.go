// Package lambdalocal runs a Lambda function on this machine with what Lambda puts around it: its
// layers in /opt, external extensions started before the runtime, the exec wrapper, the Runtime API
// and the Extensions API, a private /tmp, freezing between invocations, resets and a shutdown of two
// seconds.
//
// It takes a Function and the runtime's client (package runtimes), and gives an Environment, which is
// one execution environment with at most one invocation at a time, or a Pool of them.
package lambdalocal
