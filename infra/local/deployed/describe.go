package deployed

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// Fingerprint changes whenever what runs has to be started anew. It does not change when we redirect a function:
// LastModified and RevisionId do, so it is made of what they stand for.
type Fingerprint struct {
	Code, Layers, Configuration string
}

// Differs names what differs, in words for people.
func (f Fingerprint) Differs(from Fingerprint) string {
	var what []string
	for _, part := range []struct{ name, a, b string }{
		{"code", f.Code, from.Code}, {"layers", f.Layers, from.Layers}, {"configuration", f.Configuration, from.Configuration},
	} {
		if part.a != part.b {
			what = append(what, part.name)
		}
	}
	return strings.Join(what, ", ")
}

// Seen is what a look at an endpoint tells of a function.
type Seen struct {
	Name        string
	Fingerprint Fingerprint
	Redirect    string // where MiniStack sends its invocations; "" if nowhere
}

func (c *Client) seen(config *types.FunctionConfiguration) Seen {
	f := c.describe(config)
	var layers []string
	for _, layer := range config.Layers {
		layers = append(layers, aws.ToString(layer.Arn))
	}
	s := Seen{Name: f.Name, Fingerprint: Fingerprint{
		Code:          aws.ToString(config.CodeSha256) + string(config.PackageType),
		Layers:        strings.Join(layers, " "),
		Configuration: digest(f),
	}}
	if config.Environment != nil {
		s.Redirect = config.Environment.Variables[proxyVariable]
	}
	return s
}

func digest(f Function) string {
	text, err := json.Marshal(f) // maps are written in order of their keys
	if err != nil {
		text = []byte(fmt.Sprintf("%+v", f)) // cannot happen with these types
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// describe is describe, for a function that we may have redirected. Who deploys it anew takes the address out, and the
// timeout that it keeps with it, but need not name a timeout: then it is still the one that we have set.
func (c *Client) describe(config *types.FunctionConfiguration) Function {
	f := describe(config)
	c.stretchedMu.Lock()
	defer c.stretchedMu.Unlock()
	if s, known := c.stretched[f.Name]; known && f.Timeout == s.to {
		f.Timeout = s.from
	}
	return f
}

// describe turns AWS's words into ours. The proxy variable is taken out of what the function sees, and
// the timeout that it keeps is put back.
func describe(config *types.FunctionConfiguration) Function {
	f := Function{Function: lambdalocal.Function{
		Name:     aws.ToString(config.FunctionName),
		Version:  aws.ToString(config.Version),
		ARN:      aws.ToString(config.FunctionArn),
		Handler:  aws.ToString(config.Handler),
		Runtime:  string(config.Runtime),
		MemoryMB: int(aws.ToInt32(config.MemorySize)),
		Timeout:  time.Duration(aws.ToInt32(config.Timeout)) * time.Second,
		Env:      map[string]string{},
	}}
	// arn:aws:lambda:region:account:function:name
	if parts := strings.Split(f.ARN, ":"); len(parts) > 5 {
		f.Region, f.Account = parts[3], parts[4]
	}
	if config.Environment != nil {
		for name, value := range config.Environment.Variables {
			f.Env[name] = value
		}
	}
	if own, redirected := ownTimeout(f.Env[proxyVariable]); redirected {
		f.Timeout = own
	}
	delete(f.Env, proxyVariable)
	f.Architecture = string(types.ArchitectureX8664) // Lambda's own default
	if len(config.Architectures) > 0 {
		f.Architecture = string(config.Architectures[0])
	}
	if config.LoggingConfig != nil {
		f.LogFormat = string(config.LoggingConfig.LogFormat)
	}
	if config.EphemeralStorage != nil {
		f.EphemeralMB = int(aws.ToInt32(config.EphemeralStorage.Size))
	}
	f.InitType, f.MaxConcurrency = initType(config)
	f.Tenants = config.TenancyConfig != nil && config.TenancyConfig.TenantIsolationMode == types.TenantIsolationModePerTenant
	f.Problem = problem(config, f)
	return f
}

// initType tells how a function's environments come to be. SnapStart is for published versions only
// (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html).
func initType(config *types.FunctionConfiguration) (kind lambdalocal.InitType, concurrency int) {
	switch {
	case config.CapacityProviderConfig != nil:
		if own := config.CapacityProviderConfig.LambdaManagedInstancesCapacityProviderConfig; own != nil {
			concurrency = int(aws.ToInt32(own.PerExecutionEnvironmentMaxConcurrency))
		}
		return lambdalocal.ManagedInstances, concurrency
	case config.SnapStart != nil && config.SnapStart.ApplyOn == types.SnapStartApplyOnPublishedVersions && aws.ToString(config.Version) != latest:
		return lambdalocal.SnapStart, 0
	}
	return lambdalocal.OnDemand, 0
}

// latest is the version that can still change.
const latest = "$LATEST"

// problem is why a function cannot run on this machine, whatever is installed.
func problem(config *types.FunctionConfiguration, f Function) error {
	own := HostArchitecture()
	switch {
	case config.PackageType == types.PackageTypeImage:
		return fmt.Errorf("it is a container image, which the local Lambda cannot run: deploy it as a zip package")
	case f.Architecture != own:
		return fmt.Errorf("it is deployed for %s and this machine is %s: deploy it for %s", f.Architecture, own, own)
	}
	return nil
}

// ownTimeout is the function's own timeout, which the address that it was redirected to keeps.
func ownTimeout(address string) (time.Duration, bool) {
	proxy, err := url.Parse(address)
	if err != nil || address == "" {
		return 0, false
	}
	own, err := time.ParseDuration(proxy.Query().Get(timeoutParameter))
	return own, err == nil
}
