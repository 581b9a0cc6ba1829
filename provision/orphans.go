package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Disagreement is what the cloud and the records of one place do not agree in.
type Disagreement struct {
	Place // without a tenant: things in the cloud whose tenant nobody can tell

	// Busy says that changes are in progress for the tenant: what they make and
	// remove is no disagreement, so nothing was compared.
	Busy     bool     `json:"busy,omitempty"`
	Leftover []string `json:"leftover,omitempty"` // things in the cloud without a record
	Missing  []string `json:"missing,omitempty"`  // things of a record that the cloud has not got
	Steps    []string `json:"steps,omitempty"`    // what a repair does, in order

	Repair work.ChangeID `json:"repair,omitempty"` // the change that repairs it, when asked to
}

// Orphans compares the cloud with the records, place by place, and gives those
// that disagree, or are busy. With repair it submits a change for each that
// disagrees. The change is planned anew when its turn comes, after everything that
// was asked for before, so it never touches what is being made.
func (s *Service) Orphans(ctx context.Context, repair bool) ([]Disagreement, error) {
	list := []Disagreement{}
	places, nobodys, err := s.placesAnywhere(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		drift, err := s.compare(ctx, p)
		if err == nil && repair {
			drift, err = s.Mend(ctx, drift, "")
		}
		if err != nil {
			return nil, err
		}
		if d := disagreement(drift); d.Busy || len(d.Steps)+len(d.Missing) > 0 {
			list = append(list, d)
		}
	}
	return append(list, nobodys...), nil
}

// placesAnywhere are those that have something in the cloud or a record of it, and
// the things of none of them. With an error come the places of the regions that
// answered.
func (s *Service) placesAnywhere(ctx context.Context) (places []Place, nobodys []Disagreement, err error) {
	seen := map[Place]bool{}
	silent := map[string]bool{}
	var failed error
	for _, r := range s.regions.All() {
		region := s.stored(r.Name)
		resources, err := r.Cloud.Resources(ctx)
		if err != nil {
			silent[region] = true
			failed = errors.Join(failed, fmt.Errorf("cannot list what is in the cloud%s: %w", Place{Region: region}.there(), err))
			continue
		}
		none := Disagreement{Place: Place{Region: region}}
		for _, thing := range resources {
			if thing.Tenant == "" {
				none.Leftover = append(none.Leftover, fmt.Sprintf("%s %s", thing.Kind, thing.ID))
				continue
			}
			seen[Place{thing.Tenant, region}] = true
		}
		if len(none.Leftover) > 0 {
			nobodys = append(nobodys, none)
		}
	}
	if len(silent) == len(s.regions.All()) {
		return nil, nil, failed
	}
	for i, err := range s.instances.All(ctx, "", "") {
		if err != nil {
			return nil, nil, err
		}
		if i.live() && !silent[i.Region] {
			seen[i.place()] = true
		}
	}
	places = slices.SortedFunc(maps.Keys(seen), func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Region, b.Region))
	})
	return places, nobodys, failed
}

// disagreement is drift, told by what mends it.
func disagreement(drift Drift) Disagreement {
	d := Disagreement{Place: drift.Place, Busy: drift.Busy, Repair: drift.Repair}
	if drift.Obstacle != "" { // such as records of networks that are not there
		d.Missing = []string{drift.Obstacle}
	}
	for _, step := range drift.Steps {
		d.enter(step)
	}
	return d
}

// enter tells by what mends it what is wrong.
func (d *Disagreement) enter(step topology.Step) {
	d.Steps = append(d.Steps, step.String())
	switch step.Verb {
	case topology.Shutdown, topology.DeletePort, topology.DeleteNetwork:
		d.Leftover = append(d.Leftover, step.String())
	case topology.Await:
	default:
		d.Missing = append(d.Missing, step.String())
	}
}
