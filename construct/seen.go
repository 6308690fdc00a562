package construct

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// A seen is what functions with the same settings need not ask for twice. What it does not know is found as for the first of them, so that nothing but time depends
// on it.
type seen struct {
	layers  map[layerKey]madeLayer           // what was made, or could not be
	arns    map[awslambda.ILayerVersion]any  // resolved
	apps    map[constructs.IConstruct]*found // what is in an app, by its root
	inStack map[awscdk.Stack]*found          // the same
	keyless map[Exporter]string              // the account of a secret without a key
	told    map[toldKey]bool
	wirings *wirings
	outdirs map[awscdk.Stack]string // where templates go

	untouchedPattern, ordinaryPattern, unmarkedPattern assertions.Matcher

	fullStacks map[awscdk.Stack]bool // those that have no room for a policy more for each function
}

// A stack is a key by the reference that jsii has given of it, mostly the same one.
type layerKey struct {
	stack        awscdk.Stack
	architecture string
	source       LayerSource
}

type madeLayer struct {
	layer awslambda.ILayerVersion
	err   error
}

type toldKey struct {
	stack awscdk.Stack
	hint  string
}

func newSeen() *seen {
	return &seen{layers: map[layerKey]madeLayer{}, arns: map[awslambda.ILayerVersion]any{}, apps: map[constructs.IConstruct]*found{}, inStack: map[awscdk.Stack]*found{}, keyless: map[Exporter]string{}, told: map[toldKey]bool{}, outdirs: map[awscdk.Stack]string{}, wirings: &wirings{of: map[awslambda.CfnFunction]*wiring{}}}
}

// layer gives the layer for a function.
func (s *seen) layer(stack awscdk.Stack, architecture string, source LayerSource) (awslambda.ILayerVersion, error) {
	key := layerKey{stack, architecture, source}
	made, is := s.layers[key]
	if !is {
		made.layer, made.err = source.of(stack, architecture)
		s.layers[key] = made
	}
	return made.layer, made.err
}

// among tells whether a layer is one of those whose resolved ARNs are given.
func (s *seen) among(stack awscdk.Stack, ours awslambda.ILayerVersion, layers []any) bool {
	arn := s.arnOf(stack, ours)
	return slices.ContainsFunc(layers, func(l any) bool { return reflect.DeepEqual(l, arn) })
}

// arnOf gives a layer's ARN, resolved.
func (s *seen) arnOf(stack awscdk.Stack, l awslambda.ILayerVersion) any {
	arn, known := s.arns[l]
	if !known {
		arn = unwrap(stack.Resolve(l.LayerVersionArn()))
		s.arns[l] = arn
	}
	return arn
}

// first tells whether a hint was not given to a function of the stack before: an app of hundreds would show nothing else.
func (s *seen) first(stack awscdk.Stack, hint string) bool {
	key := toldKey{stack, hint}
	told := s.told[key]
	s.told[key] = true
	return !told
}

// started is when nothing was synthesised yet by this process.
var started = time.Now()

// tooLate tells whether the Stage of a stack was synthesised already. That leaves a manifest, which is looked for first because it takes no way to the CDK; the Stage itself
// knows better, as another app may have left it.
func (s *seen) tooLate(stack awscdk.Stack) bool {
	dir, known := s.outdirs[stack]
	if !known {
		dir = outdirOf(stack)
		s.outdirs[stack] = dir
	}
	if manifest, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil || manifest.ModTime().Before(started) {
		return false
	}
	synthesised := assertions.Match_ObjectLike(&map[string]any{"assembly": assertions.Match_AnyValue()}) // the CDK's own field
	failed, ok := unlessPanics(func() any { return *synthesised.Test(awscdk.Stage_Of(stack)).HasFailed() })
	return ok && failed == false
}

// untouched is a pattern of resources that nothing was put over.
func (s *seen) untouched() assertions.Matcher {
	if s.untouchedPattern == nil {
		s.untouchedPattern = assertions.Match_ObjectLike(&map[string]any{rawOverrides: assertions.Match_Exact(map[string]any{})})
	}
	return s.untouchedPattern
}

// ordinary is a pattern of the resources of ordinary functions.
func (s *seen) ordinary() assertions.Matcher {
	if s.ordinaryPattern == nil {
		s.ordinaryPattern = ordinary(map[string]any{})
	}
	return s.ordinaryPattern
}

// unmarked is the same of those that have no marks.
func (s *seen) unmarked() assertions.Matcher {
	if s.unmarkedPattern == nil {
		mark := map[string]any{"type": assertions.Match_StringLikeRegexp(jsii.String("^(" + metaOurs + "|" + metaCDKs + ")"))}
		marked := assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&mark)})
		s.unmarkedPattern = ordinary(map[string]any{"node": map[string]any{"metadata": assertions.Match_Not(marked)}})
	}
	return s.unmarkedPattern
}

// ordinary makes a pattern of the resources of functions as nearly all are: nothing was put over them, and their roles are for Lambda alone, by the CDK's own fields. It is
// one question in the place of several, which are asked of other functions: where a newer CDK has no such fields, of all. More is what the function itself has to have.
func ordinary(more map[string]any) assertions.Matcher {
	lambdas := map[string]any{"_principals": map[string]any{"array": []any{map[string]any{"service": "lambda.amazonaws.com"}}}}
	more["role"] = map[string]any{"assumeRolePolicy": map[string]any{"statements": []any{lambdas}}}
	return assertions.Match_ObjectLike(&map[string]any{
		rawOverrides: assertions.Match_Exact(map[string]any{}),
		"node":       map[string]any{"scope": more},
	})
}
