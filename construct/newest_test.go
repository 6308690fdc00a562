package construct

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// envNewest tells the tests that they are those that TestNewestCDK runs.
const envNewest = "AFTERGLOW_TEST_NEWEST_CDK"

// newest are the modules that the newest CDK comes with; go.mod has the oldest, because a module that wants more takes the choice from its users.
var newest = []string{
	"github.com/aws/aws-cdk-go/awscdk/v2@v2.270.0", "github.com/aws/constructs-go/constructs/v10@v10.6.0", "github.com/aws/jsii-runtime-go@v1.139.0",
	"github.com/cdklabs/awscdk-asset-awscli-go/awscliv1/v2@v2.2.292", "github.com/cdklabs/awscdk-asset-node-proxy-agent-go/nodeproxyagentv6/v2@v2.1.2",
	"github.com/cdklabs/cloud-assembly-schema-go/awscdkcloudassemblyschema/v54@v54.11.0",
	// For nag_test.go alone, which is compiled with it: neither go.mod nor a user of the library knows of it.
	"github.com/cdklabs/cdk-nag-go/cdknag/v2@v2.28.0",
}

// TestNewestCDK runs all tests of this package with the newest CDK.
func TestNewestCDK(t *testing.T) {
	if os.Getenv(envNewest) != "" {
		t.Skip("these are the tests with the newest CDK")
	}
	mod := filepath.Join(t.TempDir(), "newest.mod")
	for from, to := range map[string]string{"../go.mod": mod, "../go.sum": filepath.Join(filepath.Dir(mod), "newest.sum")} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit := []string{"mod", "edit", "-droprequire=github.com/cdklabs/cloud-assembly-schema-go/awscdkcloudassemblyschema/v44"}
	for _, module := range newest {
		edit = append(edit, "-require="+module)
	}
	for _, args := range [][]string{append(edit, mod), {"test", "-modfile=" + mod, "-mod=mod", "-tags=newest", "-count=1", "."}} {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Env = append(os.Environ(), envNewest+"=1")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args[:2], err, out)
		}
	}
}
