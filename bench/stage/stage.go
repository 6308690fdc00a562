//go:build linux

// Package stage is what an extension is measured in: calls of a function as hooks see them, and a hook that writes them into a spool.
package stage
