package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/internal/child"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// someMiniStack starts a MiniStack that is not ours, as far as `up` can know.
func someMiniStack(t *testing.T) string {
	t.Helper()
	m, folder := toolsOf(t)
	command, err := tools.MiniStack(context.Background(), m, folder, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	server, err := localaws.Start(context.Background(), localaws.Options{Command: command, Dir: filepath.Join(t.TempDir(), "aws")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.Endpoint()
}

func toolsOf(t *testing.T) (m tools.Machine, folder string) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	m, err := tools.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := findCheckout()
	if err != nil {
		t.Fatal(err)
	}
	return m, cloud.ToolsFolder(checkout)
}

// others are moto and the AWS CLI.
func others(t *testing.T) tools.Others {
	t.Helper()
	m, folder := toolsOf(t)
	found, err := tools.Peers(context.Background(), m, folder, io.Discard)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	return found
}

// someMoto starts a moto.
func someMoto(t *testing.T) string {
	t.Helper()
	program := others(t).Moto
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	process, err := child.Start(child.Command{Name: "moto", Args: []string{program, "-H", "127.0.0.1", "-p", port}, Dir: t.TempDir(), Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Stop(child.Grace) })
	endpoint := "http://127.0.0.1:" + port
	for deadline := time.Now().Add(settleBound); ; time.Sleep(lookEvery) {
		if response, err := directClient().Get(endpoint); err == nil {
			_ = response.Body.Close()
			return endpoint
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto does not answer: %s", process.Tail())
		}
	}
}

// someFunctions makes functions at an endpoint, of the greeter's code.
func someFunctions(t *testing.T, endpoint, role string, names ...string) *lambda.Client {
	t.Helper()
	client := lambdaClient(deployed.Endpoint{URL: endpoint, Region: localaws.Region, AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey})
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.Create("index.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, greeter); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		_, err := client.CreateFunction(context.Background(), &lambda.CreateFunctionInput{
			FunctionName: aws.String(name), Runtime: types.RuntimePython313, Handler: aws.String("index.handler"), Timeout: aws.Int32(7),
			Role: aws.String(role), Code: &types.FunctionCode{ZipFile: archive.Bytes()},
			Architectures: []types.Architecture{types.Architecture(deployed.HostArchitecture())},
			Environment:   &types.Environment{Variables: map[string]string{"GREETING": "hello"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return client
}

// someRole makes a role, without which moto makes no functions.
func someRole(t *testing.T, endpoint string) string {
	t.Helper()
	command := exec.Command(others(t).AWSCLI, "--endpoint-url", endpoint, "--output", "text", "--query", "Role.Arn", "iam", "create-role", "--role-name", "test",
		"--assume-role-policy-document", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	command.Env = localaws.ClientEnv(os.Environ(), endpoint)
	arn, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(arn))
}

// configurations are all functions' configurations, as an endpoint tells them.
func configurations(t *testing.T, client *lambda.Client) string {
	t.Helper()
	out, err := client.ListFunctions(context.Background(), &lambda.ListFunctionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range out.Functions {
		variables := map[string]string{}
		if f.Environment != nil {
			variables = f.Environment.Variables
		}
		fmt.Fprintln(&text, aws.ToString(f.FunctionName), aws.ToInt32(f.Timeout), variables, aws.ToString(f.CodeSha256))
	}
	return text.String()
}

func (d *demoProcess) stop() {
	d.t.Helper()
	if err := d.command.Process.Signal(syscall.SIGINT); err != nil {
		d.t.Fatal(err)
	}
	if code := d.awaitEnd(); code != succeeded {
		d.t.Errorf("exit code %d\n%s", code, d.output())
	}
}

// TestUpAtSomebodysMiniStack: its functions run here with its triggers while `up` is up, and are as they were afterwards.
func TestUpAtSomebodysMiniStack(t *testing.T) {
	endpoint := someMiniStack(t)
	client := someFunctions(t, endpoint, "arn:aws:iam::000000000000:role/test", "greeter", "other")
	if _, err := client.CreateFunctionUrlConfig(context.Background(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String("greeter"), AuthType: types.FunctionUrlAuthTypeNone}); err != nil {
		t.Fatal(err)
	}
	asTheyWere := configurations(t, client)
	binary := buildDemo(t)
	before := childrenOf(os.Getpid())
	up := startLocal(t, binary, testRuns(t), "up", "--endpoint", endpoint)
	up.awaitLine("taken over and said here")
	t.Run("its function URL is told", func(t *testing.T) {
		told := regexp.MustCompile(`(http://127\.0\.0\.1:\d+/)  function URL of greeter`).FindStringSubmatch(up.output())
		if told == nil {
			t.Fatalf("it is not:\n%s", up.output())
		}
		if response, body := ask(t, told[1]); response.StatusCode != http.StatusOK || body != "hello nobody" {
			t.Errorf("it answers %s %q", response.Status, body)
		}
	})
	t.Run("a trigger leads here", func(t *testing.T) {
		// An asynchronous invocation at the MiniStack itself is what SNS, S3 and EventBridge make there.
		if _, err := client.Invoke(context.Background(), &lambda.InvokeInput{
			FunctionName: aws.String("greeter"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"name":"from-there"}`)}); err != nil {
			t.Fatal(err)
		}
		up.awaitLog(binary, "greeter, function: greeting {'name': 'from-there'}")
	})
	t.Run("the AWS CLI invokes", func(t *testing.T) { testAWSCLI(t, others(t).AWSCLI, up.url()) })
	t.Run("a version and an alias", func(t *testing.T) { testQualifiers(t, up.url()) })
	t.Run("a streamed answer", func(t *testing.T) { testStreamedAnswer(t, up.url()) })
	t.Run("a change past the front is noticed", func(t *testing.T) {
		if _, err := client.UpdateFunctionConfiguration(context.Background(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("other"), Environment: &types.Environment{Variables: map[string]string{"GREETING": "changed"}}}); err != nil {
			t.Fatal(err)
		}
		up.awaitLine("other: new configuration")
		if out, stderr, _ := up.local(binary, "", "invoke", "other"); out != "\"changed nobody\"\n" {
			t.Errorf("it answers %q\n%s", out, stderr)
		}
	})
	up.stop()
	if said := up.output(); !strings.Contains(said[strings.Index(said, "stopping everything"):], "greeter:1 was published while `up` was up") {
		t.Errorf("at the end nobody tells of the version that was published:\n%s", said)
	}
	asTheyWere = strings.Replace(asTheyWere, "other 7 map[GREETING:hello]", "other 7 map[GREETING:changed]", 1)
	if now := configurations(t, client); now != asTheyWere {
		t.Errorf("afterwards they are\n%swant\n%s", now, asTheyWere)
	}
	if runtime.GOOS == "linux" {
		up.mustLeaveNothing(before)
	}
}

func ask(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	response, err := directClient().Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// testAWSCLI invokes with a client that nobody here wrote.
func testAWSCLI(t *testing.T, program, endpoint string) {
	file := filepath.Join(t.TempDir(), "answer")
	command := exec.Command(program, "--endpoint-url", endpoint, "--output", "json", "lambda", "invoke", "--function-name", "greeter",
		"--log-type", "Tail", "--payload", `{"boom":"x"}`, file)
	command.Env = localaws.ClientEnv(os.Environ(), endpoint)
	text, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var told struct {
		StatusCode                                int
		FunctionError, LogResult, ExecutedVersion string
	}
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	log, _ := base64.StdEncoding.DecodeString(told.LogResult)
	answer, _ := os.ReadFile(file)
	if told.StatusCode != http.StatusOK || told.FunctionError != "Unhandled" || told.ExecutedVersion != "$LATEST" ||
		!strings.Contains(string(log), "no greeting") || !strings.Contains(string(log), "REPORT RequestId") || !strings.Contains(string(answer), `"ValueError"`) {
		t.Errorf("got %+v\n%s\n%s", told, log, answer)
	}
}

// testStreamedAnswer invokes a function whose runtime does not stream as one that streams is invoked.
func testStreamedAnswer(t *testing.T, endpoint string) {
	client := lambdaClient(deployed.Endpoint{URL: endpoint, Region: localaws.Region, AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey})
	out, err := client.InvokeWithResponseStream(context.Background(), &lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("greeter"), Payload: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.GetStream().Close()
	var got string
	for event := range out.GetStream().Events() {
		if chunk, is := event.(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk); is {
			got += string(chunk.Value.Payload)
		}
	}
	if err := out.GetStream().Err(); err != nil || got != `"hello nobody"` {
		t.Errorf("got %q, %v", got, err)
	}
}

// testQualifiers invokes a version and an alias, which keep what was published.
func testQualifiers(t *testing.T, endpoint string) {
	ctx := context.Background()
	client := lambdaClient(deployed.Endpoint{URL: endpoint, Region: localaws.Region, AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey})
	published, err := client.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: aws.String("greeter")})
	if err != nil {
		t.Fatal(err)
	}
	version := aws.ToString(published.Version)
	if _, err := client.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("greeter"), Name: aws.String("live"), FunctionVersion: published.Version}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: aws.String("greeter"), Qualifier: aws.String("live"), ProvisionedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ qualifier, payload, want string }{
		{"live", `{"how":1}`, `"hello provisioned-concurrency"`},
		{version, `{}`, `"hello nobody"`}, // not how: the one environment that is kept ready may still be busy
	} {
		out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("greeter"), Qualifier: aws.String(test.qualifier), Payload: []byte(test.payload)})
		if err != nil || string(out.Payload) != test.want || aws.ToString(out.ExecutedVersion) != version {
			t.Errorf("%s: got %+v, %v", test.qualifier, out, err)
		}
	}
	if _, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("greeter"), Qualifier: aws.String("ghost")}); err == nil ||
		!strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("an alias that is not there: got %v", err)
	}
}

// TestUpAtAnotherEndpoint: one that is no MiniStack is only read. Two runs at once have ports of their own.
func TestUpAtAnotherEndpoint(t *testing.T) {
	endpoint := someMoto(t)
	client := someFunctions(t, endpoint, someRole(t, endpoint), "greeter", "other")
	if _, err := client.AddPermission(context.Background(), &lambda.AddPermissionInput{FunctionName: aws.String("greeter"), StatementId: aws.String("s"),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com"), SourceArn: aws.String("arn:aws:s3:::uploads")}); err != nil {
		t.Fatal(err)
	}
	asTheyWere := configurations(t, client)
	code := t.TempDir()
	if err := os.WriteFile(filepath.Join(code, "index.py"), []byte(greeter), 0o644); err != nil {
		t.Fatal(err)
	}
	binary, runs := buildDemo(t), testRuns(t)
	up := startLocal(t, binary, runs, "up", "--endpoint", endpoint, "--code", "greeter="+code)
	up.awaitLine("taken over and said here")
	for _, want := range []string{"other does not run here", "--code other=FOLDER", "only MiniStack can hand invocations", "arn:aws:s3:::uploads → greeter"} {
		if !strings.Contains(up.output(), want) {
			t.Errorf("it does not say %q:\n%s", want, up.output())
		}
	}
	second := startLocal(t, binary, runs, "up", "--endpoint", endpoint, "--code", "greeter="+code)
	second.awaitLine("taken over and said here")
	if up.url() == second.url() {
		t.Errorf("both are at %s", up.url())
	}
	for _, d := range []*demoProcess{up, second} {
		if out, stderr, _ := d.local(binary, "", "invoke", "greeter"); out != "\"hello nobody\"\n" {
			t.Errorf("it answers %q\n%s", out, stderr)
		}
	}
	if out, err := exec.Command(binary, "invoke", "--runs", runs, "greeter").CombinedOutput(); err == nil || !strings.Contains(string(out), up.runDir) ||
		!strings.Contains(string(out), second.runDir) {
		t.Errorf("which of two is not asked: %v\n%s", err, out)
	}
	up.stop()
	second.stop()
	if now := configurations(t, client); now != asTheyWere {
		t.Errorf("afterwards they are\n%swant\n%s", now, asTheyWere)
	}
}

// TestUpForAnAppWithAnAccountAndARegion: the local AWS stands for both, and who has not said so is told how.
func TestUpForAnAppWithAnAccountAndARegion(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	t.Setenv("TEST_ENVIRONMENT", "aws://123456789012/eu-west-1")
	app := newTestApp(t, map[string]any{"Where": map[string]any{"code": `def handler(event, context): return context.invoked_function_arn`}})
	binary := buildDemo(t)
	up := startLocal(t, binary, testRuns(t), "up", "--app", app.dir, "--account", "123456789012", "--region", "eu-west-1")
	up.awaitLine("taken over and said here")
	if out, stderr, _ := up.local(binary, "", "invoke", "where"); out != "\"arn:aws:lambda:eu-west-1:123456789012:function:test-where\"\n" {
		t.Errorf("it answers %q\n%s", out, stderr)
	}
	app.write(t, map[string]any{"Where": map[string]any{"code": `def handler(event, context): return 2`}})
	if out, stderr, code := up.local(binary, "", "deploy"); code != succeeded {
		t.Errorf("deploy: exit code %d\n%s%s", code, out, stderr)
	}
	up.awaitLine("test-where: new code")
	up.stop()

	without := startLocal(t, binary, testRuns(t), "up", "--app", app.dir)
	if code := without.awaitEnd(); code != failed || !strings.Contains(without.output(), "by --account and --region") {
		t.Errorf("exit code %d\n%s", code, without.output())
	}
}

// TestUpTellsWhatIsWrong: each in the user's words, with what to do.
func TestUpTellsWhatIsWrong(t *testing.T) {
	needMachine(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	failing := newTestApp(t, map[string]any{"fail": "the stack needs a name"})
	tests := []struct {
		name  string
		args  []string
		env   string
		short bool // it is told before anything is started
		want  []string
	}{
		{"no cdk.json", []string{"--app", t.TempDir()}, "", true, []string{"there is no cdk.json", "--app", "--endpoint"}},
		{"nobody at the endpoint", []string{"--endpoint", "http://127.0.0.1:1"}, "", true, []string{"http://127.0.0.1:1 does not answer", "is it running?"}},
		{"nobody at the environment's", nil, "http://127.0.0.1:1", true, []string{"does not answer", "unset"}},
		{"a real account", []string{"--endpoint", "https://lambda.eu-west-1.amazonaws.com"}, "", true, []string{"real AWS account", "--read-aws"}},
		{"an argument too many", []string{"everything"}, "", true, []string{`up takes no "everything"`}},
		{"a port that is taken", []string{"--app", failing.dir, "--port", port}, "", false, []string{"port " + port + " is taken"}},
		{"an app that fails", []string{"--app", failing.dir}, "", false, []string{"cdk deploy", "the stack needs a name"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !test.short && testing.Short() {
				t.Skip("SKIPPED: -short")
			}
			t.Setenv("AWS_ENDPOINT_URL", test.env)
			runs := testRuns(t)
			ctx, cancel := context.WithTimeout(context.Background(), interruptBound)
			defer cancel()
			var stdout, stderr strings.Builder
			code := run(ctx, ctx, append([]string{"up", "--runs", runs}, test.args...), strings.NewReader(""), &stdout, &stderr)
			if code == succeeded || code == interrupted {
				t.Errorf("exit code %d", code)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("it does not say %q:\n%s", want, stderr.String())
				}
			}
			if left, _ := filepath.Glob(filepath.Join(runs, "run-*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
