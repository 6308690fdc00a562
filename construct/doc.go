// Package construct instruments Lambda functions from a Go CDK app.
//
// It takes the properties of an awslambda.Function and, optionally, settings. It gives a function that goes wherever an
// awslambda.IFunction goes, with one layer and a few environment variables more. The layer is an asset of the user's own
// account, made while the app is synthesised from the source of this very module by the Go toolchain that a Go CDK app needs
// anyway: no table of ARNs, no Docker, every region and partition.
//
// It promises:
//
//   - It looks before it touches. An exec wrapper that the function already has is chained, not replaced.
//   - All or nothing. A function that cannot be instrumented (a runtime without a hook, a container image, five layers) stays
//     exactly as it was, with a warning of the CDK's that says why and what to do. On provided.* the hook is part of the user's program
//     (wrapper/golang), which is not looked into: such a function gets the layer, and a note.
//   - A wrong setting is a panic at synth that names the construct's path, the value and the remedy, as the CDK's own errors are.
//   - Nothing secret gets into the template.
//   - The same source and toolchain give the same asset hash in every directory and on every machine: no deploy without a change.
//
// The built extension is cached by content, by default in afterglow below the user's cache directory. The CDK context
// "afterglow:cacheDir", a path relative to where the app runs, moves it.
package construct
