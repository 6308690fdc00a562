//go:build start

package main

import "github.com/afterglow-lambda/afterglow/wrapper/golang/lambda"

var _ = func() bool {
	start = func(handler any) { lambda.Start(handler) }
	return true
}()
