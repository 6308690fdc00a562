// Package conformance holds the stories that every hook is measured by: what functions do, told once as data, and run on every runtime in the local
// Lambda, with and without Afterglow.
//
// It is all tests. A story is a file of stories/; an actor is a function that carries out what stories say, one for each language, below actors/. The
// tests promise of each story and each runtime that it applies to that the world cannot tell the two runs apart: responses, errors with their stack
// traces, exit codes, standard output and error but for Afterglow's own lines, the bytes that reached a peer, connection by connection, and their order;
// and that the spool of the run with Afterglow holds what the story says was seen. README.md says how a story is written, and what an actor has to know.
package conformance
