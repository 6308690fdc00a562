// Package telemetry listens to what Lambda tells through its Telemetry API: ends of invocations, what they cost, the function's log.
//
// It takes the posts of the platform to a port of its own and gives event.Facts. It promises that a post is answered at once, whatever becomes of
// its content; that what it keeps is bounded and what does not fit is counted; and that a line of the function's log is an event.Text.
package telemetry
