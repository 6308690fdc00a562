package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

const (
	// flowWithin bounds waiting for a flow: two cold starts, MiniStack's poll of the queue, an export.
	flowWithin = 60 * time.Second

	// orderWithin bounds an order's answer, which waits for a cold start.
	orderWithin = 60 * time.Second

	// downWithin bounds the orderly end.
	downWithin = 20 * time.Second
)

// demo is the story that a newcomer sees.
type demo struct {
	checkout string
	stdout   io.Writer
	hurry    context.Context // ends when an orderly end is not wanted any more
	runs     string          // folder of the runs' folders
	keep     bool
	port     int
}

func (d demo) run(ctx context.Context) (err error) {
	log := progress.New(d.stdout, cloud.Steps+len(orders())+1)
	log.Print("Afterglow: deploy an example to a local AWS, send it two orders, show what happened.\n" +
		"What is installed goes below .afterglow; the first time takes a few minutes, later ones seconds.\n\n")
	c, err := cloud.Up(ctx, cloud.Options{Checkout: d.checkout, Runs: d.runs, Port: d.port, Log: log, Nearest: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bringDown(d.hurry, log, c)) }() //nolint:contextcheck // ctx has ended by then
	for _, o := range orders() {
		if err := d.show(ctx, log, c, o); err != nil {
			return err
		}
	}
	if d.keep {
		return d.stay(ctx, c)
	}
	return nil
}

// show sends an order, waits for its flow and prints it.
func (d demo) show(ctx context.Context, log *progress.Log, c *cloud.Cloud, o order) error {
	seen := len(c.Receiver().Spans())
	err := log.Do("sending "+o.title, func(s *progress.Step) (string, error) {
		answer, err := send(ctx, c.Output(ordersOutput), o)
		if err != nil {
			return "", err
		}
		s.Note("POST %s", c.Output(ordersOutput))
		s.Note("answered %s", answer)
		waiting, cancel := context.WithTimeout(ctx, flowWithin)
		defer cancel()
		err = c.Receiver().Wait(waiting, func(spans []otlptest.Span) bool { return len(missing(spans[seen:])) == 0 })
		if err != nil {
			return "", fmt.Errorf("wait for the flow: still missing: %s: %w; the last lines of the functions' log:\n%s",
				strings.Join(missing(c.Receiver().Spans()[seen:]), "; "), err, c.NewestLines())
		}
		return "its flow is complete", nil
	})
	if err != nil {
		return err
	}
	return d.print(c.Receiver().Spans()[seen:])
}

// print shows spans as trees. No step is being done meanwhile, so nothing else writes.
func (d demo) print(spans []otlptest.Span) error {
	fmt.Fprintln(d.stdout)
	err := otlptest.WriteFlow(d.stdout, spans, otlptest.FlowOptions{Bodies: true})
	fmt.Fprintln(d.stdout)
	return err
}

// send sends an order to the deployed function's address: a real HTTP request to the local AWS.
func send(ctx context.Context, address string, o order) (string, error) {
	if address == "" {
		return "", fmt.Errorf("send order: the app has no output %s", ordersOutput)
	}
	ctx, cancel := context.WithTimeout(ctx, orderWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(o.body))
	if err != nil {
		return "", fmt.Errorf("send order: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := directClient().Do(request)
	if err != nil {
		return "", fmt.Errorf("send order: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("send order: read answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return "", fmt.Errorf("send order: answered %s: %s", response.Status, body)
	}
	return response.Status + " " + string(body), nil
}

// directClient sends without the user's proxy: what we talk to is on this machine.
func directClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// missing tells what a flow still lacks: an invocation, a message sent, an invocation that a message led to.
func missing(spans []otlptest.Span) []string {
	var lacks []string
	handled := map[string]bool{}
	served := false
	for _, span := range spans {
		served = served || span.Kind == otlptest.Server
		handled[span.ParentID] = span.Kind == otlptest.Consumer || handled[span.ParentID]
		for _, link := range span.Links {
			handled[link.SpanID] = true
		}
	}
	if !served {
		lacks = append(lacks, "the invocation that takes the order")
	}
	messages := 0
	for _, span := range spans {
		if span.Kind != otlptest.Producer || span.Text("messaging.message.id") == "" {
			continue
		}
		messages++
		if !handled[span.SpanID] {
			lacks = append(lacks, "the invocation that message "+span.Text("messaging.message.id")+" leads to")
		}
	}
	if messages == 0 {
		lacks = append(lacks, "the messages that it sends")
	}
	return lacks
}
