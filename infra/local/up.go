package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/control"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
)

// up is a run that stays until Ctrl-C.
type up struct {
	call
	opt     cloud.Options
	region  string // that was named; "" if none was
	fromEnv bool   // the endpoint was not named by a flag
}

func runUp(ctx context.Context, c call, args []string) error {
	u := up{call: c, opt: cloud.Options{Checkout: c.checkout, Code: map[string]string{}}}
	flags := c.flags("up", &u.opt.Runs)
	flags.StringVar(&u.opt.App, "app", ".", "`folder` of the cdk.json")
	flags.IntVar(&u.opt.Port, "port", 0, "port of the AWS endpoint on loopback; 0 takes a free one")
	flags.IntVar(&u.opt.Environments, "environments", cloud.DefaultEnvironments, "how many environments of a function run at once; 1 if something in them listens on a fixed port")
	flags.Float64Var(&u.opt.RetrySpeed, "retry-speed", 1, "how many times faster than on Lambda asynchronous invocations that failed are tried again (Lambda waits one and two minutes)")
	flags.StringVar(&u.opt.Endpoint, "endpoint", "", "`URL` of an AWS-compatible endpoint to take functions from; nothing is started or deployed (default $AWS_ENDPOINT_URL)")
	flags.StringVar(&u.opt.Account, "account", "", "`account` that the local AWS stands for, if the app names one")
	flags.StringVar(&u.region, "region", "", "`region` of the functions (default $AWS_REGION with an endpoint, else us-east-1)")
	flags.BoolVar(&u.opt.ReadAWS, "read-aws", false, "the endpoint may be a real AWS account: read its functions, change nothing")
	flags.BoolVar(&u.opt.Nearest, "nearest", false, "run a function whose runtime is missing here on the nearest version that is not")
	flags.Func("code", "`NAME=FOLDER`: take this folder as the code of a function or layer, not what the endpoint has; may be given again", u.addCode)
	others, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return c.misuse("up takes no %q", others[0])
	}
	if u.opt.Environments < 1 || u.opt.RetrySpeed <= 0 {
		return c.misuse("--environments and --retry-speed have to be more than zero")
	}
	if u.opt.Endpoint == "" {
		u.opt.Endpoint = os.Getenv("AWS_ENDPOINT_URL")
		u.fromEnv = u.opt.Endpoint != ""
	}
	u.opt.Endpoint = strings.TrimSuffix(u.opt.Endpoint, "/")
	if u.opt.App, err = filepath.Abs(u.opt.App); err != nil {
		return fmt.Errorf("find the app: %w", err)
	}
	if u.opt.Runs, err = filepath.Abs(u.opt.Runs); err != nil { // it is named to other terminals
		return fmt.Errorf("find the folder of runs: %w", err)
	}
	return u.run(ctx)
}

func (u up) addCode(text string) error {
	name, folder, ok := strings.Cut(text, "=")
	if !ok || name == "" || folder == "" {
		return errors.New("it has to be NAME=FOLDER")
	}
	u.opt.Code[name] = folder
	return nil
}

func (u up) run(ctx context.Context) (err error) {
	steps := cloud.Steps
	if u.opt.Endpoint != "" {
		steps = cloud.EndpointSteps
		u.opt.Credentials = credentialsOf(os.Getenv)
	}
	if u.region != "" {
		u.opt.Credentials.Region = u.region
	}
	log := progress.New(u.stdout, steps+1)
	u.opt.Log = log
	u.opt.Refused = func(function string, reason error) {
		log.Note("%s does not run here: %s", function, firstLine(reason))
	}
	u.opt.Changed = func(what string) { log.Print(time.Now().Format("15:04:05") + " " + what + "\n") }
	c, err := cloud.Up(ctx, u.opt)
	if err != nil {
		if u.fromEnv {
			err = fmt.Errorf("%w (the endpoint is from AWS_ENDPOINT_URL: unset it to have a local AWS started)", err)
		}
		return err
	}
	defer func() { err = errors.Join(err, bringDown(u.hurry, log, c)) }() //nolint:contextcheck // ctx has ended by then
	addresses, err := c.Addresses(ctx)
	if err != nil {
		log.Note("%s", firstLine(err)) // all else works
	}
	log.Print(u.howTo(c, addresses))
	select {
	case <-ctx.Done(): // Ctrl-C is how it is meant to end
		return nil
	case <-c.Done():
		return errEnded
	}
}

// bringDown ends what is up, bounded by hurry.
func bringDown(hurry context.Context, log *progress.Log, c *cloud.Cloud) error {
	return log.Do("stopping everything", func(*progress.Step) (string, error) {
		ctx, cancel := context.WithTimeout(hurry, downWithin)
		defer cancel()
		return "everything that was started has ended", c.Down(ctx)
	})
}

