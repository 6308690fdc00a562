package main

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
)

// TestDownSetsBackWhatAKilledRunRedirected, and tells of a version that was published meanwhile; through what `up` prints neither is seen
// with what was changed for it.
func TestDownSetsBackWhatAKilledRunRedirected(t *testing.T) {
	endpoint := someMiniStack(t)
	client := someFunctions(t, endpoint, "arn:aws:iam::000000000000:role/test", "greeter", "other")
	asTheyWere := configurations(t, client)
	binary := buildDemo(t)
	up := startLocal(t, binary, testRuns(t), "up", "--endpoint", endpoint)
	up.awaitLine("taken over and said here")
	if configurations(t, client) == asTheyWere {
		t.Fatal("nothing leads to up: the test tests nothing")
	}
	through := lambdaClient(deployed.Endpoint{URL: up.url(), Region: localaws.Region, AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey})
	if seen := configurations(t, through); seen != asTheyWere {
		t.Errorf("through up they look like\n%swant\n%s", seen, asTheyWere)
	}
	published, err := through.PublishVersion(context.Background(), &lambda.PublishVersionInput{FunctionName: aws.String("greeter")})
	if err != nil {
		t.Fatal(err)
	}
	if len(published.Environment.Variables) != 1 || aws.ToInt32(published.Timeout) != 7 {
		t.Errorf("the version looks like %v, %d s", published.Environment.Variables, aws.ToInt32(published.Timeout))
	}
	up.awaitLine("greeter:1 was published while `up` was up")
	if err := up.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	up.awaitEnd()
	out, stderr, code := up.local(binary, "", "down")
	if code != succeeded {
		t.Errorf("down: exit code %d\n%s", code, stderr)
	}
	for _, want := range []string{"greeter:1 was published while `up` was up", "lead where they led before: 2", "stopped 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q: %s", want, out)
		}
	}
	if now := configurations(t, client); now != asTheyWere {
		t.Errorf("afterwards they are\n%swant\n%s", now, asTheyWere)
	}
}
