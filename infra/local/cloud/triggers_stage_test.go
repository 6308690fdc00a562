package cloud

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/child"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

func TestMain(m *testing.M) {
	if err := child.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	code := m.Run()
	for _, command := range child.Sweep() {
		fmt.Fprintln(os.Stderr, "left by a test:", command)
		code = 1
	}
	os.Exit(code)
}

const (
	// eventBound bounds waiting for an event: a cold start on a busy machine, MiniStack's pollers, retries.
	eventBound = 60 * time.Second
	// scheduleBound is for a rule that fires once a minute.
	scheduleBound = 150 * time.Second
	// upBound is for installing what is missing.
	upBound = 10 * time.Minute

	lookAt  = 5 * time.Millisecond
	account = localaws.Account
	region  = localaws.Region
	role    = "arn:aws:iam::000000000000:role/any"

	// retrySpeed makes Lambda's minutes half seconds.
	retrySpeed = 120
)

func lambdaARN(name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

// got is what a function printed of an invocation.
type got struct {
	Event     json.RawMessage
	RequestID string
	Trace     string
	ARN       string
	Wrapped   string
}

// triggers is a MiniStack with functions, which run in a Cloud.
type triggers struct {
	*Cloud
	endpoint string

	mu    sync.Mutex
	got   []got
	saw   map[string]bool // request ids that the extension saw
	lines []string
}

func newTriggers(t *testing.T) *triggers {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), upBound)
	defer cancel()
	checkout, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	machine, err := tools.Look(ctx)
	if err == nil {
		var command []string
		if command, err = tools.MiniStack(ctx, machine, ToolsFolder(checkout), io.Discard); err == nil {
			return startTriggers(t, ctx, checkout, command)
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
	return nil
}

func startTriggers(t *testing.T, ctx context.Context, checkout string, command []string) *triggers {
	t.Helper()
	server, err := localaws.Start(ctx, localaws.Options{Command: command, Dir: filepath.Join(t.TempDir(), "aws")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	s := &triggers{endpoint: server.Endpoint(), saw: map[string]bool{}}
	layer := s.call(t, "lambda", http.MethodPost, "/2018-10-31/layers/watch/versions", map[string]any{"Content": map[string]any{"ZipFile": archive(t, "layer")}})
	for name, more := range map[string]map[string]any{
		"probe": {"Handler": "app.handler", "Runtime": "python3.13", "Code": map[string]any{"ZipFile": archive(t, "probe")},
			"Layers": []any{layer["LayerVersionArn"]}, "Environment": map[string]any{"Variables": map[string]any{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}},
		"stream":  {"Handler": "index.handler", "Runtime": "nodejs22.x", "Code": map[string]any{"ZipFile": archive(t, "stream")}},
		"limited": {"Handler": "app.handler", "Runtime": "python3.13", "Code": map[string]any{"ZipFile": archive(t, "probe")}},
	} {
		in := map[string]any{"FunctionName": name, "Role": role, "Timeout": 20}
		for key, value := range more {
			in[key] = value
		}
		s.call(t, "lambda", http.MethodPost, "/2015-03-31/functions", in)
	}
	s.call(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/versions", map[string]any{})
	s.call(t, "lambda", http.MethodPost, "/2015-03-31/functions/probe/aliases", map[string]any{"Name": "live", "FunctionVersion": "1"})
	log := progress.New(io.Discard, EndpointSteps)
	s.Cloud, err = Up(ctx, Options{
		Log: log, Nearest: true,
		Checkout: checkout, Runs: filepath.Join(t.TempDir(), "runs"), Endpoint: server.Endpoint(), Lines: s.take, Environments: 4, RetrySpeed: retrySpeed,
		Credentials: Credentials{Region: region, AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		down, cancel := context.WithTimeout(context.Background(), eventBound)
		defer cancel()
		if err := s.Down(down); err != nil {
			t.Error(err)
		}
	})
	return s
}

// archive is a folder of testdata as a function's code.
func archive(t *testing.T, folder string) string {
	t.Helper()
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	if err := w.AddFS(os.DirFS(filepath.Join("testdata", "triggers", folder))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(text.Bytes())
}

func (s *triggers) take(_ string, line lambdalocal.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line.Text)
	if text, is := strings.CutPrefix(line.Text, "GOT "); is {
		var g got
		if err := json.Unmarshal([]byte(text), &g); err == nil {
			s.got = append(s.got, g)
		}
	}
	if id, is := strings.CutPrefix(line.Text, "SAW "); is {
		s.saw[id] = true
	}
}

// invocations are those whose event has a text in it.
func (s *triggers) invocations(text string) []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []got
	for _, g := range s.got {
		if strings.Contains(string(g.Event), text) {
			all = append(all, g)
		}
	}
	return all
}

// wait waits for a number of invocations whose event has a text in it, and checks what holds for all of them: wrapper and
// extension were there.
func (s *triggers) wait(t *testing.T, text string, number int) []got {
	t.Helper()
	var all []got
	s.eventually(t, eventBound, fmt.Sprintf("%d invocations with %q", number, text), func() bool {
		all = s.invocations(text)
		return len(all) >= number
	})
	for _, g := range all {
		if g.Wrapped != "yes" {
			t.Errorf("invocation %s was not wrapped", g.RequestID)
		}
		s.eventually(t, eventBound, "the extension sees "+g.RequestID, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.saw[g.RequestID]
		})
		if !strings.HasPrefix(g.Trace, "Root=1-") {
			t.Errorf("invocation %s has the trace %q", g.RequestID, g.Trace)
		}
	}
	return all
}

func (s *triggers) eventually(t *testing.T, bound time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); time.Sleep(lookAt) {
		if holds() {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Fatalf("not within %s: %s\n%s", bound, what, strings.Join(s.lines[max(0, len(s.lines)-60):], "\n"))
}

// at finds a field of an event: "Records.0.Sns.MessageId".
func at(t *testing.T, event json.RawMessage, path string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(event, &value); err != nil {
		t.Fatal(err)
	}
	for _, step := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// has checks fields of an event.
func (g got) has(t *testing.T, want map[string]any) {
	t.Helper()
	for path, value := range want {
		if is := at(t, g.Event, path); is != value {
			t.Errorf("%s is %v, want %v\n%s", path, is, value, g.Event)
		}
	}
}

// call asks a service as the SDKs do. What starts with a slash is a path of a REST API; else it is the target of a JSON one,
// or an action of a query API.
func (s *triggers) call(t *testing.T, service, method, what string, in any) map[string]any {
	t.Helper()
	_, text := s.send(t, service, method, what, in, nil)
	out := map[string]any{}
	if len(text) > 0 && json.Unmarshal(text, &out) != nil {
		out["text"] = string(text)
	}
	return out
}

func (s *triggers) send(t *testing.T, service, method, what string, in any, header map[string]string) (*http.Response, []byte) {
	t.Helper()
	path, contentType, target := what, "application/json", ""
	body, isText := in.([]byte)
	form, isForm := in.(url.Values)
	switch {
	case isForm:
		body, contentType, path = []byte(form.Encode()), "application/x-www-form-urlencoded", "/"
	case !isText && in != nil:
		var err error
		if body, err = json.Marshal(in); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(what, "/") && !isForm {
		path, contentType, target = "/", "application/x-amz-json-1.1", what
	}
	base := s.endpoint
	if s.Cloud != nil {
		base = s.URL()
	}
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	sum := sha256.Sum256(body)
	who := aws.Credentials{AccessKeyID: localaws.AccessKey, SecretAccessKey: localaws.SecretKey}
	if err := v4.NewSigner().SignHTTP(t.Context(), who, request, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 && header["Test-Expects"] == "" {
		t.Fatalf("%s %s answers %s: %s", service, what, response.Status, text)
	}
	return response, text
}
