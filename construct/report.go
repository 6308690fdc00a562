package construct

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// reportName is the report's file in the cloud assembly.
const reportName = "afterglow-report"

// A reporter writes what became of each function of a sweep. It is a validation, because those run when all aspects have; it finds nothing wrong.
type reporter struct {
	sweep  *sweep
	stderr io.Writer
}

// Validate implements constructs.IValidation.
func (r *reporter) Validate() *[]*string {
	defer tell(r.sweep.scope)
	missed := r.missed()
	outcomes := append(slices.Clone(r.sweep.outcomes), missed...)
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.Path, b.Path) })
	if err := r.write(outcomes); err != nil {
		awscdk.Annotations_Of(r.sweep.scope).AddWarningV2(jsii.String("@afterglow-lambda/construct:noReport"), jsii.String("Afterglow cannot write its report: "+err.Error()))
	}
	instrumented := 0
	for _, o := range outcomes {
		if o.Instrumented {
			instrumented++
		}
	}
	fmt.Fprintf(r.stderr, "afterglow: %s: %d of %d functions instrumented%s\n", r.name("the app"), instrumented, len(outcomes), map[bool]string{true: "; why not the others: " + r.file()}[instrumented < len(outcomes)])
	return &[]*string{}
}

// missed finds functions in Stages that came after InstrumentAll.
func (r *reporter) missed() (all []outcome) {
	for _, stage := range stagesIn(r.sweep.scope) {
		if has(stage.Node(), metaInstrumentAll) {
			continue
		}
		found := 0
		for _, c := range *stage.Node().FindAll(constructs.ConstructOrder_PREORDER) {
			if cfn, ok := c.(awslambda.CfnFunction); ok {
				found++
				all = append(all, outcome{Path: targetOf(cfn).path, Why: "its Stage was made after InstrumentAll was called", Remedy: "Call InstrumentAll behind it, or with the Stage"})
			}
		}
		if found > 0 {
			awscdk.Annotations_Of(r.sweep.scope).AddWarningV2(jsii.String("@afterglow-lambda/construct:stageMissed"), jsii.String(fmt.Sprintf(
				"Afterglow leaves the %d functions of Stage %s as they are: it was made after InstrumentAll was called. Call InstrumentAll behind it, or with the Stage.", found, *stage.Node().Path())))
		}
	}
	return all
}

// name is the scope's path, or what stands for the app's, which is empty.
func (r *reporter) name(app string) string { return cmp.Or(r.sweep.path, app) }

// file is where the report goes.
func (r *reporter) file() string {
	name := deref(r.sweep.props.ReportFile)
	if name == "" {
		name = reportName + ".json"
		if r.sweep.path != "" {
			name = reportName + "-" + strings.ReplaceAll(r.sweep.path, "/", "-") + ".json"
		}
	}
	stage, ok := r.sweep.scope.(awscdk.Stage) // Stage_Of a stage is the one around it
	if !ok {
		stage = awscdk.Stage_Of(r.sweep.scope)
	}
	return filepath.Join(*stage.Outdir(), name)
}

func (r *reporter) write(outcomes []outcome) error {
	text, err := json.MarshalIndent(map[string]any{"functions": outcomes}, "", "  ")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := os.WriteFile(r.file(), append(text, '\n'), 0o644); err != nil { //nolint:gosec // as the templates beside it
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
