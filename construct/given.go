package construct

import (
	"fmt"
	"slices"
)

// mustBeGiven panics where a call has got nil for what it works on: Go's own word for that names neither the call nor the parameter.
func mustBeGiven(given bool, call, parameter, remedy string) {
	if !given {
		panic(fmt.Errorf("afterglow: %s: the %s is nil; %s", call, parameter, remedy))
	}
}

// asGiven copies settings as they are when a call is given them: who changes them for the next call does not mean this one. What functions with the same settings need
// not ask for twice stays common to the copies.
func (i *Instrumentation) asGiven() *Instrumentation {
	if i == nil {
		i = &Instrumentation{}
	}
	if i.seen == nil {
		i.seen = newSeen()
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
