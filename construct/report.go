package construct

import (
	"cmp"
	"crypto/sha256"
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
	done   bool
}

// Validate implements constructs.IValidation.
func (r *reporter) Validate() *[]*string {
	r.sweep.begun = true // aspects come before validations of the same Stage
	r.report()
	return &[]*string{}
}

// A belated is the reporter as a validation of the app, which comes after those of its Stages.
type belated struct{ of *reporter }

// Validate implements constructs.IValidation.
func (b *belated) Validate() *[]*string {
	b.of.report()
	return &[]*string{}
}

// report writes the report, once.
func (r *reporter) report() {
	defer tell(r.sweep.scope)
	if r.done {
		return
	}
	r.done = true
	outcomes := append(slices.Clone(r.sweep.outcomes), r.missed()...)
	for n, o := range outcomes {
		if o.Why == ownSettings {
			outcomes[n] = outcomeOfOwn(o)
		}
	}
	if !r.sweep.begun { // the scope's Stage was synthesised, and its templates are written
		outcomes = r.late(r.sweep.scope, "was synthesised before InstrumentAll was called, as a CodePipeline's AddStage does", "Call InstrumentAll with the Stage, or the app, before AddStage")
	}
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.Path, b.Path) })
	if err := r.write(outcomes); err != nil {
		awscdk.Annotations_Of(r.sweep.scope).AddWarningV2(jsii.String("@afterglow-lambda/construct:noReport"), jsii.String("Afterglow cannot write its report: "+err.Error()))
	}
	instrumented, hinted := 0, 0
	for _, o := range outcomes {
		if o.Instrumented {
			instrumented++
		}
		if len(o.Hints) > 0 {
			hinted++
		}
	}
	line := fmt.Sprintf("afterglow: %s: %d of %d functions instrumented", r.name("the app"), instrumented, len(outcomes))
	if hinted > 0 {
		line += fmt.Sprintf(", with hints for %d", hinted)
	}
	if instrumented < len(outcomes) || hinted > 0 {
		line += "; why not the others, and the hints, are in " + r.file()
	}
	fmt.Fprintln(r.stderr, line)
}

// outcomeOfOwn tells what became of a function that has its own settings: its own aspect knows.
func outcomeOfOwn(o outcome) outcome {
	if o.cfn == nil {
		return o
	}
	for _, aspect := range *awscdk.Aspects_Of(o.cfn).All() {
		shared, ours := aspect.(*wirings)
		if !ours {
			continue
		}
		if w := shared.find(o.cfn); w.done {
			found := w.outcome
			found.Path, found.By = o.Path, "Instrument"
			return found
		}
	}
	return o
}

// missed finds functions in Stages that came after InstrumentAll.
func (r *reporter) missed() (all []outcome) {
	for _, stage := range stagesIn(r.sweep.scope) {
		if !has(stage.Node(), metaInstrumentAll) {
			all = append(all, r.late(stage, "was made after InstrumentAll was called", "Call InstrumentAll behind it, or with the Stage")...)
		}
	}
	return all
}

// late tells of the functions of a Stage that nothing can be done for any more: loudly, for they look as if they were instrumented.
func (r *reporter) late(stage constructs.Construct, why, remedy string) (all []outcome) {
	for _, c := range *stage.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if cfn, ok := c.(awslambda.CfnFunction); ok {
			all = append(all, outcome{Path: *targetOf(cfn, cfn.Node()).shown.Node().Path(), Why: "its Stage " + why, Remedy: remedy})
		}
	}
	if len(all) == 0 {
		return nil
	}
	text := fmt.Sprintf("Afterglow leaves the %d functions of %s as they are: the Stage %s. %s.", len(all), *stage.Node().Path(), why, remedy)
	fmt.Fprintln(r.stderr, "afterglow: warning: "+text)
	// Of a Stage that is written already nothing is read again, and of an app itself nothing at all: the CDK's command line shows what is on stacks.
	root := stage.Node().Root()
	for _, c := range *root.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if stack, ok := c.(awscdk.Stack); ok && *awscdk.Stage_Of(stack).Node().Path() == *root.Node().Path() {
			awscdk.Annotations_Of(stack).AddWarningV2(jsii.String("@afterglow-lambda/construct:stageMissed"), &text)
			break
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
			if strings.Contains(r.sweep.path, "-") { // another scope's path may give the same name
				name = fmt.Sprintf("%s-%s-%.8x.json", reportName, strings.ReplaceAll(r.sweep.path, "/", "-"), sha256.Sum256([]byte(r.sweep.path)))
			}
		}
	}
	return filepath.Join(outdirOf(r.sweep.scope), name)
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
