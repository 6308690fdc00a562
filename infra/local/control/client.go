package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// statusWithin bounds asking for the status: the answer is at hand, on this machine.
const statusWithin = 10 * time.Second

// Client asks a run.
type Client struct {
	URL string // where its handler is served
}

// Status tells what runs.
func (c Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	var status Status
	err := c.get(ctx, pathStatus, nil, func(body io.Reader) error { return json.NewDecoder(body).Decode(&status) })
	return status, err
}

// LogQuery says which lines are wanted.
type LogQuery struct {
	Function string    // "" means all
	Since    time.Time // zero means all that are remembered
	Follow   bool      // and those that come, until the context ends
}

// Logs calls show for every line.
func (c Client) Logs(ctx context.Context, query LogQuery, show func(Line) error) error {
	ask := url.Values{}
	set(ask, askFunction, query.Function)
	if !query.Since.IsZero() {
		ask.Set(askSince, query.Since.Format(time.RFC3339Nano))
	}
	setFlag(ask, askFollow, query.Follow)
	return c.get(ctx, pathLogs, ask, func(body io.Reader) error {
		for in := json.NewDecoder(body); ; {
			var line Line
			err := in.Decode(&line)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = show(line)
			}
			if err != nil {
				return err
			}
		}
	})
}

// FlowQuery says which flows are wanted, and how they are drawn.
type FlowQuery struct {
	Trace  string // the beginning of a trace id; "" means all
	Last   int    // 0 means all
	Follow bool   // and those that arrive, until the context ends
	JSON   bool   // the spans themselves, a line each
	Bodies bool
	Color  bool
	Width  int // 0 means the default
}

// Flows writes the flows as they come.
func (c Client) Flows(ctx context.Context, query FlowQuery, w io.Writer) error {
	ask := url.Values{}
	set(ask, askTrace, query.Trace)
	setFlag(ask, askFollow, query.Follow)
	setFlag(ask, askJSON, query.JSON)
	setFlag(ask, askBodies, query.Bodies)
	setFlag(ask, askColor, query.Color)
	ask.Set(askLast, strconv.Itoa(query.Last))
	ask.Set(askWidth, strconv.Itoa(query.Width))
	return c.get(ctx, pathFlows, ask, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
}

func set(ask url.Values, name, value string) {
	if value != "" {
		ask.Set(name, value)
	}
}

func setFlag(ask url.Values, name string, on bool) {
	if on {
		ask.Set(name, "1")
	}
}

func (c Client) get(ctx context.Context, path string, ask url.Values, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+path+"?"+ask.Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask the run: %w", err)
	}
	// Without the user's proxy: the run is on this machine.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return fmt.Errorf("ask the run: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // what can be read of it
		return fmt.Errorf("ask the run: it answers %s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	if err := read(response.Body); err != nil {
		return fmt.Errorf("read the run's answer: %w", err)
	}
	return nil
}
