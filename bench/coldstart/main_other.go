//go:build !linux

// Command coldstart measures what an extension costs before the first invocation. Extensions are programs for Linux, so it runs there.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "coldstart: extensions run on Linux only")
	os.Exit(1)
}
