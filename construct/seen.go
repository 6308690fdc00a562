package construct

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
)

// A seen is what functions with the same settings need not ask for twice. What it does not know is found as for the first of them, so that nothing but time depends
// on it.
type seen struct {
	layers  map[layerKey]madeLayer // what was made, or could not be
	told    map[toldKey]bool
	pattern assertions.Matcher
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

// first tells whether a hint was not given to a function of the stack before: an app of hundreds would show nothing else.
func (s *seen) first(stack awscdk.Stack, hint string) bool {
	key := toldKey{stack, hint}
	told := s.told[key]
	s.told[key] = true
	return !told
}

// untouched is a pattern of resources that nothing was put over.
func (s *seen) untouched() assertions.Matcher {
	if s.pattern == nil {
		s.pattern = assertions.Match_ObjectLike(&map[string]any{rawOverrides: assertions.Match_Exact(map[string]any{})})
	}
	return s.pattern
}

// asGiven copies settings as they are when a call is given them: who changes them for the next call does not mean this one. What functions with the same settings need
// not ask for twice stays common to the copies.
func (i *Instrumentation) asGiven() *Instrumentation {
	if i == nil {
		i = &Instrumentation{}
	}
	if i.seen == nil {
		i.seen = &seen{layers: map[layerKey]madeLayer{}, told: map[toldKey]bool{}}
	}
	given := *i
	if i.Exporters != nil {
		exporters := slices.Clone(*i.Exporters)
		given.Exporters = &exporters
	}
	return &given
}

// asGiven is the same of everything that InstrumentAll is told.
func (p *InstrumentAllProps) asGiven() *InstrumentAllProps {
	if p == nil {
		p = &InstrumentAllProps{}
	}
	given := *p
	given.Afterglow, given.Include, given.Exclude, given.Overrides = p.Afterglow.asGiven(), slices.Clone(p.Include), slices.Clone(p.Exclude), slices.Clone(p.Overrides)
	for n, o := range given.Overrides {
		if o.Afterglow != nil {
			given.Overrides[n].Afterglow = o.Afterglow.asGiven()
		}
	}
	return &given
}
