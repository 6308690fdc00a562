package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

// CDK is the CDK CLI, pointed at a local AWS.
type CDK struct {
	Command  []string // that runs the CLI
	Endpoint string   // of the local AWS
	App      string   // folder of cdk.json
	Dir      string   // for the cloud assembly and the outputs
	Cache    string   // for what the CLI and jsii keep from run to run; "" means where they like, below the user's home
	Output   io.Writer
	Place    // of the local AWS
}

// Bootstrap runs `cdk bootstrap`.
func (c CDK) Bootstrap(ctx context.Context) error {
	// Not in the app's folder: there the CLI would synthesize the app first, for nothing.
	dir := filepath.Join(c.Dir, "bootstrap")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cdk bootstrap: make folder: %w", err)
	}
	place := c.OrDefault()
	return c.run(ctx, dir, "bootstrap", "aws://"+place.Account+"/"+place.Region)
}

// Deploy runs `cdk deploy` of the stacks that args name, or of every stack of the app, and returns the stacks' outputs.
func (c CDK) Deploy(ctx context.Context, args ...string) (map[string]map[string]string, error) {
	outputs := filepath.Join(c.Dir, "outputs.json")
	if !namesStacks(args) {
		args = append([]string{"--all"}, args...) // with which the CLI takes no names
	}
	args = append([]string{"--require-approval", "never", "--progress", "events",
		"--output", c.Assembly(), "--outputs-file", outputs}, args...)
	if err := c.run(ctx, c.App, "deploy", args...); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(outputs)
	if err != nil {
		return nil, fmt.Errorf("cdk deploy: read outputs: %w", err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(text, &stacks); err != nil {
		return nil, fmt.Errorf("cdk deploy: read outputs: %w", err)
	}
	return stacks, nil
}

// Destroy runs `cdk destroy` of every stack of the app.
func (c CDK) Destroy(ctx context.Context) error {
	return c.run(ctx, c.App, "destroy", "--all", "--force", "--output", c.Assembly())
}

// valued are the options of `cdk deploy` that take a value from the next argument (`cdk deploy --help`).
const valued = " --app -a --build-exclude -E --ca-bundle-path --change-set-name --concurrency --context -c --method -m --notification-arns --output -o " +
	"--outputs-file -O --parameters --plugin -p --profile --progress --proxy --require-approval --role-arn -r --tags -t " +
	"--toolkit-bucket-name --toolkit-stack-name --unstable "

// namesStacks tells whether arguments of `cdk deploy` say which stacks are meant.
func namesStacks(args []string) bool {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--all":
			return true
		case strings.Contains(valued, " "+arg+" "):
			i++
		case !strings.HasPrefix(arg, "-"):
			if i == 0 || arg != "true" && arg != "false" { // `--rollback false`
				return true
			}
		}
	}
	return false
}

// Assembly is the folder of the synthesized templates and assets.
func (c CDK) Assembly() string { return filepath.Join(c.Dir, "cdk.out") }

func (c CDK) run(ctx context.Context, dir, verb string, args ...string) error {
	all := append(append([]string{}, c.Command...), verb)
	all = append(all, args...)
	all = append(all, "--ci", "--no-notices") // all to stdout; no look at the internet for news
	// jsii and the layer's build clear their temporary files when they end, but not when they are killed.
	tmp := filepath.Join(c.Dir, "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("cdk %s: make folder: %w", verb, err)
	}
	env := append(ClientEnv(os.Environ(), c.Endpoint),
		"TMPDIR="+tmp,
		"AWS_REGION="+c.OrDefault().Region, "AWS_DEFAULT_REGION="+c.OrDefault().Region, "AWS_ACCESS_KEY_ID="+c.Key(),
		"CDK_DISABLE_CLI_TELEMETRY=true",
		// Both tell everyone on an older Node.js to move on, at every run. jsii wants the major versions named.
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20,22,24",
		"NODE_NO_WARNINGS=1",
	)
	if c.Cache != "" {
		env = append(env, "CDK_HOME="+filepath.Join(c.Cache, "cdk"), "JSII_RUNTIME_PACKAGE_CACHE_ROOT="+filepath.Join(c.Cache, "jsii"))
	}
	return child.Run(ctx, child.Command{Name: "cdk " + verb, Args: all, Dir: dir, Env: env, Output: c.Output})
}

// ClientEnv is an environment for a client of the local AWS: the given one without anything that
// could lead to a real account, and with the endpoint.
func ClientEnv(base []string, endpoint string) []string {
	var env []string
	noProxy := host
	for _, entry := range base {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "AWS_"), strings.HasPrefix(name, "CDK_"), name == "NODE_OPTIONS":
			continue
		case strings.EqualFold(name, "no_proxy"):
			noProxy += "," + value
			continue
		}
		env = append(env, entry)
	}
	return append(env,
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_ACCESS_KEY_ID="+AccessKey,
		"AWS_SECRET_ACCESS_KEY="+SecretKey,
		"AWS_REGION="+Region,
		"AWS_DEFAULT_REGION="+Region,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY="+noProxy, "no_proxy="+noProxy,
	)
}
