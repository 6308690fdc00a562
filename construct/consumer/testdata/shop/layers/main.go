// Command layers makes the layer of the architecture that it is told, as the construct does, without a CDK: its hash is what it prints.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

func main() {
	_, hash, err := layer.Archive(context.Background(), layer.Options{Arch: os.Args[1], CacheDir: os.Args[2], Progress: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(hash)
}
