package construct

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Types of metadata by which calls know of each other, whatever their order. They tell nothing of the app.
const (
	// metaOurs begins all of ours.
	metaOurs = "afterglow:"
	// metaCDKs begins that of the CDK on handlers of its own.
	metaCDKs = "aws:cdk:is-custom-resource-handler-"
	// metaInstrument is on a function that Instrument was called with; functions of ours know it themselves.
	metaInstrument = metaOurs + "instrument"
	// metaInstrumentAll is on a scope that InstrumentAll was called with.
	metaInstrumentAll = metaOurs + "instrument-all"
	// metaReport is on a Stage, app or not, that reports of InstrumentAll are written for, with their files.
	metaReport = metaOurs + "report"
	// metaExclude is on a scope that Exclude was called with.
	metaExclude = metaOurs + "exclude"
)

// late is the priority of our aspects: behind those that change something (200) and those without a priority (500), which may add layers and variables that have
// to be looked at, and before those that only look (1,000).
const late = 900

// Instrument has a function instrumented that is made already, by whatever construct: awslambda.NewFunction, a singleton function, those of
// CDK's modules for Python and Go. NewInstrumentedFunction does the same for functions that it makes.
//
// The function is looked at and wired when the app is synthesised, so that layers and variables count that are added after this call. If it cannot be
// instrumented, it stays as it is, and a warning on it says why. A second call with the same function and the same settings, or none, changes nothing.
//
// It panics on wrong settings, and on others than a call before has given the function.
func Instrument(fn awslambda.IFunction, settings *Instrumentation) { mustInstrument(fn, settings) }

func mustInstrument(fn awslambda.IFunction, settings *Instrumentation) *wiring {
	mustBeGiven(fn != nil, "Instrument", "function", "give it one that is made already")
	w, err := instrument(fn, settings)
	if err != nil {
		panic(fmt.Errorf("%s: %w", *fn.Node().Path(), err))
	}
	return w
}

// instrument gives nil where nothing is to be done.
func instrument(fn awslambda.IFunction, i *Instrumentation) (*wiring, error) {
	w := &wiring{settings: i.asGiven()}
	var err error
	if w.variables, err = w.settings.environment(); err != nil {
		return nil, err
	}
	// The node that permissions are attached to is the function's own, and for a singleton that of the function behind it.
	node := fn.PermissionsNode()
	cfn, ok := node.DefaultChild().(awslambda.CfnFunction)
	if !ok {
		warn(fn, "it is not made in this app: an alias, a version or an import", "Instrument the function itself, where it is made")
		return nil, nil
	}
	wired, own := ownWiring(fn)
	switch {
	case wired != nil:
		return nil, i.agrees(w, wired)
	case !own && has(node, metaInstrument):
		return nil, i.agrees(w, wiringOf(cfn))
	case own:
		w.fn = fn.(awslambda.Function) // there is no other around its resource
	default:
		node.AddMetadata(jsii.String(metaInstrument), true, nil)
		if w.stack = cfn.Stack(); w.settings.seen.tooLate(w.stack) {
			shout(os.Stderr, cfn, fmt.Sprintf("Afterglow leaves %s as it is: its Stage was synthesised before Instrument was called, as a CodePipeline's AddStage does. Call Instrument before.", *fn.Node().Path()))
		}
	}
	shared := w.settings.seen.wirings
	shared.of[cfn] = w
	awscdk.Aspects_Of(cfn).Add(shared, &awscdk.AspectOptions{Priority: jsii.Number(late)})
	return w, nil
}

// ownWiring gives the wiring of a function of ours; own, that it is one, which is new if it has none.
func ownWiring(fn awslambda.IFunction) (w *wiring, own bool) {
	switch made := fn.(type) {
	case *instrumentedFunction:
		return made.wiring, true
	case *instrumentedNodejsFunction:
		return made.wiring, true
	}
	return nil, false
}

// Exclude keeps InstrumentAll, but not Instrument, away from all functions in a scope. Of an alias or a version it is the function behind.
func Exclude(scope constructs.IConstruct) {
	mustBeGiven(scope != nil, "Exclude", "scope", "give it a function, a stack or any other construct")
	node := scope.Node()
	switch made := scope.(type) {
	case awslambda.CfnFunction:
		node = targetOf(made, made.Node()).shown.Node()
	case awslambda.IAlias:
		Exclude(made.Version())
		return
	case awslambda.IVersion:
		Exclude(made.Lambda())
		return
	case awslambda.IFunction: // that of a singleton is elsewhere, as for instrument
		node = made.PermissionsNode()
	}
	node.AddMetadata(jsii.String(metaExclude), true, nil)
}

// has tells whether a node has metadata of a type.
func has(node constructs.Node, kind string) bool {
	for _, entry := range *node.Metadata() {
		if *entry.Type == kind {
			return true
		}
	}
	return false
}

// A wirings is the aspect of functions with the same settings: to make one for each takes jsii longer than to look it up here.
type wirings struct {
	of map[awslambda.CfnFunction]*wiring
}

