package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// A between stands between the extension and Lambda, and changes what Lambda says. It does so by a layer of its own, in which a script takes the extension's
// place and starts it with another address of the Extensions API.
type between struct {
	event     func(event map[string]any)             // changes what next answers
	telemetry func(batch []fact) (deliveries []fact) // changes what is delivered; called by one goroutine at a time

	server *httptest.Server
	known  chan struct{} // closed when Lambda's own address is known
	once   sync.Once
	lambda string

	mu       sync.Mutex
	listener string // where the extension wants its telemetry
}

// A fact is an event of the Telemetry API.
type fact struct {
	Time   string          `json:"time"`
	Type   string          `json:"type"`
	Record json.RawMessage `json:"record"`
}

// heading begins the line by which the script tells Lambda's address.
const heading = "between the extension and "

// layer makes the layer.
func (b *between) layer(t *testing.T, world string) string {
	t.Helper()
	b.known = make(chan struct{})
	b.server = httptest.NewServer(b)
	t.Cleanup(func() {
		b.server.CloseClientConnections()
		b.server.Close()
	})
	return after(t, world, fmt.Sprintf("echo \"%s$AWS_LAMBDA_RUNTIME_API\"\nexport AWS_LAMBDA_RUNTIME_API=%s", heading, strings.TrimPrefix(b.server.URL, "http://")))
}

// after makes a layer in which a script stands in the extension's place, which does something and then becomes the extension.
func after(t *testing.T, world, something string) string {
	t.Helper()
	dir := t.TempDir()
	binary, err := os.ReadFile(filepath.Join(world, "extensions", "afterglow"))
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + something + "\nexec /opt/behind/afterglow\n"
	for name, data := range map[string][]byte{"extensions/afterglow": []byte(script), "behind/afterglow": binary} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// heard looks for the script's line.
func (b *between) heard(l lambdalocal.Line) {
	if address, ok := strings.CutPrefix(l.Text, heading); ok {
		b.once.Do(func() {
			b.lambda = address
			close(b.known)
		})
	}
}

func (b *between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	select {
	case <-b.known:
	case <-r.Context().Done():
		return
	}
	switch {
	case r.URL.Path == "/deliveries":
		b.deliver(w, r, body)
		return
	case r.Method == http.MethodPut:
		body = b.subscribe(body)
	}
	request := r.Clone(r.Context())
	request.RequestURI, request.URL.Scheme, request.URL.Host = "", "http", b.lambda
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if strings.HasSuffix(r.URL.Path, "/event/next") && b.event != nil && response.StatusCode == http.StatusOK {
		answer = b.change(answer)
	}
	for name, values := range response.Header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(answer)
}

func (b *between) change(answer []byte) []byte {
	var event map[string]any
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	if d.Decode(&event) != nil {
		return answer
	}
	b.event(event)
	changed, err := json.Marshal(event)
	if err != nil {
		return answer
	}
	return changed
}

// subscribe puts its own address in the place of the extension's.
func (b *between) subscribe(body []byte) []byte {
	var s map[string]any
	if b.telemetry == nil || json.Unmarshal(body, &s) != nil {
		return body
	}
	destination, _ := s["destination"].(map[string]any)
	uri, err := url.Parse(fmt.Sprint(destination["URI"]))
	if err != nil || destination == nil {
		return body
	}
	own, err := url.Parse(b.server.URL)
	if err != nil {
		return body
	}
	b.mu.Lock()
	b.listener = "http://127.0.0.1:" + uri.Port() + uri.RequestURI()
	b.mu.Unlock()
	destination["URI"] = "http://sandbox.localdomain:" + own.Port() + "/deliveries"
	changed, err := json.Marshal(s)
	if err != nil {
		return body
	}
	return changed
}

// deliver hands on what telemetry makes of a delivery.
func (b *between) deliver(w http.ResponseWriter, r *http.Request, body []byte) {
	var batch []fact
	if err := json.Unmarshal(body, &batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	batch = b.telemetry(batch)
	if len(batch) == 0 {
		return
	}
	changed, err := json.Marshal(batch)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, b.listener, bytes.NewReader(changed))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}