// credentialsOf takes the user's credentials from the environment, or dummy ones, which is all that a local endpoint wants.
func credentialsOf(env func(string) string) cloud.Credentials {
	who := cloud.Credentials{
		Region: env("AWS_REGION"), AccessKey: env("AWS_ACCESS_KEY_ID"), SecretKey: env("AWS_SECRET_ACCESS_KEY"), SessionToken: env("AWS_SESSION_TOKEN"),
	}
	if who.Region == "" {
		who.Region = env("AWS_DEFAULT_REGION")
	}
	if who.Region == "" {
		who.Region = localaws.Region
	}
	if who.AccessKey == "" {
		who.AccessKey, who.SecretKey, who.SessionToken = localaws.AccessKey, localaws.SecretKey, ""
	}
	return who
}

// howTo tells what is up and how to use it.
func (u up) howTo(c *cloud.Cloud, addresses []deployed.Address) string {
	var text strings.Builder
	status := c.Status()
	if functions := c.Functions(); len(functions) > 0 {
		fmt.Fprintf(&text, "\nUp at %s until Ctrl-C, with\n", c.URL())
		for _, f := range status.Functions {
			if f.Problem == "" {
				fmt.Fprintf(&text, "  %s (%s)\n", f.Name, runtimeOf(f))
			}
		}
		text.WriteString(called(c.Outputs(), addresses))
		fmt.Fprintf(&text, "\nFrom another terminal:\n  go run ./infra/local invoke%s %s --payload '{}'\n", u.runsFlag(), functions[0])
	} else {
		fmt.Fprintf(&text, "\nUp at %s until Ctrl-C, without a function so far.\n\nFrom another terminal:\n", c.URL())
	}
	fmt.Fprintf(&text, "  go run ./infra/local logs%[1]s -f\n  go run ./infra/local flow%[1]s -f\n", u.runsFlag())
	if c.Kind() == cloud.KindOwn {
		fmt.Fprintf(&text, "  go run ./infra/local deploy%s%s\n", u.runsFlag(), u.appFlag())
	}
	text.WriteString(notBrought(c))
	if c.Kind() != cloud.KindAWS {
		text.WriteString("\nWith the AWS CLI, the CDK or an SDK:\n")
		writeExports(&text, c.URL(), localaws.Place{Account: status.Account, Region: status.Region})
	}
	text.WriteString("\nWhat is deployed anew is taken over and said here.\n")
	if c.Kind() == cloud.KindAWS {
		text.WriteString("A real account is not asked again and again: what is deployed anew there is not noticed.\n")
	}
	text.WriteString("\n")
	return text.String()
}

// called tells what of the app can be called, and its outputs, by addresses that work on this machine.
func called(outputs map[string]string, addresses []deployed.Address) string {
	var text strings.Builder
	if len(addresses) > 0 {
		text.WriteString("\nTo be called, with curl or a browser, at\n")
	}
	for _, address := range addresses {
		fmt.Fprintf(&text, "  %s  %s\n", address.URL, address.What)
	}
	if len(outputs) > 0 {
		text.WriteString("\nOutputs of the app, with this machine's addresses\n")
	}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		fmt.Fprintf(&text, "  %s = %s\n", name, outputs[name])
	}
	return text.String()
}

// runtimeOf names the runtime that a function really runs on.
func runtimeOf(f control.Function) string {
	if f.RunsOn != f.Runtime {
		return f.RunsOn + " in place of " + f.Runtime
	}
	return f.Runtime
}

func (u up) appFlag() string {
	if u.opt.App == u.checkout {
		return ""
	}
	return " --app " + word(u.opt.App)
}

// runsFlag is what other commands need to find this run.
func (u up) runsFlag() string {
	if u.opt.Runs == cloud.DefaultRuns(u.checkout) {
		return ""
	}
	return " --runs " + word(u.opt.Runs)
}

// word is a text as one word of a shell.
func word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[\w./:@%+=-]+$`)

// notBrought tells which triggers stay where they are.
func notBrought(c *cloud.Cloud) string {
	if c.Kind() == cloud.KindOwn || c.Kind() == cloud.KindMiniStack {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nThe endpoint is %s: only MiniStack can hand invocations to another process, and the endpoint is not changed.\n", c.Kind())
	triggers := c.Triggers()
	if len(triggers) == 0 {
		text.WriteString("So no trigger leads here; invoke functions directly.\n")
		return text.String()
	}
	text.WriteString("So these triggers do not lead here; invoke their functions directly:\n")
	for _, t := range triggers {
		fmt.Fprintf(&text, "  %s → %s\n", t.From, t.Function)
	}
	return text.String()
}

// writeExports writes what clients of the endpoint need. Version 1 of the AWS CLI knows AWS_DEFAULT_REGION only; in
// version 2 AWS_REGION goes before it.
func writeExports(w io.Writer, url string, place localaws.Place) {
	fmt.Fprintf(w, "  export AWS_ENDPOINT_URL=%s AWS_REGION=%[2]s AWS_DEFAULT_REGION=%[2]s AWS_ACCESS_KEY_ID=%[3]s AWS_SECRET_ACCESS_KEY=%[4]s\n",
		url, place.OrDefault().Region, place.Key(), localaws.SecretKey)
}

// firstLine is an error's first line: the rest of it is for logs.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
