//go:build !linux

// Command hold measures what an extension costs. Extensions are programs for Linux, so it runs there.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "hold: extensions run on Linux only")
	os.Exit(1)
}
