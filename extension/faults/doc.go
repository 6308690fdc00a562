// Package faults holds the fault table: what happens to a function and to its telemetry when something around Afterglow breaks.
//
// It is all tests. Each row runs the extension that the layer has, beside a real runtime with the hooks that the layer has, in the local Lambda, breaks one
// thing, and asserts what is promised whatever breaks:
//
//   - the function's responses, errors and statuses are those that it has without Afterglow, byte for byte;
//   - no invocation ends for want of time that ended well without Afterglow, no environment is restarted because of the extension, and the extension
//     leaves with status 0, within its time, at SHUTDOWN;
//   - delivered + counted = produced, as account_test.go defines the three: what did not arrive is counted where somebody reads it.
//
// docs/faults.md is generated from the table: go test ./extension/faults -run Docs -update. Rows that take long are run in CI, and with -full.
package faults
