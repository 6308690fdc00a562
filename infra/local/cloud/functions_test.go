package cloud

import (
	"io"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// A function that cannot run here is refused with its name, its runtime and what would help.
func TestAFunctionWithoutItsRuntimeIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, runtime string
		says          []string
	}{
		{"nothing of its family can be had", "java21", []string{"function orders: ", "find runtime java21: ", "missing", "install with: "}},
		{"not known", "cobol85", []string{"function orders: ", "find runtime cobol85: ", "known are python3.9, "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir()) // nothing that installs something
			t.Setenv("HOME", t.TempDir())
			t.Setenv("JAVA_HOME", "")
			cloud := &Cloud{opt: Options{Checkout: t.TempDir()}, runtimes: map[string]runtimes.Runtime{}}
			orders := deployed.Function{Function: lambdalocal.Function{Name: "orders", Runtime: c.runtime}}
			err := progress.New(io.Discard, 1).Do("finding runtimes", func(s *progress.Step) (string, error) {
				_, err := cloud.adopt(t.Context(), orders, s)
				return "", err
			})
			if err == nil {
				t.Fatal("it is not refused")
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}
