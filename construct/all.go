package construct

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// InstrumentAllProps are what InstrumentAll is told.
type InstrumentAllProps struct {
	// What Afterglow keeps, hides and sends, and where to.
	// Default: every setting has its own default, and spans go to X-Ray.
	Afterglow *Instrumentation
	// Functions that are instrumented: those that one of the matchers matches.
	// Default: all.
	Include []Matcher
	// Functions that are not, even if Include matches.
	// Default: none.
	Exclude []Matcher
	// Other settings for some functions, in the place of Afterglow: of the first override that matches.
	// Default: none.
	Overrides []Override
	// File for the report, relative to the cloud assembly.
	// Default: afterglow-report.json, with the scope's path in it where that is not the app.
	ReportFile *string
}

// An Override is other settings for some functions.
type Override struct {
	// The functions that are meant.
	// Default: none, a matcher has to be given.
	Match Matcher
	// What Afterglow keeps, hides and sends of them, and where to.
	// Default: this override changes nothing.
	Afterglow *Instrumentation
}

// InstrumentAll instruments every function of an app, a stage, a stack or any other scope: those that are there and those that come until the app is synthesised,
// nested stacks' and those in Stages that are there when it is called too. A Stage must not be synthesised before, as AddStage of a CodePipeline does. CDK's own functions, such as the handlers of custom resources, are left alone, and so
// are those that Exclude names. A function that Instrument was called with has its own settings; where scopes lie in each other the inner one counts.
//
// What was instrumented, what not and why is in a report beside the templates, its sum in a line on stderr.
//
// It panics on wrong settings.
func InstrumentAll(scope constructs.Construct, props *InstrumentAllProps) {
	mustBeGiven(scope != nil, "InstrumentAll", "scope", "give it an app, a stage, a stack or any other construct")
	var given InstrumentAllProps
	if props != nil {
		given = *props
	}
	props = props.asGiven()
	variables := map[*Instrumentation]map[string]string{}
	check := func(property string, i *Instrumentation) {
		if i == nil {
			return
		}
		var err error
		if variables[i], err = i.environment(); err != nil {
			panic(fmt.Errorf("%s: %s%w", nameOf(scope), property, err))
		}
	}
	if err := checkReportFile(deref(props.ReportFile)); err != nil {
		panic(fmt.Errorf("%s: %w", nameOf(scope), err))
	}
	check("", props.Afterglow)
	for property, matchers := range map[string][]Matcher{"Include": props.Include, "Exclude": props.Exclude} {
		for n, m := range matchers {
			if m == nil {
				panic(fmt.Errorf("%s: property %s[%d] is nil; give it a matcher, like MatchRuntime(\"python\")", nameOf(scope), property, n))
			}
		}
	}
	for n, o := range props.Overrides {
		if o.Match == nil {
			panic(fmt.Errorf("%s: property Overrides[%d].Match is nil; give it a matcher, like MatchRuntime(\"python\")", nameOf(scope), n))
		}
		check(fmt.Sprintf("property Overrides[%d]: ", n), o.Afterglow)
	}
	asked := &call{given: given, path: *scope.Node().Path(), props: props, variables: variables, seesFunctions: new(bool)}
	for _, in := range append([]constructs.Construct{scope}, stagesIn(scope)...) {
		instrumentScope(in, asked)
	}
}

// nameOf is a scope's path, or what stands for the app's, which is empty.
func nameOf(scope constructs.Construct) string { return cmp.Or(*scope.Node().Path(), "the app") }

// stagesIn finds the Stages below a scope, which aspects do not reach (github.com/aws/aws-cdk/issues/20468).
func stagesIn(scope constructs.Construct) (stages []constructs.Construct) {
	if !hasStages(scope) {
		return nil
	}
	for _, c := range *scope.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		// Go's types are asked first: it is a way to another process and back for each construct otherwise.
		if stage, maybe := c.(awscdk.Stage); maybe && *awscdk.Stage_IsStage(c) && *c.Node().Path() != *scope.Node().Path() {
			stages = append(stages, stage)
		}
	}
	return stages
}

// hasStages tells whether there may be Stages below a scope: each makes a directory of its own (cloud-assembly-api, createNestedAssembly) when it is made. To look through
// an app of hundreds of functions takes longer than to look there.
func hasStages(scope constructs.Construct) bool {
	dirs, err := filepath.Glob(filepath.Join(outdirOf(scope), "assembly-*"))
	return err != nil || len(dirs) > 0
}

// outdirOf is where the templates of a scope go.
func outdirOf(scope constructs.Construct) string {
	return *stageOf(scope).Outdir()
}

