//go:build !otel

package main

import "net/http"

func instrumented() (*http.Client, func(handler) handler) {
	return http.DefaultClient, func(h handler) handler { return h }
}
