package cloud

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// oneFunction is an endpoint that has the function "orders" and counts how often somebody looks at it and reads it.
type oneFunction struct {
	mu          sync.Mutex
	code        string
	asked, read int
}

func (o *oneFunction) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch r.URL.Path {
	case "/code.zip":
		o.read++
		_ = zip.NewWriter(w).Close()
	case "/2015-03-31/functions/orders":
		o.asked++
		_ = json.NewEncoder(w).Encode(map[string]any{
			"Configuration": map[string]any{
				"FunctionName": "orders", "Runtime": "cobol85", "CodeSha256": o.code, "Architectures": []string{deployed.HostArchitecture()},
			},
			"Code": map[string]any{"Location": "http://" + r.Host + "/code.zip"},
		})
	default:
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
	}
}

func (o *oneFunction) deploy(code string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.code = code
}

func (o *oneFunction) must(t *testing.T, what string, asked, read int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.read != read || o.asked < asked || asked == 0 && o.asked > 0 {
		t.Errorf("%s: it was looked at %d times and read %d times, want %d and %d", what, o.asked, o.read, asked, read)
	}
	o.asked, o.read = 0, 0
}

// A function is taken over when somebody invokes it first, once for all who do; after that it costs nothing, until a deploy
// passes through the front.
func TestAFunctionIsTakenOverWhenItIsInvoked(t *testing.T) {
	endpoint := &oneFunction{code: "one"}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	c := testCloud(t)
	c.opt.Checkout = t.TempDir()
	var news, refused []string
	c.opt.Changed = func(what string) { news = append(news, what) }
	c.opt.Refused = func(function string, reason error) { refused = append(refused, function+": "+reason.Error()) }
	c.turns, c.deploys.checked, c.runtimes = map[string]chan struct{}{}, map[string]int{}, map[string]runtimes.Runtime{}
	c.life, c.end = context.WithCancel(t.Context())
	c.client = deployed.NewClient(deployed.Endpoint{URL: server.URL, Region: "us-east-1", AccessKey: "a", SecretKey: "s"})
	var err error
	if c.front, err = front.Start(t.Context(), front.Options{Upstream: server.URL}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.front.Close(context.Background()) }()

	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := c.current(t.Context(), "orders"); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	endpoint.must(t, "the first invocations", 1, 1)
	if len(refused) != 1 || !strings.Contains(refused[0], "orders: find runtime cobol85") {
		t.Errorf("it is not told once why it cannot run: %q", refused)
	}
	ask := func(what string, asked, read int) {
		t.Helper()
		if err := c.current(t.Context(), "orders"); err != nil {
			t.Error(err)
		}
		endpoint.must(t, what, asked, read)
	}
	endpoint.deploy("two")
	ask("without a deploy through the front", 0, 0)
	c.standing()
	c.deploys.passed(time.Now().Add(-time.Hour))
	ask("after a deploy", 1, 1)
	ask("once more", 0, 0)
	if len(news) != 1 || news[0] != "orders: new code" {
		t.Errorf("what is told is %q", news)
	}
	c.deploys.passed(time.Now())
	ask("during a deploy", 1, 0)
	endpoint.deploy("three")
	ask("during a deploy, changed", 1, 1)
	if err := c.current(t.Context(), "ghost"); !errors.Is(err, front.ErrNoSuchFunction) {
		t.Errorf("a function that is not there: %v", err)
	}
	c.takeNothingMore()
	if err := c.current(t.Context(), "orders"); !errors.Is(err, errEnding) {
		t.Errorf("at the end: %v", err)
	}
}
