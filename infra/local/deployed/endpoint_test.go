package deployed

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// endpoint answers as Lambda's API does, from a table of paths, and remembers what changed it.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // by method and path
	changes []string
}

func newEndpoint(t *testing.T, answers map[string]string) *endpoint {
	t.Helper()
	e := &endpoint{answers: answers}
	code := archiveOf(t, entry{"app.py", "pass", 0o644})
	text, _ := io.ReadAll(code)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.URL.Path == "/code.zip" {
			_, _ = w.Write(text)
			return
		}
		key := r.Method + " " + r.URL.Path
		if of := key + "?" + r.URL.Query().Get("Qualifier"); e.answers[of] != "" {
			key = of
		}
		if r.Method != http.MethodGet {
			body, _ := io.ReadAll(r.Body)
			e.changes = append(e.changes, key+" "+string(body))
		}
		answer, known := e.answers[key]
		if !known {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			answer = `{"Type":"User","Message":"not found"}`
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(answer, "SERVER", e.URL))
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) set(key, answer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers[key] = answer
}

func (e *endpoint) client(t *testing.T, change func(*Endpoint)) *Client {
	t.Helper()
	to := Endpoint{URL: e.URL, Region: "us-east-1", AccessKey: "a", SecretKey: "s"}
	if change != nil {
		change(&to)
	}
	c := NewClient(to)
	t.Cleanup(c.Close)
	return c
}

// config is a function's configuration with more or other fields.
func config(name string, more ...any) map[string]any {
	c := map[string]any{
		"FunctionName": name, "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:" + name, "Version": "$LATEST",
		"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 3, "CodeSha256": "one", "Architectures": []string{HostArchitecture()},
	}
	for i := 0; i < len(more); i += 2 {
		c[more[i].(string)] = more[i+1]
	}
	return c
}

func answers(functions ...map[string]any) map[string]string {
	all := map[string]string{"GET /2015-03-31/functions": asJSON(map[string]any{"Functions": functions})}
	for _, f := range functions {
		name := f["FunctionName"].(string)
		all["GET /2015-03-31/functions/"+name] = asJSON(map[string]any{
			"Configuration": f, "Code": map[string]any{"Location": "SERVER/code.zip"}, "Tags": map[string]string{"aws:cloudformation:logical-id": "Logical" + name},
		})
		all["GET /2015-03-31/functions/"+name+"/configuration"] = asJSON(f)
		all["PUT /2015-03-31/functions/"+name+"/configuration"] = "{}"
	}
	return all
}

func asJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func TestOneFunctionThatCannotRunDoesNotStopTheOthers(t *testing.T) {
	other := "arm64"
	if HostArchitecture() == other {
		other = "x86_64"
	}
	all := answers(
		config("good"), config("image", "PackageType", "Image"), config("other", "Architectures", []string{other}), config("elsewhere"),
		config("nowhere"), config("unlayered", "Layers", []any{map[string]any{"Arn": "arn:aws:lambda:eu-west-1:1:layer:base:1"}}),
	)
	all["GET /2015-03-31/functions/elsewhere"] = asJSON(map[string]any{"Configuration": config("elsewhere"),
		"Code": map[string]any{"Location": "https://bucket.s3.amazonaws.com/key"}})
	all["GET /2015-03-31/functions/nowhere"] = asJSON(map[string]any{"Configuration": config("nowhere")})
	e := newEndpoint(t, all)
	functions, err := e.client(t, nil).Functions(context.Background(), t.TempDir(), nothingKnown)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"good": "", "image": "container image", "other": "deployed for " + other, "elsewhere": "--code elsewhere=FOLDER",
		"nowhere": "--code nowhere=FOLDER", "unlayered": "layer",
	}
	for _, f := range functions {
		text := ""
		if f.Problem != nil {
			text = f.Problem.Error()
		}
		if part := want[f.Name]; (part == "") != (text == "") || !strings.Contains(text, part) {
			t.Errorf("%s: got %q, want %q", f.Name, text, part)
		}
	}
	if len(functions) != len(want) {
		t.Errorf("got %d functions, want %d", len(functions), len(want))
	}
	good := functions[0]
	if good.Region != "eu-west-1" || good.Account != "123456789012" || good.LogicalID != "Logicalgood" {
		t.Errorf("got %+v", good)
	}
	if _, err := os.Stat(filepath.Join(good.Code, "app.py")); err != nil {
		t.Error(err)
	}
}

