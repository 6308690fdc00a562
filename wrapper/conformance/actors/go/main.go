// Command go is the actor for Go: a function that carries out the steps of stories. ../../README.md describes the verbs.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// An event is what a story has the actor do.
type event struct {
	Peer    string `json:"peer"`
	Secure  string `json:"secure"`
	Second  string `json:"second"`
	Library string `json:"library"`
	Steps   []step `json:"steps"`
}

// A step is a verb and its arguments.
type step map[string]json.RawMessage

// errUnsupported is what a step ends with that this actor cannot carry out.
var errUnsupported = errors.New("unsupported")

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errUnsupported}, args...)...)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == "child" {
		child()
		return
	}
	trust()
	if text := os.Getenv("STORY_INIT"); text != "" {
		var e event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			log.Fatal(err)
		}
		if _, err := run(context.Background(), &e, e.Steps); err != nil {
			panic(err)
		}
	}
	handlers := map[string]any{"handler": handler, "stream": stream}
	lambda.Start(handlers[os.Getenv("_HANDLER")])
}

// handler is the ordinary one.
func handler(ctx context.Context, whole json.RawMessage) (any, error) {
	var e event
	_ = json.Unmarshal(whole, &e) // an event of another kind has no steps
	if e.Steps == nil {
		return whole, nil
	}
	ctx = context.WithValue(ctx, wholeKey{}, &whole)
	last := len(e.Steps) - 1
	results, err := run(ctx, &e, e.Steps)
	switch _, returns := e.Steps[last]["return"]; {
	case errors.Is(err, errUnsupported):
		return map[string]string{"unsupported": err.Error()}, nil
	case err != nil:
		return nil, err
	case returns:
		return results[last], nil
	}
	return results, nil
}

type wholeKey struct{}

// stream answers with a reader: {"write": …} and {"prelude": …} are verbs of its own.
func stream(ctx context.Context, e event) (io.Reader, error) {
	out, in := io.Pipe()
	var prelude []byte
	if len(e.Steps) > 0 && e.Steps[0]["prelude"] != nil {
		prelude = append(bytes.Clone(e.Steps[0]["prelude"]), make([]byte, 8)...)
		e.Steps = e.Steps[1:]
	}
	go func() {
		if _, err := in.Write(prelude); err != nil {
			return
		}
		for _, s := range e.Steps {
			if arguments, ok := s["write"]; ok {
				var args struct {
					Text string
					Size int
				}
				if err := json.Unmarshal(arguments, &args); err != nil {
					in.CloseWithError(err)
					return
				}
				if _, err := io.WriteString(in, args.Text+string(bytes.Repeat([]byte("w"), args.Size))); err != nil {
					return
				}
				continue
			}
			if _, err := run(ctx, &e, []step{s}); err != nil {
				in.CloseWithError(err)
				return
			}
		}
		_ = in.Close() // never fails (io.PipeWriter)
	}()
	if prelude != nil {
		return &page{out}, nil
	}
	return out, nil
}

// A page is a response that begins with a prelude.
type page struct{ io.Reader }

func (*page) ContentType() string { return "application/vnd.awslambda.http-integration-response" }

// MarshalJSON keeps aws-lambda-go from taking it for JSON.
func (*page) MarshalJSON() ([]byte, error) { return nil, errors.New("not JSON") }

// child is what the verb subprocess starts.
func child() {
	trust()
	var e event
	if err := json.NewDecoder(os.Stdin).Decode(&e); err != nil {
		log.Fatal(err)
	}
	results, err := run(context.Background(), &e, e.Steps)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// run carries out steps in order.
func run(ctx context.Context, e *event, steps []step) ([]any, error) {
	results := make([]any, 0, len(steps))
	for _, s := range steps {
		for name, arguments := range s {
			verb, ok := verbs()[name]
			if !ok {
				return nil, unsupported("the verb %s", name)
			}
			result, err := verb(ctx, e, arguments)
			if err != nil {
				return nil, err
			}
			results = append(results, result)
		}
	}
	return results, nil
}
