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

// A reporter writes what became of each function of a sweep. It is a validation, because those run when all aspects have; it finds nothing wrong but
// that the sweep was shown nothing.
type reporter struct {
	sweep   *sweep
	stderr  io.Writer
	done    bool
	written string          // the report as it is in its file
	said    map[string]bool // warnings
}

// Validate implements constructs.IValidation.
func (r *reporter) Validate() *[]*string {
	r.sweep.begun = true // aspects come before validations of the same Stage
	r.report()
	return r.blind()
}

// blind finds functions that the sweep was not shown: a version of the CDK could give tags in another way than taggables knows, and nothing would be instrumented.
func (r *reporter) blind() *[]*string {
	defer tell(r.sweep.scope)
	if *r.sweep.seesFunctions {
		return &[]*string{}
	}
	unseen, stage := 0, placeOf(stageOf(r.sweep.scope))
	for _, c := range *r.sweep.scope.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if cfn, ok := c.(awslambda.CfnFunction); ok && placeOf(awscdk.Stage_Of(cfn)) == stage {
			unseen++
		}
	}
	if unseen == 0 {
		return &[]*string{}
	}
	return jsii.Strings(fmt.Sprintf("Afterglow: %s: this version of the CDK has shown InstrumentAll none of the %d functions, and none is instrumented; require a version of github.com/aws/aws-cdk-go/awscdk/v2 "+
		"that docs/construct.md names as tested, and report it at github.com/afterglow-lambda/afterglow/issues", nameOf(r.sweep.scope), unseen))
}

// A belated is the reporter as a validation of the app, which comes after those of its Stages.
type belated struct{ of *reporter }

// Validate implements constructs.IValidation.
func (b *belated) Validate() *[]*string {
	if !b.of.done {
		b.of.report()
	}
	return &[]*string{}
}

// report writes the report, again only if something in it is another than before.
func (r *reporter) report() {
	defer tell(r.sweep.scope)
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
	switch news, err := r.write(outcomes); {
	case err != nil:
		text := fmt.Sprintf("Afterglow cannot write the report of %s: %v. Name another ReportFile.", r.name("the app"), err)
		awscdk.Annotations_Of(r.sweep.scope).AddWarningV2(jsii.String("@afterglow-lambda/construct:noReport"), &text)
		fmt.Fprintln(r.stderr, "afterglow: warning: "+text) // of an app itself nobody shows annotations
	case !news:
		return
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
	if r.said[text] {
		return all
	}
	r.said[text] = true
	shout(r.stderr, stage, text)
	return all
}

// shout says what is wrong in a Stage that nothing can be done for any more.
func shout(stderr io.Writer, in constructs.IConstruct, text string) {
	fmt.Fprintln(stderr, "afterglow: warning: "+text)
	// Of a Stage that is written already nothing is read again, and of an app itself nothing at all: the CDK's command line shows what is on stacks.
	root := in.Node().Root()
	for _, c := range *root.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if stack, ok := c.(awscdk.Stack); ok && *awscdk.Stage_Of(stack).Node().Path() == *root.Node().Path() {
			awscdk.Annotations_Of(stack).AddWarningV2(jsii.String("@afterglow-lambda/construct:stageMissed"), &text)
			break
		}
	}
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

// write writes the report; news, that it is another than before.
func (r *reporter) write(outcomes []outcome) (news bool, err error) {
	text, err := json.MarshalIndent(map[string]any{"functions": outcomes}, "", "  ")
	if err != nil {
		return false, fmt.Errorf("write report: %w", err)
	}
	if string(text) == r.written {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(r.file()), 0o755); err != nil { //nolint:gosec // as the assembly itself
		return false, fmt.Errorf("write report: %w", err)
	}
	if err := os.WriteFile(r.file(), append(text, '\n'), 0o644); err != nil { //nolint:gosec // as the templates beside it
		return false, fmt.Errorf("write report: %w", err)
	}
	r.written = string(text)
	return true, nil
}

// claim takes the report's file for this scope, and panics if another one's report goes there.
func (r *reporter) claim() {
	stage, name := stageOf(r.sweep.scope).Node(), filepath.Clean(r.file())
	for _, entry := range *stage.Metadata() {
		if other, ok := entry.Data.(string); ok && *entry.Type == metaReport && other == name {
			panic(fmt.Errorf("%s: property ReportFile: another scope's report goes to %s too; name another file for one of the two, or leave the property out", nameOf(r.sweep.scope), name))
		}
	}
	stage.AddMetadata(jsii.String(metaReport), name, nil)
}

// cdksFiles are the files that the CDK itself writes into a cloud assembly (aws-cdk-lib/cloud-assembly-api).
var cdksFiles = []string{"manifest.json", "tree.json", "cdk.out", "*.template.json", "*.assets.json", "*.metadata.json"}

// checkReportFile finds a report that would be written outside the cloud assembly, or over what the CDK writes.
func checkReportFile(name string) error {
	if name == "" {
		return nil
	}
	if !filepath.IsLocal(name) || filepath.Clean(name) == "." || strings.HasSuffix(name, "/") {
		return fmt.Errorf("property ReportFile: %q is no file within the cloud assembly; write a path that is relative to it and stays there, like %s.json", name, reportName)
	}
	for _, pattern := range cdksFiles {
		if theirs, _ := filepath.Match(pattern, strings.ToLower(filepath.Base(name))); theirs {
			return fmt.Errorf("property ReportFile: %q is a file of the CDK's own; write another name, like %s.json", name, reportName)
		}
	}
	return nil
}
