package metering

import (
	"slices"

	"github.com/bumpwire/bumpwire/metering/rating"
)

// RegionNames is what people call the regions of records. Records have an instance's
// region as its document has it, empty in the first one, so that they are the same
// whether or not there have been others all the time.
type RegionNames func(stored string) string

// Lines are lines with names; what is for no service is in no region.
func (name RegionNames) Lines(lines []rating.Line) []rating.Line {
	lines = slices.Clone(lines)
	for n := range lines {
		if l := &lines[n]; l.Service != "" {
			l.Region = name(l.Region)
		}
	}
	return lines
}

// Preview is a preview whose lines have names.
func (name RegionNames) Preview(p Preview) Preview {
	p.Lines, p.expected = name.Lines(p.Lines), name.Lines(p.expected)
	return p
}

// Explanation is one with names.
func (name RegionNames) Explanation(e Explanation) Explanation {
	e.Line, e.Usage = name.Lines([]rating.Line{e.Line})[0], slices.Clone(e.Usage)
	for n := range e.Usage {
		e.Usage[n].Region = name(e.Usage[n].Region)
	}
	return e
}

// Usage are records with names.
func (name RegionNames) Usage(all []UsageRecord) []UsageRecord {
	all = slices.Clone(all)
	for n := range all {
		all[n].Region = name(all[n].Region)
	}
	return all
}

// Bills are records with names.
func (name RegionNames) Bills(all []BillingRecord) []BillingRecord {
	all = slices.Clone(all)
	for n := range all {
		all[n].Region = name(all[n].Region)
	}
	return all
}
