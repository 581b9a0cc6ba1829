package cloud

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Region is one of the clouds that a broker serves: its networks reach no network of
// another region, and the same tenant may have things in each.
type Region struct {
	Name  string // 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first
	Cloud Cloud
}

// Regions are the regions of one broker, of one kind of cloud. The first is the one of
// whoever names none.
type Regions struct {
	list  []Region
	named bool
}

// Only is the one region of a broker that knows no regions; it has no name.
func Only(c Cloud) Regions { return Regions{list: []Region{{Cloud: c}}} }

// NewRegions are regions by name. Invalid when there is none, or a name is none or comes
// twice.
func NewRegions(list ...Region) (Regions, error) {
	names := make([]string, len(list))
	for n, r := range list {
		names[n] = r.Name
	}
	if len(list) == 0 {
		return Regions{}, fault.New(fault.Invalid, "a region is needed")
	}
	return Regions{list: list, named: true}, CheckRegionNames(names)
}

// regionName is what OpenStack's own regions are called, without what would need
// quoting somewhere.
var regionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckRegionNames is Invalid when a name is none, or comes twice.
func CheckRegionNames(names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		if !regionName.MatchString(name) {
			return fault.New(fault.Invalid, "%.70q is not the name of a region: 1 to 63 letters, digits, dots, hyphens and underscores", name)
		}
		if seen[name] {
			return fault.New(fault.Invalid, "region %q is named twice", name)
		}
		seen[name] = true
	}
	return nil
}

// Names are those of the regions, the first one first; nil when there is one without a
// name.
func (r Regions) Names() []string {
	if !r.named {
		return nil
	}
	names := make([]string, len(r.list))
	for n, one := range r.list {
		names[n] = one.Name
	}
	return names
}

// All are the regions, the first one first.
func (r Regions) All() []Region { return r.list }

// In is the cloud of a region, the first one's for "". NotFound when there is no such
// region.
func (r Regions) In(name string) (Cloud, error) {
	for n, one := range r.list {
		if one.Name == name || n == 0 && name == "" {
			return one.Cloud, nil
		}
	}
	if !r.named {
		return nil, fault.New(fault.NotFound, "there is no region %q: this broker has no regions", name)
	}
	return nil, fault.New(fault.NotFound, "there is no region %q; there are %s", name, strings.Join(r.Names(), ", "))
}

// Name is the driver's.
func (r Regions) Name() string { return r.list[0].Cloud.Name() }

// Check lists what is missing in any region.
func (r Regions) Check(ctx context.Context) (list []Problem) {
	for _, one := range r.list {
		for _, p := range one.Cloud.Check(ctx) {
			if r.named {
				p.What = "region " + one.Name + ": " + p.What
			}
			list = append(list, p)
		}
	}
	return list
}

// Close releases the drivers.
func (r Regions) Close() error {
	var all []error
	for _, one := range r.list {
		all = append(all, one.Cloud.Close())
	}
	return errors.Join(all...)
}
