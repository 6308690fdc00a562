// Command golang makes the calls that its event asks for, or answers at once.
package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	URL    string `json:"url"`
	Calls  int    `json:"calls"`
	Body   int    `json:"body"`
	Append string `json:"append"`
	Beside string `json:"beside"` // how records are handed over beside calls, into the file that Append names
}

type handler func(context.Context, event) (map[string]int, error)

func main() {
	if os.Getenv("_HANDLER") == "idle" {
		lambda.Start(func(context.Context, map[string]any) (map[string]bool, error) {
			return map[string]bool{"ok": true}, nil
		})
	}
	client, traced := instrumented()
	lambda.Start(traced(caller(client)))
}

// caller makes the calls that its event asks for.
func caller(client *http.Client) handler {
	return func(ctx context.Context, e event) (map[string]int, error) {
		record, done := func() {}, func() {}
		if e.Beside != "" {
			var err error
			if record, done, err = beside(e.Beside, e.Append); err != nil {
				return nil, err
			}
		}
		defer done()
		var file *os.File
		if e.Append != "" && e.Beside == "" {
			var err error
			if file, err = os.OpenFile(e.Append, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
				return nil, err
			}
			defer file.Close()
		}
		received := 0
		for range e.Calls {
			record()
			answer, err := call(ctx, client, e)
			if err != nil {
				return nil, err
			}
			record()
			received += len(answer)
			if file != nil {
				if _, err := file.Write(answer); err != nil {
					return nil, err
				}
			}
		}
		return map[string]int{"received": received}, nil
	}
}

func call(ctx context.Context, client *http.Client, e event) ([]byte, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if e.Body > 0 {
		method, body = http.MethodPost, bytes.NewReader([]byte(`{"document":"`+string(bytes.Repeat([]byte("x"), e.Body-15))+`"}`))
	}
	req, err := http.NewRequestWithContext(ctx, method, e.URL, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer 0123456789")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer := make([]byte, resp.ContentLength)
	_, err = io.ReadFull(resp.Body, answer)
	return answer, err
}
