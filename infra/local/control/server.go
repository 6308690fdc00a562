package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The paths, and the parameters of what is asked for.
const (
	pathStatus = "/status"
	pathLogs   = "/logs"
	pathFlows  = "/flows"

	askFollow   = "follow"
	askFunction = "function"
	askSince    = "since"
	askTrace    = "trace"
	askLast     = "last"
	askJSON     = "json"
	askBodies   = "bodies"
	askColor    = "color"
	askWidth    = "width"
)

// Handler serves what a source shows.
func Handler(source Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathStatus, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(source.Status())
	})
	mux.HandleFunc("GET "+pathLogs, func(w http.ResponseWriter, r *http.Request) { serveLogs(w, r, source.Journal()) })
	mux.HandleFunc("GET "+pathFlows, func(w http.ResponseWriter, r *http.Request) { serveFlows(w, r, source.Receiver()) })
	return mux
}

func serveLogs(w http.ResponseWriter, r *http.Request, journal *Journal) {
	ask := r.URL.Query()
	since, err := sinceOf(ask)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	function := ask.Get(askFunction)
	out := json.NewEncoder(w)
	for seen := 0; ; {
		lines, now, more := journal.After(seen)
		seen = now
		for _, line := range lines {
			if function != "" && line.Function != function || line.Time.Before(since) {
				continue
			}
			if out.Encode(line) != nil {
				return // the reader has gone
			}
		}
		if ask.Get(askFollow) == "" {
			return
		}
		flush(w)
		select {
		case <-r.Context().Done():
			return
		case <-more:
		}
	}
}

func sinceOf(ask url.Values) (time.Time, error) {
	text := ask.Get(askSince)
	if text == "" {
		return time.Time{}, nil
	}
	since, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", askSince, err)
	}
	return since, nil
}

func number(ask url.Values, name string) int {
	n, err := strconv.Atoi(ask.Get(name))
	if err != nil {
		return 0
	}
	return n
}

func flush(w http.ResponseWriter) {
	if f, can := w.(http.Flusher); can {
		f.Flush()
	}
}
