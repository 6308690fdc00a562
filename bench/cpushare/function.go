//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// serve is the function: its event is a time in ms, its answer how many cores it has had in it.
func serve(ctx context.Context, api string) error {
	client := &http.Client{Transport: &http.Transport{}} // never through a proxy
	base := "http://" + api + "/2018-06-01/runtime/invocation/"
	for {
		header, event, err := call(ctx, client, http.MethodGet, base+"next", "")
		if err != nil {
			return err
		}
		length, err := strconv.Atoi(event)
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		share, err := json.Marshal(work(time.Duration(length) * time.Millisecond))
		if err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
		if _, _, err := call(ctx, client, http.MethodPost, base+header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", string(share)); err != nil {
			return err
		}
	}
}

func call(ctx context.Context, client *http.Client, method, url, body string) (http.Header, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("call Runtime API: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("call Runtime API: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, "", fmt.Errorf("call Runtime API: %w", err)
	}
	return res.Header, string(answer), nil
}

// work keeps every core busy and tells how many cores that was in fact.
func work(length time.Duration) float64 {
	begun, before := time.Now(), cpuTime()
	end := begun.Add(length)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for time.Now().Before(end) {
				for range 1000 { //nolint:staticcheck // work is all it is for
				}
			}
		})
	}
	workers.Wait()
	return float64(cpuTime()-before) / float64(time.Since(begun))
}

func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err) // no argument is wrong
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
