//go:build !linux

// Command masking measures how much content the extension masks in a second of one core. It is built for Linux, as the extension is.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "masking: it runs on Linux only")
	os.Exit(1)
}
