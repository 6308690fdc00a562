//go:build !linux

// Command hooks measures what hooks cost the function. Lambda's runtimes are programs for Linux, so it runs there.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "hooks: Lambda's runtimes run on Linux only")
	os.Exit(1)
}
