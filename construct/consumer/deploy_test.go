package consumer

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// patience bounds what a busy machine may take for a step: the first deploy installs tools and runtimes.
const patience = 15 * time.Minute

// toldWithin bounds the wait for spans, which leave a moment after the response.
const toldWithin = 3 * time.Minute

// An account is a local AWS with a project in it.
type account struct {
	*cloud.Cloud
	project project
	cdk     localaws.CDK
}

// deploy sets up an account and deploys the project's app there, whatever its cdk.json says the app is.
func deploy(t *testing.T, p project, app string) account {
	t.Helper()
	checkout, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	a := account{project: p}
	a.appIs(t, app)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a.Cloud, err = cloud.Up(ctx, cloud.Options{Checkout: checkout, App: p.dir, Runs: filepath.Join(checkout, ".afterglow", "test", "consumer"),
		Log: progress.New(os.Stderr, cloud.Steps), Nearest: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Down(ctx); err != nil {
			t.Error(err)
		}
	})
	machine, err := tools.Look(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cli, err := tools.CDK(ctx, machine, cloud.ToolsFolder(checkout), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	a.cdk = localaws.CDK{Command: cli, Endpoint: a.URL(), App: p.dir, Dir: t.TempDir(), Output: io.Discard, Cache: cloud.CDKCache(checkout)}
	return a
}

// appIs sets what the CDK's command line runs: a command, or an assembly that is there.
func (a account) appIs(t *testing.T, app string) {
	t.Helper()
	write(t, filepath.Join(a.project.dir, "cdk.json"), []byte(`{"app": "`+app+`", "versionReporting": false}`))
}

// update deploys an assembly.
func (a account) update(t *testing.T, assembly string) error {
	t.Helper()
	a.appIs(t, assembly)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := a.cdk.Deploy(ctx)
	return err
}

// mustAnswer invokes each function by its alias, through Lambda's own API, and holds it to its answer.
func (a account) mustAnswer(t *testing.T, wrapped string) {
	t.Helper()
	for _, runtime := range []string{"python", "node", "ruby"} {
		response, err := http.Post(a.URL()+"/2015-03-31/functions/shop-"+runtime+":live/invocations", "", strings.NewReader(`{"name": "Ada"}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		response.Body.Close()
		want := `{"hello":"Ada","wrapped":"` + wrapped + `"}`
		if err != nil || response.StatusCode != http.StatusOK || strings.ReplaceAll(string(got), " ", "") != want {
			t.Errorf("%s: %s %s, %v; want %s\n%s", runtime, response.Status, got, err, want, a.NewestLines())
		}
	}
}

// mustTell invokes the functions, and waits until the invocation of each has come in as a span of a service. None is to come where the service has no name.
func (a account) mustTell(t *testing.T, wrapped, service string) {
	t.Helper()
	before := len(a.Receiver().Spans())
	a.mustAnswer(t, wrapped)
	instrumented := 0
	for _, f := range a.Deployed() {
		if f.Env["AWS_LAMBDA_EXEC_WRAPPER"] == layer.ExecWrapper {
			instrumented++
		}
	}
	if service == "" {
		if instrumented > 0 {
			t.Errorf("%d functions are still instrumented", instrumented)
		}
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), toldWithin)
	defer cancel()
	told := map[any]bool{}
	err := a.Receiver().Wait(ctx, func(spans []otlptest.Span) bool {
		clear(told)
		for _, s := range spans[before:] {
			if s.Resource["service.name"] == service {
				told[s.Resource["faas.name"]] = true
			}
		}
		return len(told) == instrumented && instrumented == 3
	})
	if err != nil {
		t.Errorf("of the %d functions, as service %s, there are spans of %v alone: %v\n%s", instrumented, service, told, err, a.NewestLines())
	}
}

// TestDeployments: an app's whole life on AWS, as far as the local one goes. Its functions answer the same at each stage, by an alias; of two wrappers either may go.
func TestDeployments(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	r := pack(t)
	p := newProject(t, r.env(t), []string{"get", modulePath + "/construct@" + r.version})
	app := filepath.Join(p.dir, "shop")
	p.run(t, "go", "build", "-o", app, ".")
	_, editions := p.synthesise(t, app, nil, "instrumented", "changed", "broken", "plain")
	a := deploy(t, p, "./shop plain")
	a.mustTell(t, "yes", "")
	for _, stage := range []struct {
		edition, wrapped, service string
		fails                     bool
	}{
		{"instrumented", "yes", "first", false},
		{"changed", "no", "second", false},
		{"broken", "no", "second", true}, // CloudFormation takes back what it has done
		{"plain", "yes", "", false},
	} {
		if err := a.update(t, filepath.Join(editions, stage.edition)); (err != nil) != stage.fails {
			t.Fatalf("%s: %v", stage.edition, err)
		}
		a.mustTell(t, stage.wrapped, stage.service)
	}
	a.mustGo(t)
}

// mustGo destroys the stacks: nothing is left of them.
func (a account) mustGo(t *testing.T) {
	t.Helper()
	if left := a.left(t); !strings.Contains(left, ":function:shop-python") || !strings.Contains(left, ":layer:") {
		t.Errorf("before it is destroyed there is but %s", left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.cdk.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	if left := a.left(t); strings.Contains(left, "arn:") {
		t.Errorf("after it was destroyed there is %s", left)
	}
}

// left is what Lambda tells of functions and layers.
func (a account) left(t *testing.T) (answers string) {
	t.Helper()
	for _, path := range []string{"/2015-03-31/functions/", "/2018-10-31/layers"} {
		response, err := http.Get(a.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		answers += string(text)
	}
	return answers
}