// Visit implements awscdk.IAspect.
func (a *wirings) Visit(node constructs.IConstruct) {
	defer tell(node)
	if cfn, ok := node.(awslambda.CfnFunction); ok {
		a.find(cfn).visit(cfn)
	}
}

// find gives the wiring of a function. jsii gives the same reference of it as before; if it ever gives another one, the path tells.
func (a *wirings) find(cfn awslambda.CfnFunction) *wiring {
	if w := a.of[cfn]; w != nil {
		return w
	}
	path := *cfn.Node().Path()
	for other, w := range a.of {
		if *other.Node().Path() == path {
			return w
		}
	}
	panic(fmt.Errorf("nothing is known of %s, which was instrumented", path))
}

// A wiring is what one function is to be instrumented with.
type wiring struct {
	settings  *Instrumentation
	variables map[string]string  // that the settings make
	fn        awslambda.Function // nil if it has to be looked for
	stack     awscdk.Stack       // the same
	done      bool               // a second synthesis finds the function as the first one left it
	outcome   outcome
}

func (w *wiring) visit(cfn awslambda.CfnFunction) {
	if w.done {
		return
	}
	w.done = true
	t := target{cfn: cfn, fn: w.fn, shown: w.fn}
	if w.fn == nil {
		t = targetOf(cfn, cfn.Node())
	}
	if t.stack = w.stack; t.stack == nil {
		t.stack = cfn.Stack()
	}
	w.outcome = t.wire(w.settings, w.variables)
	for n, hint := range w.outcome.Hints {
		const once = " Other functions of this stack may be like it; this is said once."
		switch {
		case n >= w.outcome.ofExporters:
			awscdk.Annotations_Of(t.shown).AddInfo(jsii.String("Afterglow: " + hint + "."))
		case t.seen.first(t.stack, hint):
			awscdk.Annotations_Of(t.shown).AddInfo(jsii.String("Afterglow: " + hint + "." + once))
		}
	}
}

// tell makes an error of a panic in what jsii calls: one that went on would leave jsii in the middle of a call.
func tell(on constructs.IConstruct) {
	if r := recover(); r != nil {
		awscdk.Annotations_Of(on).AddError(jsii.String(fmt.Sprintf("Afterglow: %v", r)))
	}
}

// An outcome is what became of one function.
type outcome struct {
	Path         string   `json:"path"`
	Instrumented bool     `json:"instrumented"`
	By           string   `json:"by,omitempty"` // Instrument, if not InstrumentAll
	Why          string   `json:"why,omitempty"`
	Remedy       string   `json:"remedy,omitempty"`
	Hints        []string `json:"hints,omitempty"`

	cfn         awslambda.CfnFunction // of one that has settings of its own
	ofExporters int                   // of the hints, the first ones
}

// wire instruments a function, or leaves it exactly as it is and says why. Everything that can stop it is looked at before anything is changed.
func (t *target) wire(i *Instrumentation, variables map[string]string) (o outcome) {
	t.seen = i.seen
	state := t.look()
	if o.Why, o.Remedy = state.obstacle(); o.Why != "" {
		warn(t.shown, o.Why, o.Remedy)
		return o
	}
	wanted, exporters := i.completeFor(state, variables)
	if err := state.merge(wanted); err != nil {
		return t.fail(err)
	}
	if err := cmp.Or(state.reaches(wanted, exporters), checkResolved(exporters, t.stack.Resolve)); err != nil {
		return t.fail(err)
	}
	if o.Why, o.Remedy = state.crowded(wanted); o.Why != "" {
		warn(t.shown, o.Why, o.Remedy)
		return o
	}
	if err := t.readable(exporters); err != nil {
		return t.fail(err)
	}
	refused, unsigned := t.signing(i.layer())
	if o.Why, o.Remedy = refused.why, refused.remedy; o.Why != "" {
		warn(t.shown, o.Why, o.Remedy)
		return o
	}
	ours, err := t.attach(&state, i.layer())
	if err != nil {
		return t.fail(err)
	}
	if o.Why, o.Remedy = t.versions(state, ours); o.Why != "" {
		warn(t.shown, o.Why, o.Remedy)
		return o
	}
	t.change(state, ours, wanted)
	t.permit(exporters)
	o.Instrumented = true
	o.Hints, o.ofExporters = t.hints(state, exporters)
	warnings, hints := state.misread()
	t.warnOfSettings(warnings)
	o.Hints = slices.Concat(o.Hints, hints, state.addressless(wanted), unsigned)
	return o
}

// fail leaves an error on the function. Not a panic: it would leave jsii, which called this, in the middle of a call. The CDK's command line fails with it, and tells
// the path.
func (t target) fail(err error) outcome {
	awscdk.Annotations_Of(t.shown).AddError(jsii.String("Afterglow: " + err.Error()))
	return outcome{Why: err.Error()}
}

// warn says on a construct why nothing was done.
func warn(on constructs.IConstruct, why, remedy string) {
	awscdk.Annotations_Of(on).AddWarningV2(jsii.String(warningID), jsii.String(fmt.Sprintf("Afterglow leaves this function as it is: %s. %s.", why, remedy)))
}
