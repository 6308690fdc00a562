// Package lambdalocal runs a Lambda function on this machine with what Lambda puts around it: its layers
// in /opt, external extensions started before the runtime, the exec wrapper, the Runtime API and the
// Extensions API, a private /tmp, freezing between invocations, resets and a shutdown of two seconds.
//
// It takes a Function and the runtime's client (package runtimes), and gives an Environment, which is one
// execution environment with at most one invocation at a time, or a Pool of them. What it does follows
// AWS's documentation and, where that is silent, the core of AWS's own emulator; each rule's source is
// with its test.
//
// # What is where
//
//   - environment.go, init.go, invoke.go, shutdown.go, freeze.go: the phases of an Environment.
//   - generation.go: one set of processes, from an init to the reset or shutdown that ends it, and the
//     state that the APIs share. Whoever waits for something waits there.
//   - runtimeapi.go with runtimestate.go, extensionsapi.go with extension.go, telemetryapi.go: the APIs
//     and their state machines.
//   - process.go, starter.go: starting, signalling and reaping.
//   - sandbox_*.go, mounts_linux.go, layout.go: the file system that a function sees.
//   - environ.go, bootstrap.go, logs.go, report.go: variables, command, log, figures.
//
// # File system
//
// As root on Linux an environment has a mount namespace and a process namespace of its own. The root that
// its processes see is made anew: this machine's folders read-only, and /opt, /var/task, /var/runtime,
// /var/lang and /tmp in their places, whether or not this machine has such folders. An ordinary user gets
// the same in a user namespace, but for the process namespace. Where there are no namespaces, as on macOS,
// /opt and the others are folders with other names, and every variable and argument that names one of them
// is rewritten; code that has such a path inside itself does not find it, and hooks in a layer do not work.
// What is left out is told in one line of the log.
//
// # What it promises about this machine
//
// Close leaves no process, no mount and no file. If this process is killed, its environments' processes
// end with it, wherever they have moved to, and the mounts go with them; the working directory stays, and
// the next environment with the same Dir clears it. Without namespaces a daemon that a function made may
// survive, because nothing leads to it.
//
// # What it does not do yet
//
// CPU share and memory limit, SnapStart,
// managed instances, the unprivileged user of Lambda, its limits of descriptors and of /tmp.
package lambdalocal
