//go:build !linux

// Command work measures what an extension costs. Extensions are programs for Linux, so it runs there.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "work: extensions run on Linux only")
	os.Exit(1)
}
