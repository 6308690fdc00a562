// Package metric counts what became of invocations and what they cost, without an SDK.
//
// It takes invocations as intake gives them and facts as Lambda tells them, of which it reads numbers alone, and gives the bytes of an
// ExportMetricsServiceRequest.
package metric
