package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type verb = func(ctx context.Context, e *event, arguments json.RawMessage) (any, error)

func verbs() map[string]verb {
	return map[string]verb{
		"call": doCall, "parallel": doParallel, "thread": doThread, "later": doLater, "subprocess": doSubprocess, "command": doCommand, "raise": doRaise,
		"exit": doExit, "abort": doExit, "kill": doKill, "sleep": doSleep, "print": doPrint, "mutate": doMutate, "patch": doPatch, "allocate": doAllocate,
		"environment": doEnvironment, "context": doContext, "descriptors": doDescriptors, "return": doReturn,
		"again": doAgain, "close": doClose, "pool": doPool, "generator": doGenerator,
	}
}

// arguments are all that the smaller verbs have.
type arguments struct {
	Steps   []step
	With    string
	MS      int
	MB      int
	Argv    []string
	Kind    string
	Message string
	Code    int
	Signal  string
	To      string
	Text    string
	Times   int
	Names   []string
	Left    int
	Value   json.RawMessage
	Size    int
	Status  int
	Body    string
}

func read(raw json.RawMessage) (a arguments, err error) { return a, json.Unmarshal(raw, &a) }

func doParallel(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil || a.With == "threads" {
		return nil, errors.Join(err, unsupported("threads"))
	}
	results, errs := make([]any, len(a.Steps)), make([]error, len(a.Steps))
	var all sync.WaitGroup
	for i := range a.Steps {
		all.Go(func() {
			var result []any
			if result, errs[i] = run(ctx, e, a.Steps[i:i+1]); len(result) > 0 {
				results[i] = result[0]
			}
		})
	}
	all.Wait()
	return results, errors.Join(errs...)
}

func doThread(ctx context.Context, e *event, raw json.RawMessage) (results any, err error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	var thread sync.WaitGroup
	thread.Go(func() { results, err = run(ctx, e, a.Steps) })
	thread.Wait()
	return results, err
}

// doLater goes on behind the answer, with the invocation's values and without its end.
func doLater(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	time.AfterFunc(time.Duration(a.MS)*time.Millisecond, func() {
		if _, err := run(ctx, e, a.Steps); err != nil {
			log.Print(err)
		}
	})
	return nil, nil
}

func doSubprocess(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	input := *e
	input.Steps = a.Steps
	text, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	return execute(exec.CommandContext(ctx, os.Args[0], "child"), text)
}

func doCommand(ctx context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	return execute(exec.CommandContext(ctx, a.Argv[0], a.Argv[1:]...), nil)
}

func execute(command *exec.Cmd, input []byte) (any, error) {
	var out, complaint bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &out, &complaint
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return map[string]any{"code": command.ProcessState.ExitCode(), "out": out.String(), "err": complaint.String()}, nil
}

// custom is an error with a type of its own.
type custom struct{ message string }

func (c *custom) Error() string { return c.message }

// odd is one that says something else every time.
type odd struct{ asked int }

func (o *odd) Error() string {
	o.asked++
	return strings.Repeat("€", o.asked%2+1)
}

// unprintable is an error that cannot be asked what it is.
type unprintable struct{}

func (unprintable) Error() string { panic("unprintable") }

func deep(n int, message string) error {
	if n == 0 {
		panic(message)
	}
	return deep(n-1, message)
}

func doRaise(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	if a.Message == "" {
		a.Message = "it went wrong"
	}
	switch a.Kind {
	case "", "plain":
		return nil, errors.New(a.Message)
	case "custom":
		return nil, &custom{a.Message}
	case "odd":
		return nil, &odd{}
	case "unprintable":
		return nil, unprintable{}
	case "deep":
		return nil, deep(50, a.Message)
	case "chained":
		return nil, fmt.Errorf("%s: %w", a.Message, &custom{"the cause"})
	case "async", "thread":
		failed := make(chan error)
		go func() { failed <- errors.New(a.Message) }()
		return nil, <-failed
	case "uncaught":
		go panic(a.Message)
		select {}
	case "stack":
		return nil, deep(1<<40, a.Message)
	case "string":
		panic(a.Message)
	}
	return nil, unsupported("to raise %s", a.Kind)
}

func doExit(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	os.Exit(a.Code)
	return nil, nil
}

