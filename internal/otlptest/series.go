package otlptest

import (
	"fmt"
	"time"
)

// series remembers what was accepted of every time series, to find what no single request shows: a delta that comes twice or that counts a
// time which was counted before, a total that falls. Retries may come out of order, so all intervals are kept; a test has few.
type series map[string][]Point

// seriesOf is what tells one time series from another: resource, scope, metric and attributes. fmt prints maps in the order of their keys.
func seriesOf(p Point) string {
	return fmt.Sprint(p.Resource, p.Scope, p.Name, p.Attributes)
}

// add keeps accepted points and says what is wrong with them beside those accepted before, those of their own request included.
func (s series) add(points []Point) (violations []string) {
	for _, p := range points {
		if p.Instrument == Gauge || p.Instrument == Summary {
			continue
		}
		key := seriesOf(p)
		for _, old := range s[key] {
			if wrong := beside(old, p); wrong != "" {
				violations = append(violations, fmt.Sprintf("metric %q %v: %s (request %d)", p.Name, p.Attributes, wrong, old.Request))
				break
			}
		}
		s[key] = append(s[key], p)
	}
	return violations
}

func beside(old, p Point) string {
	shown := func(p Point) string { return p.Start.Format(time.StampNano) + " to " + p.Time.Format(time.StampNano) }
	switch {
	case old.Instrument != p.Instrument || old.Unit != p.Unit || old.Monotonic != p.Monotonic:
		return fmt.Sprintf("is a %s in %q and was a %s in %q", p.Instrument, p.Unit, old.Instrument, old.Unit)
	case old.Temporality != p.Temporality:
		return fmt.Sprintf("is %s and was %s", p.Temporality, old.Temporality)
	case p.Temporality == Delta && p.Start.Before(old.Time) && old.Start.Before(p.Time):
		return fmt.Sprintf("counts %s, of which %s was counted before", shown(p), shown(old))
	case p.Temporality == Cumulative && p.Start.Equal(old.Start) && p.Time.Equal(old.Time):
		return "comes twice for " + p.Time.Format(time.StampNano)
	case p.Temporality == Cumulative && p.Start.Equal(old.Start) && p.Monotonic && (p.Time.After(old.Time) && p.Value < old.Value || p.Time.Before(old.Time) && p.Value > old.Value):
		return fmt.Sprintf("a total falls: %v at %s, %v at %s", old.Value, old.Time.Format(time.StampNano), p.Value, p.Time.Format(time.StampNano))
	case p.Temporality == Cumulative && p.Start.Equal(old.Start) && p.Time.After(old.Time) && p.Count < old.Count:
		return fmt.Sprintf("a total falls: from %d to %d", old.Count, p.Count)
	}
	return ""
}