func TestCodeFromAFolder(t *testing.T) {
	mine, base := t.TempDir(), t.TempDir()
	f := config("orders", "Layers", []any{map[string]any{"Arn": "arn:aws:lambda:eu-west-1:1:layer:base:1"}})
	all := answers(f)
	all["GET /2015-03-31/functions/orders"] = asJSON(map[string]any{"Configuration": f}) // and no code
	e := newEndpoint(t, all)
	functions, err := e.client(t, func(to *Endpoint) { to.Code = map[string]string{"orders": mine, "base": base} }).
		Functions(context.Background(), t.TempDir(), nothingKnown)
	if err != nil || len(functions) != 1 || functions[0].Problem != nil {
		t.Fatalf("got %+v, %v", functions, err)
	}
	if functions[0].Code != mine || !slices.Equal(functions[0].Layers, []string{base}) {
		t.Errorf("got code %s and layers %v", functions[0].Code, functions[0].Layers)
	}
}

// TestAReadOnlyClientChangesNothing: what would change the endpoint is not even sent.
func TestAReadOnlyClientChangesNothing(t *testing.T) {
	e := newEndpoint(t, answers(config("orders", "Environment", map[string]any{"Variables": map[string]string{proxyVariable: "http://here/orders"}})))
	c := e.client(t, func(to *Endpoint) { to.ReadOnly = true })
	functions, err := c.Functions(context.Background(), t.TempDir(), nothingKnown)
	if err != nil || len(functions) != 1 {
		t.Fatalf("got %v, %v", functions, err)
	}
	if err := c.Redirect(context.Background(), functions[0], "http://here/orders"); !errors.Is(err, errReadOnly) {
		t.Errorf("redirect: got %v", err)
	}
	if err := c.Restore(context.Background(), "orders", "http://here/orders"); !errors.Is(err, errReadOnly) {
		t.Errorf("restore: got %v", err)
	}
	if _, err := c.http.Post(e.URL, "", nil); !errors.Is(err, errReadOnly) {
		t.Errorf("past our own methods: got %v", err)
	}
	if len(e.changes) > 0 {
		t.Errorf("the endpoint got %v", e.changes)
	}
}