func doKill(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	signals := map[string]syscall.Signal{"": syscall.SIGKILL, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	signal, ok := signals[a.Signal]
	if !ok { // Go's runtime prints every goroutine, those of the hook's process included
		return nil, unsupported("SIG%s", a.Signal)
	}
	if err := syscall.Kill(os.Getpid(), signal); err != nil {
		return nil, err
	}
	select {}
}

func doSleep(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	time.Sleep(time.Duration(a.MS) * time.Millisecond)
	return nil, err
}

func doPrint(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if a.Text == "" {
		a.Text = "a line"
	}
	for range max(1, a.Times) {
		switch a.To {
		case "stderr":
			fmt.Fprintln(os.Stderr, a.Text)
		case "log":
			log.Print(a.Text)
		default:
			fmt.Println(a.Text)
		}
	}
	return nil, err
}

func doMutate(ctx context.Context, e *event, _ json.RawMessage) (any, error) {
	whole, ok := ctx.Value(wholeKey{}).(*json.RawMessage)
	if !ok {
		return nil, unsupported("without an event")
	}
	var all map[string]any
	if err := json.Unmarshal(*whole, &all); err != nil {
		return nil, err
	}
	all["steps"], all["changed"] = nil, true
	delete(all, "pad")
	changed, err := json.Marshal(all)
	*whole = changed
	return nil, err
}

// patched is what a function may put in the place of http.DefaultTransport.
type patched struct{ http.RoundTripper }

func (p patched) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-Patched", "yes")
	return p.RoundTripper.RoundTrip(req)
}

func doPatch(context.Context, *event, json.RawMessage) (any, error) {
	http.DefaultTransport = patched{http.DefaultTransport}
	return "patched", nil
}

func doAllocate(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	return len(bytes.Repeat([]byte{1}, a.MB<<20)), err
}

func doEnvironment(_ context.Context, _ *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	values := map[string]any{}
	for _, name := range a.Names {
		values[name] = nil
		if value, ok := os.LookupEnv(name); ok {
			values[name] = value
		}
	}
	return values, err
}

func doContext(ctx context.Context, _ *event, _ json.RawMessage) (any, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return nil, unsupported("without an invocation")
	}
	return []any{lc.AwsRequestID, lambdacontext.FunctionName, lambdacontext.MemoryLimitInMB, lc.InvokedFunctionArn, lambdacontext.LogStreamName != ""}, nil
}

func doDescriptors(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	var taken []int
	for {
		fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	defer func() {
		for _, fd := range taken {
			_ = syscall.Close(fd) // it was only opened
		}
	}()
	for range min(a.Left, len(taken)) {
		_ = syscall.Close(taken[len(taken)-1]) // the same
		taken = taken[:len(taken)-1]
	}
	return run(ctx, e, a.Steps)
}

// doAgain has the handler call itself.
func doAgain(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	inner := *e
	inner.Steps = a.Steps
	whole, err := json.Marshal(inner)
	if err != nil {
		return nil, err
	}
	return handler(ctx, whole)
}

func doClose(context.Context, *event, json.RawMessage) (any, error) {
	return nil, errors.Join(os.Stdout.Close(), os.Stderr.Close())
}

// work is what the goroutines of a pool take, which lives as long as the function.
var work = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	for range 4 {
		go func() {
			for job := range jobs {
				job()
			}
		}()
	}
	return jobs
})

func doPool(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	results, errs := make([][]any, a.Times), make([]error, a.Times)
	var all sync.WaitGroup
	for i := range a.Times {
		all.Add(1)
		work() <- func() {
			defer all.Done()
			results[i], errs[i] = run(ctx, e, a.Steps)
		}
	}
	all.Wait()
	return results, errors.Join(errs...)
}

func doGenerator(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	var results []any
	for result, err := range func(yield func(any, error) bool) {
		for i := range a.Steps {
			taken, err := run(ctx, e, a.Steps[i:i+1])
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(taken[0], nil) {
				return
			}
		}
	} {
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

func doReturn(ctx context.Context, e *event, raw json.RawMessage) (any, error) {
	a, err := read(raw)
	if err != nil {
		return nil, err
	}
	switch a.Kind {
	case "", "value":
		return a.Value, nil
	case "size":
		return strings.Repeat("r", a.Size), nil
	case "many":
		many := make([]map[string]any, a.Size)
		for i := range many {
			many[i] = map[string]any{"number": i, "text": "some text"}
		}
		return many, nil
	case "binary":
		return []byte{0, 1, 0xfe, 0xff}, nil
	case "unicode":
		return "grüße, мир, 世界 \u2028 \U0001f980 " + strings.Repeat("€", 1000), nil
	case "event":
		whole, ok := ctx.Value(wholeKey{}).(*json.RawMessage)
		if !ok {
			return nil, unsupported("without an event")
		}
		return *whole, nil
	case "nothing":
		return nil, nil
	case "proxy":
		if a.Status == 0 {
			a.Status = http.StatusOK
		}
		if a.Body == "" {
			a.Body = "text"
		}
		return events.APIGatewayProxyResponse{StatusCode: a.Status, Headers: map[string]string{"X-A": "1"}, Body: a.Body}, nil
	case "unserializable":
		return make(chan int), nil
	}
	return nil, unsupported("to return %s", a.Kind)
}