// stageOf is the Stage that a scope is in, or is.
func stageOf(scope constructs.Construct) awscdk.Stage {
	if stage, is := scope.(awscdk.Stage); is { // Stage_Of it is the one around it
		return stage
	}
	return awscdk.Stage_Of(scope)
}

func instrumentScope(scope constructs.Construct, asked *call) {
	if has(scope.Node(), metaInstrumentAll) {
		again(scope, asked) // by a scope around it, or a second call
		return
	}
	a := &sweep{call: asked, scope: scope, path: *scope.Node().Path(), known: map[string]bool{}, marks: map[string]marks{}, stacks: map[string]awscdk.Stack{}}
	r := &reporter{sweep: a, stderr: os.Stderr, said: map[string]bool{}}
	r.claim()
	scope.Node().AddMetadata(jsii.String(metaInstrumentAll), true, nil)
	awscdk.Aspects_Of(scope).Add(newTaggables(a), &awscdk.AspectOptions{Priority: jsii.Number(late)})
	scope.Node().AddValidation(r)
	if root := scope.Node().Root(); *stageOf(scope).Node().Path() != *root.Node().Path() {
		root.Node().AddValidation(&belated{r}) // which a Stage that was synthesised before does not keep from telling
	}
}

// A taggables is the aspect that shows a sweep what takes tags, as functions do. It is that of the CDK which adds a tag, with another thing done: the CDK itself leaves out
// what takes none. A function is ten constructs with two such among them, and an aspect made in Go alone is asked of all, which takes longer than most that a sweep does.
type taggables struct {
	awscdk.Tag
	sweep *sweep
}

func newTaggables(s *sweep) *taggables {
	a := &taggables{sweep: s}
	awscdk.NewTag_Override(a, jsii.String("afterglow"), jsii.String("never written"), nil)
	return a
}

// ApplyTag implements awscdk.Tag.
func (a *taggables) ApplyTag(resource awscdk.ITaggable) { a.sweep.visit(resource) }

// ApplyTagV2 implements awscdk.Tag.
func (a *taggables) ApplyTagV2(resource awscdk.ITaggableV2) { a.sweep.visit(resource) }

// A sweep is the instrumenting of a scope.
type sweep struct {
	*call
	scope    constructs.Construct
	path     string
	known    map[string]bool         // resources that were looked at: a second synthesis comes upon them again
	marks    map[string]marks        // of scopes, by their paths
	stacks   map[string]awscdk.Stack // of what is in scopes
	outcomes []outcome
	begun    bool // it was shown something, or there was nothing to show
}

// visit looks at what takes tags.
func (a *sweep) visit(taggable any) {
	a.begun = true
	node, isConstruct := taggable.(constructs.IConstruct)
	if !isConstruct { // of a package that the app does not import, which is none of Lambda
		return
	}
	defer tell(node)
	cfn, isLambdas := node.(awslambda.CfnFunction)
	if _, isSAMs := node.(samFunction); !isLambdas && !isSAMs {
		return
	}
	resource := node.Node()
	path := *resource.Path()
	if a.known[path] {
		return
	}
	a.known[path], *a.seesFunctions = true, true
	t := target{shown: node}
	if isLambdas {
		t = targetOf(cfn, resource)
	}
	if t.fn != nil {
		path = around(path)
	}
	o, others := a.judge(&t, path)
	if others { // its own report, or none
		return
	}
	o.Path = path
	a.outcomes = append(a.outcomes, o)
}

// A samFunction is an AWS::Serverless::Function, told by what only it has: its package is not imported for it.
type samFunction interface {
	AutoPublishAlias() *string
	CodeUri() any
}

// judge instruments a function or leaves it, and says why; others, that another sweep does it. What panics, such as a user's matcher, becomes the function's error.
func (a *sweep) judge(t *target, path string) (o outcome, others bool) {
	defer func() {
		if r := recover(); r != nil {
			o, others = t.fail(fmt.Errorf("%v", r)), false
		}
	}()
	why, others := a.leave(t, path)
	switch {
	case others || why != "":
		return outcome{Why: why, cfn: t.cfn}, others
	case t.cfn == nil:
		return outcome{Why: "it is an AWS::Serverless::Function, which the construct does not instrument", Remedy: "Name layer and variables in its properties, as docs/other-tools.md shows for AWS SAM"}, false
	}
	return a.wire(t, path), false
}

