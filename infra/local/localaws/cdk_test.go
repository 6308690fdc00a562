package localaws

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeployNamesStacks runs a CLI that notes what it is asked: --all and a stack's name do not go together.
func TestDeployNamesStacks(t *testing.T) {
	tests := []struct {
		name, args string
		all        bool
	}{
		{"nothing", "", true},
		{"a stack", "Orders", false},
		{"a stack behind a context", "-c x=y Orders", false},
		{"a context", "--context architecture=arm64 -c x=y", true},
		{"an option without a value", "--hotswap", true},
		{"an option without a value and a stack", "--hotswap Orders", false},
		{"a value behind an equals sign", "--parameters=A=B", true},
		{"a value that is a word", "--rollback false", true},
		{"all by name", "Shop/*", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			const cli = `printf '%s ' "$@" > "$0.asked"
while [ "$1" != --outputs-file ]; do shift; done
echo '{"Orders":{"Url":"u"}}' > "$2"`
			script := filepath.Join(dir, "cdk")
			if err := os.WriteFile(script, []byte(cli), 0o644); err != nil {
				t.Fatal(err)
			}
			stacks, err := CDK{Command: []string{"sh", script}, App: dir, Dir: dir, Output: io.Discard}.Deploy(t.Context(), strings.Fields(test.args)...)
			if err != nil || stacks["Orders"]["Url"] != "u" {
				t.Fatalf("got %v, %v", stacks, err)
			}
			asked, _ := os.ReadFile(script + ".asked")
			if !strings.Contains(string(asked), test.args) || strings.Contains(string(asked), "--all") != test.all {
				t.Errorf("the CLI was asked %q", asked)
			}
		})
	}
}

func TestDeployAllByTheUser(t *testing.T) {
	if !namesStacks([]string{"--all"}) {
		t.Error("--all would be given twice")
	}
}