func TestIsAWS(t *testing.T) {
	tests := []struct {
		address string
		want    bool
	}{
		{"https://lambda.eu-west-1.amazonaws.com", true},
		{"https://LAMBDA.us-gov-west-1.amazonaws.com.:443/path", true},
		{"https://lambda.cn-north-1.amazonaws.com.cn", true},
		{"https://lambda.eu-west-1.api.aws", true},
		{"https://vpce-1-2.lambda.eu-west-1.vpce.amazonaws.com", true},
		{"https://lambda.eusc-de-east-1.amazonaws.eu", true},
		{"http://127.0.0.1:4566", false},
		{"http://amazonaws.com.example.org", false},
		{"http://notamazonaws.com", false},
		{"http://localhost/amazonaws.com", false},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			if got := IsAWS(test.address); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestFingerprint: whatever has to be started anew shows, and what a redirect changes does not.
func TestFingerprint(t *testing.T) {
	look := func(c map[string]any) Seen {
		e := newEndpoint(t, answers(c))
		all, err := e.client(t, nil).Look(context.Background())
		if err != nil || len(all) != 1 {
			t.Fatalf("got %v, %v", all, err)
		}
		return all[0]
	}
	before := look(config("orders"))
	tests := []struct {
		name, field string
		value       any
		want        string
	}{
		{"code", "CodeSha256", "two", "code"},
		{"environment", "Environment", map[string]any{"Variables": map[string]string{"A": "b"}}, "configuration"},
		{"memory", "MemorySize", 512, "configuration"},
		{"timeout", "Timeout", 5, "configuration"},
		{"handler", "Handler", "app.other", "configuration"},
		{"/tmp", "EphemeralStorage", map[string]any{"Size": 1024}, "configuration"},
		{"log format", "LoggingConfig", map[string]any{"LogFormat": "JSON"}, "configuration"},
		{"layers", "Layers", []any{map[string]any{"Arn": "arn:aws:lambda:eu-west-1:1:layer:base:2"}}, "layers"},
		{"a new revision of the same", "RevisionId", "r-2", ""},
		{"a later change of nothing", "LastModified", "2026-11-22T00:00:00Z", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := look(config("orders", test.field, test.value)).Fingerprint.Differs(before.Fingerprint); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	redirected := look(config("orders", "Timeout", 63,
		"Environment", map[string]any{"Variables": map[string]string{proxyVariable: "http://here/orders?timeout=3s"}}))
	if redirected.Fingerprint != before.Fingerprint || redirected.Redirect != "http://here/orders?timeout=3s" {
		t.Errorf("after a redirect: got %+v", redirected)
	}
}

// TestDescribeTakesWhatTheLocalLambdaKnows: what a configuration says of an environment arrives there.
func TestDescribeTakesWhatTheLocalLambdaKnows(t *testing.T) {
	snap := map[string]any{"ApplyOn": "PublishedVersions"}
	tests := []struct {
		name   string
		config map[string]any
		want   func(Function) bool
	}{
		{"/tmp", config("f", "EphemeralStorage", map[string]any{"Size": 1024}), func(f Function) bool { return f.EphemeralMB == 1024 }},
		{"log format", config("f", "LoggingConfig", map[string]any{"LogFormat": "JSON"}), func(f Function) bool { return f.LogFormat == "JSON" }},
		{"memory", config("f", "MemorySize", 512), func(f Function) bool { return f.MemoryMB == 512 }},
		{"tenants", config("f", "TenancyConfig", map[string]any{"TenantIsolationMode": "PER_TENANT"}), func(f Function) bool { return f.Tenants }},
		{"on demand", config("f"), func(f Function) bool { return f.InitType == lambdalocal.OnDemand && !f.Tenants }},
		{"SnapStart, of a version", config("f", "SnapStart", snap, "Version", "3"), func(f Function) bool { return f.InitType == lambdalocal.SnapStart }},
		{"SnapStart, of what can still change", config("f", "SnapStart", snap), func(f Function) bool { return f.InitType == lambdalocal.OnDemand }},
		{"managed instances", config("f", "CapacityProviderConfig", map[string]any{"LambdaManagedInstancesCapacityProviderConfig": map[string]any{
			"CapacityProviderArn": "arn:x", "PerExecutionEnvironmentMaxConcurrency": 8}}),
			func(f Function) bool { return f.InitType == lambdalocal.ManagedInstances && f.MaxConcurrency == 8 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := answers(test.config)
			e := newEndpoint(t, all)
			f, err := e.client(t, nil).Read(context.Background(), Seen{Name: "f"}, t.TempDir())
			if err != nil || !test.want(f) {
				t.Errorf("got %+v, %v", f, err)
			}
		})
	}
}

func TestProvisioned(t *testing.T) {
	all := answers(config("orders"))
	all["GET /2019-09-30/functions/orders/provisioned-concurrency"] = `{"RequestedProvisionedConcurrentExecutions":2}`
	e := newEndpoint(t, all)
	if got := e.client(t, nil).Provisioned(context.Background(), "orders", "live"); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
	if got := e.client(t, nil).Provisioned(context.Background(), "other", "live"); got != 0 {
		t.Errorf("got %d of a function that has none", got)
	}
}

// TestRestore: what was redirected is set back, and nothing else.
func TestRestore(t *testing.T) {
	const here = "http://here/orders"
	variables := func(all map[string]string) map[string]any { return map[string]any{"Variables": all} }
	tests := []struct {
		name        string
		now         map[string]any
		wantTimeout float64 // 0: nothing is changed
	}{
		{"as we left it", config("orders", "Timeout", 63, "Environment", variables(map[string]string{proxyVariable: here + "?timeout=3s", "A": "b"})), 3},
		{"deployed anew, with the timeout that we had set", config("orders", "Timeout", 63, "Environment", variables(map[string]string{"A": "b"})), 3},
		{"deployed anew", config("orders", "Timeout", 10, "Environment", variables(map[string]string{"A": "b"})), 0},
		{"redirected by somebody else", config("orders", "Timeout", 63, "Environment", variables(map[string]string{proxyVariable: "http://there/orders"})), 0},
		{"without any environment", config("orders"), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEndpoint(t, answers(config("orders", "Environment", variables(map[string]string{"A": "b"}))))
			c := e.client(t, nil)
			functions, err := c.Functions(context.Background(), t.TempDir(), nothingKnown)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Redirect(context.Background(), functions[0], here); err != nil {
				t.Fatal(err)
			}
			e.changes = nil
			e.set("GET /2015-03-31/functions/orders/configuration", asJSON(test.now))
			if err := c.Restore(context.Background(), "orders", here); err != nil {
				t.Fatal(err)
			}
			var sent struct {
				Timeout     float64
				Environment struct{ Variables map[string]string }
			}
			if len(e.changes) > 0 {
				_, body, _ := strings.Cut(e.changes[0], "/configuration ")
				if err := json.Unmarshal([]byte(body), &sent); err != nil {
					t.Fatal(err)
				}
			}
			if sent.Timeout != test.wantTimeout || test.wantTimeout > 0 && (len(sent.Environment.Variables) != 1 || sent.Environment.Variables["A"] != "b") {
				t.Errorf("sent %v", e.changes)
			}
		})
	}
}

// TestATimeoutThatWeHaveSetIsNotTakenForTheFunctions: who deploys anew without naming a timeout leaves ours in place.
func TestATimeoutThatWeHaveSetIsNotTakenForTheFunctions(t *testing.T) {
	e := newEndpoint(t, answers(config("orders")))
	c := e.client(t, nil)
	before, err := c.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Read(context.Background(), before[0], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Redirect(context.Background(), f, "http://here/orders"); err != nil {
		t.Fatal(err)
	}
	e.set("GET /2015-03-31/functions", answers(config("orders", "Timeout", 63))["GET /2015-03-31/functions"])
	after, err := c.Look(context.Background())
	if err != nil || after[0].Fingerprint != before[0].Fingerprint {
		t.Errorf("got %+v, %v, want %+v", after, err, before)
	}
	if f.Timeout != 3*time.Second {
		t.Errorf("its timeout is %s", f.Timeout)
	}
}

func TestResolve(t *testing.T) {
	all := answers(config("orders"))
	all["GET /2015-03-31/functions/orders/aliases/live"] = `{"FunctionVersion":"3"}`
	all["GET /2015-03-31/functions/orders/aliases/canary"] = `{"FunctionVersion":"3","RoutingConfig":{"AdditionalVersionWeights":{"4":1.0}}}`
	e := newEndpoint(t, all)
	tests := []struct{ name, qualifier, want string }{
		{"a version", "7", "7"}, {"an alias", "live", "3"}, {"an alias with weights", "canary", "4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := e.client(t, nil).Resolve(context.Background(), "orders", test.qualifier); err != nil || got != test.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	if _, err := e.client(t, nil).Resolve(context.Background(), "orders", "ghost"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an alias that is not there: got %v", err)
	}
}

func TestTriggers(t *testing.T) {
	all := answers(config("orders"))
	all["GET /2015-03-31/event-source-mappings"] = `{"EventSourceMappings":[{"EventSourceArn":"arn:aws:sqs:us-east-1:1:q","FunctionArn":"arn:aws:lambda:us-east-1:1:function:orders"}]}`
	all["GET /2021-10-31/functions/orders/urls"] = `{"FunctionUrlConfigs":[{"FunctionUrl":"https://abc.lambda-url/"}]}`
	all["GET /2015-03-31/functions/orders/policy"] = asJSON(map[string]string{"Policy": `{"Statement":[
		{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}},
		{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"}},
		{"Effect":"Allow","Principal":"*"},{"Effect":"Deny","Principal":{"Service":"sns.amazonaws.com"}}]}`})
	e := newEndpoint(t, all)
	got, err := e.client(t, nil).Triggers(context.Background(), []string{"orders"})
	want := []Trigger{{"orders", "arn:aws:sqs:us-east-1:1:q"}, {"orders", "https://abc.lambda-url/"}, {"orders", "arn:aws:s3:::b"}, {"orders", "events.amazonaws.com"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

// nothingKnown has every function read.
func nothingKnown(Seen) (Function, bool) { return Function{}, false }