// wire instruments a function that nothing but its properties may keep from it.
func (a *sweep) wire(t *target, path string) outcome {
	t.stack = a.stackOf(t, path)
	c := Candidate{Path: path, Runtime: unresolved, Resource: t.cfn}
	if runtime, ok := t.read()["runtime"].(string); ok {
		c.Runtime = text(&runtime)
	}
	if why := a.leaveByProps(c); why != "" {
		return outcome{Why: why}
	}
	settings := a.settingsFor(c)
	if len(a.props.Include)+len(a.props.Exclude)+len(a.props.Overrides) > 0 {
		t.properties, t.ordinary, t.fitted = nil, false, false // a matcher has the resource in its hands, and may have changed it
	}
	return t.wire(settings, a.variables[settings])
}

// marks are what metadata says of a scope.
type marks struct {
	instrument, excluded, all, cdks bool
}

func marksOn(node constructs.Node) (m marks) {
	for _, entry := range *node.Metadata() {
		switch *entry.Type {
		case metaInstrument:
			m.instrument = true
		case metaExclude:
			m.excluded = true
		case metaInstrumentAll:
			m.all = true
		case metaCDKs + "singleton", metaCDKs + "runtime-family":
			m.cdks = true
		}
	}
	return m
}

// leave tells why a function is none of this sweep's; others, that it is another one's.
func (a *sweep) leave(t *target, path string) (why string, others bool) {
	at, on := path, a.marksOf(t)
	if on.instrument {
		return ownSettings, false
	}
	for { // from the function outwards
		switch {
		case on.excluded:
			return "it is excluded, by Exclude of " + at, false
		case on.all || at == a.path:
			return "", at != a.path
		case on.cdks:
			return cdksOwn, false
		}
		if at == "" {
			return "", true
		}
		at = around(at)
		if _, known := a.marks[at]; !known {
			a.lookAround(t)
		}
		on = a.marks[at]
	}
}

// around gives the path of the scope that something is in, by its own path.
func around(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// marksOf reads the marks of a function itself.
func (a *sweep) marksOf(t *target) marks {
	if w, _ := ownWiring(t.fn); w != nil {
		return marks{instrument: true}
	}
	if t.fit(a.props.Afterglow.seen.unmarked()) {
		return marks{}
	}
	return marksOn(t.shown.Node())
}

// stackOf gives the stack that a function is in.
func (a *sweep) stackOf(t *target, path string) awscdk.Stack {
	scope := around(path)
	if a.stacks[scope] == nil {
		a.stacks[scope] = t.cfn.Stack()
	}
	return a.stacks[scope]
}

// lookAround reads the marks of the scopes around a function, as far as they are not known.
func (a *sweep) lookAround(t *target) {
	for _, scope := range *t.shown.Node().Scopes() {
		node := scope.Node()
		path := *node.Path()
		if _, known := a.marks[path]; !known {
			a.marks[path] = marksOn(node)
		}
	}
}

const (
	cdksOwn     = "it is the CDK's own"
	ownSettings = "it has settings of its own, by Instrument"
)

// leaveByProps goes by what InstrumentAll was told, and by what no metadata marks.
func (a *sweep) leaveByProps(c Candidate) (why string) {
	if isUnmarked(c) {
		return cdksOwn
	}
	if matches("Exclude", a.props.Exclude, c) {
		return "it is excluded, by property Exclude"
	}
	if a.props.Include != nil && !matches("Include", a.props.Include, c) {
		return "property Include does not match it"
	}
	return ""
}

// isUnmarked tells functions of the CDK that have no metadata: the handlers of the custom resources' provider framework, and the one that drains the instances of an ECS
// cluster (aws-ecs/lib/drain-hook/instance-drain-hook.ts).
func isUnmarked(c Candidate) bool {
	switch {
	case slices.ContainsFunc(frameworks, func(name string) bool { return strings.HasSuffix(c.Path, "/framework-"+name) }):
		_, name, _ := strings.Cut(path.Base(c.Path), "-")
		return (strings.HasPrefix(c.Runtime, "nodejs") || c.Runtime == unresolved) && text(c.Resource.Handler()) == "framework."+name
	case strings.HasSuffix(c.Path, "/DrainECSHook/Function"):
		return text(c.Resource.Handler()) == "index.lambda_handler"
	}
	return false
}

// frameworks are the handlers of the provider framework (custom-resources/lib/provider-framework/runtime/consts.ts), which the constructs are named after. Their runtime is
// the region's newest Node.js, which CloudFormation alone may know.
var frameworks = []string{"onEvent", "isComplete", "onTimeout"}

// settingsFor gives the settings of a function; their variables are known.
func (a *sweep) settingsFor(c Candidate) *Instrumentation {
	for n, o := range a.props.Overrides {
		if o.Match.named("Overrides", n, c) && o.Afterglow != nil {
			return o.Afterglow
		}
	}
	return a.props.Afterglow
}
