// Package lambdalocal runs a Lambda function on this machine with what Lambda puts around it: its layers
// in /opt, external extensions started before the runtime, the exec wrapper, the Runtime API and the
// Extensions API, the Telemetry API, a private /tmp, freezing between invocations, resets and a shutdown of
// two seconds.
//
// It takes a Function and the runtime's client (package runtimes), and gives an Environment, which is one
// execution environment with at most one invocation at a time (but on managed instances), or a Pool of them. What it does follows
// AWS's documentation and, where that is silent, the core of AWS's own emulator; each rule's source is
// with its test.
//
// # What is where
//
//   - function.go, configuration.go: what a function is made of, and what AWS would refuse in it.
//   - environment.go, init.go, invoke.go, shutdown.go, freeze.go: the phases of an Environment.
//   - inittype.go, snapstart.go with credentials.go, managed.go: environments that come from a snapshot, and
//     those that take several invocations at once.
//   - pool.go, idle.go: several environments of one function, whose tenant they are, and their end when nobody uses
//     them.
//   - generation.go: one set of processes, from an init to the reset or shutdown that ends it, and the
//     state that the APIs share. Whoever waits for something waits there.
//   - runtimeapi.go with runtimeresponse.go, runtimestate.go, stream.go, prelude.go and errorcause.go,
//     extensionsapi.go with extension.go, telemetryapi.go: the APIs and their state machines.
//   - platformlog.go, report.go: what the platform says of it, as events (package telemetry) and as lines.
//   - logs.go, frames.go: what the processes say.
//   - environ.go, bootstrap.go, launch.go: variables, commands, and why one cannot be started.
//   - process.go, starter.go: starting, signalling and reaping.
//   - sandbox_*.go, usersandbox_linux.go, trial_linux.go, mounts_linux.go, disk_linux.go, user_linux.go, dropper_linux.go,
//     layout.go, lock.go: the file system that a function sees, as whom, and what it may.
//   - mark_*.go, holder_linux.go: how its processes are found, and who ends them if this one cannot.
//   - limits*.go with package cgroup, inject_linux_*.go, meter.go, memory_*.go, outofmemory.go: what it may use, what it
//     has used, and its end by that.
//   - connections*.go: what a freeze does to connections, if asked for.
//
// # What the log looks like
//
// It has CloudWatch's lines: START, END, REPORT, EXTENSION and TELEMETRY, tab separated, with measured
// figures; INIT_REPORT where an init has failed, and for other initialization types than on-demand always.
// Where Lambda has an older and a newer form, the newer one is written: how an invocation ended is in its
// REPORT ("Status: timeout", "Status: error Error Type: Runtime.ExitError"), and the older lines "Task timed
// out after 3.00 seconds" and "RequestId: … Error: …" do not come. With Function.LogFormat JSON the lines are
// the telemetry events, as the system log level INFO shows them.
//
// # How environments come to be
//
// Function.InitType says it, and AWS_LAMBDA_INITIALIZATION_TYPE tells the function. On demand, an invocation
// waits for the init. With provisioned concurrency Pool.Provision has had it before. With SnapStart the
// environment is frozen after its init, as a snapshot, and its first invocation restores it; the memory of
// processes cannot be copied here, so the restored environment is the very one that was initialised, several
// environments are several inits, and after a reset or a restore that failed there is a new init as well. On
// managed instances an environment takes Function.MaxConcurrency invocations at once, is never frozen, and
// ends with the first of its processes.
//
// # File system
//
// Two environments cannot share a working directory: it is locked, and a second Start is refused.
//
// As root on Linux an environment has a mount namespace and a process namespace of its own. The root that
// its processes see is made anew: this machine's folders read-only, and /opt, /var/task, /var/runtime,
// /var/lang, /dev and /tmp in their places, whether or not this machine has such folders. They are there as
// Lambda's user, whoever started this process, and /tmp is a disk of its own with a size. Root that may not be somebody else, as in a
// user namespace, stays root, without capabilities. An ordinary user gets the same in a user namespace, as itself and without
// rights in it, but for the process namespace and the disk. Whether a sandbox works, a trial tells, before anything is
// started in it. Where there are no namespaces, as on macOS,
// /opt and the others are folders with other names, and every variable and argument that names one of them
// is rewritten; code that has such a path inside itself does not find it, and hooks in a layer do not work.
// What is left out is told in one line of the log.
//
// # What it promises about this machine
//
// Close leaves no process, no mount, no loop device, no control group and no file. If this process is killed,
// its environments' processes end with it, wherever they have moved to, and mounts, devices and groups go with
// them; the working directory stays, and the next environment with the same Dir clears it. Daemons are found by a mark
// that every process inherits. Elsewhere than on Linux there is none: there a daemon that a function made survives,
// because nothing leads to it.
//
// What runs has open what it was given and nothing else that this process may have inherited, where processes can be made
// to close it: on Linux, on amd64. Elsewhere a line says so if there is something.
//
// # What it may use
//
// Memory, CPU share, processes and descriptors are limited as the function's memory and Lambda's limits say, by a
// control group for each environment (version 1 or 2), from the first instruction of each process. This process is in
// none of them. Where there are none, nothing is limited.
//
// # What it does not do yet
//
// The line INIT_START and the events' runtimeVersion, because what runs here is
// no version of AWS's runtimes.
package lambdalocal
