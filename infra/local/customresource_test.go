package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// TestUpWithCustomResources: an app that needs custom resources comes up, because what CloudFormation invokes while it deploys
// runs here too, and an S3 event arrives at the function that was subscribed by one of them.
func TestUpWithCustomResources(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	if deployed.HostArchitecture() != "x86_64" {
		t.Skip("SKIPPED: the CDK deploys the functions of its custom resources for x86_64")
	}
	app, err := filepath.Abs(filepath.Join("testdata", "customresources"))
	if err != nil {
		t.Fatal(err)
	}
	binary := buildDemo(t)
	up := startLocal(t, binary, testRuns(t), "up", "--app", app)
	up.awaitLine("taken over and said here")
	log, err := os.ReadFile(filepath.Join(up.runDir, "cdk.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"PythonAnswer = from Python", "NodeAnswer = from Node.js", "FrameworkAnswer = from a provider", "CallAnswer = 000000000000",
	} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the deploy does not tell %q:\n%s", want, log)
		}
	}
	put, err := http.NewRequest(http.MethodPut, up.url()+"/uploads/picture", strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := directClient().Do(put)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	up.awaitLog(binary, "uploaded picture")
	up.stop()
}

// TestUpWithACustomResourceThatFails: the deploy ends at once, with the function's name and what is wrong with it.
func TestUpWithACustomResourceThatFails(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	binary := buildDemo(t)
	tests := []struct {
		name     string
		function map[string]any
		want     []string
	}{
		{"cannot run here", map[string]any{"properties": map[string]any{"Runtime": "cobol85"}}, []string{"test-broken", "cobol85", "Lambda has no such runtime"}},
		{"raises before it answers", map[string]any{"code": `def handler(event, context): raise ValueError("no answer from me")`},
			[]string{"test-broken failed: ValueError: no answer from me"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.function["custom"] = true
			app := newTestApp(t, map[string]any{"Broken": test.function})
			up := startLocal(t, binary, testRuns(t), "up", "--app", app.dir)
			if code := up.awaitEnd(); code != failed {
				t.Errorf("exit code %d", code)
			}
			for _, want := range test.want {
				if !strings.Contains(up.output(), want) {
					t.Errorf("it does not tell %q:\n%s", want, up.output())
				}
			}
		})
	}
}
