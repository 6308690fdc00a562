//go:build !linux

// Command cpushare measures how much of a core a function gets in the local Lambda. Only Linux can limit that.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "cpushare: only Linux can limit a function's share of the CPU")
	os.Exit(1)
}
