//go:build !otel

package main

import "net/http"

func instrumented() *http.Client { return http.DefaultClient }
